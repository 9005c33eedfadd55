package explain

import (
	"context"
	"fmt"
	"math/bits"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/oneline"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// gradients is a graph that differentiates a class's logit. It takes pixels
// [B Size Size 3], encoded metadata [B MetadataWidth] and classes [B].
type gradients struct {
	network *skinattn.Model
	exec    *model.Exec
	batch   int
}

// pixelShare is how many times fewer images a batch has when the gradient goes
// through the whole network, whose maps must all be kept for it.
const pixelShare = 4

// newLayerGradients makes the graph that predicts and makes Grad-CAM maps in
// one: results are logits, probabilities, classes as explained, the attention
// maps if the network has them, and the map of each method of a layer, in the
// order of the options.
func newLayerGradients(network *skinattn.Model, options Options) (*gradients, error) {
	return newGradients(network, network.Batch(), func(outputs map[string]*graph.Node, _, classes *graph.Node) []*graph.Node {
		logits, probabilities := outputs[layers.LogitsOf(network.Output)], outputs[network.Output]
		predicted := graph.ArgMax(probabilities, -1, dtypes.Int32)
		classes = graph.Where(graph.LessThan(classes, graph.ZerosLike(classes)), predicted, classes)
		results := []*graph.Node{logits, probabilities}
		if network.SoftAttention {
			results = append(results, outputs[layers.MapsOf(skinattn.AttentionLayer)])
		}
		activations := outputs[options.Layer]
		gradient := graph.Gradient(scoreOf(logits, classes), activations)[0]
		for _, m := range options.Methods {
			switch m {
			case GradCAM:
				results = append(results, gradCAM(activations, gradient))
			case GradCAMPlusPlus:
				results = append(results, gradCAMPlusPlus(activations, gradient))
			}
		}
		return results
	})
}

// newPixelGradients makes the graph of the gradient [B Size Size 3] of the
// pixels.
func newPixelGradients(network *skinattn.Model) (*gradients, error) {
	return newGradients(network, max(1, network.Batch()/pixelShare), func(outputs map[string]*graph.Node, pixels, classes *graph.Node) []*graph.Node {
		return graph.Gradient(scoreOf(outputs[layers.LogitsOf(network.Output)], classes), pixels)
	})
}

func newGradients(network *skinattn.Model, batch int, build func(outputs map[string]*graph.Node, pixels, classes *graph.Node) []*graph.Node) (*gradients, error) {
	exec, err := model.NewExec(network.Backend, network.Store, func(_ *model.Scope, in []*graph.Node) []*graph.Node {
		return build(network.Forward(&layers.Builder{Store: network.Store}, in[0], in[1]), in[0], in[2])
	})
	if err != nil {
		return nil, fmt.Errorf("preparing gradients: %w", err)
	}
	return &gradients{network, exec, batch}, nil
}

// scoreOf is the sum over the batch of each image's logit of its class: no
// image's logit depends on another image, so one gradient has them all.
func scoreOf(logits, classes *graph.Node) *graph.Node {
	return graph.ReduceAllSum(graph.Mul(logits, graph.OneHot(classes, ham10000.NumClasses, logits.DType())))
}

// gradCAM makes maps [B H W] of activations and gradient [B H W C].
func gradCAM(activations, gradient *graph.Node) *graph.Node {
	return weighted(activations, graph.ReduceMean(gradient, 1, 2))
}

// gradCAMPlusPlus makes maps [B H W] of activations and gradient [B H W C]. The
// weight of a channel is the sum of alpha*ReLU(g) over its positions with
//
//	alpha = g^2 / (2 g^2 + g^3 * sum of the channel's activations)
//
// (equation 19, the derivatives of exp(logit) being its product with powers of
// g), divided here by g^2, whose cube would leave the range of a float32.
func gradCAMPlusPlus(activations, gradient *graph.Node) *graph.Node {
	sum := graph.ReduceAndKeep(activations, graph.ReduceSum, 1, 2)
	divisor := graph.AddScalar(graph.Mul(sum, gradient), 2)
	zero := graph.ZerosLike(gradient)
	counts := graph.And(graph.GreaterThan(gradient, zero), graph.NotEqual(divisor, zero))
	share := graph.Where(counts, graph.Div(gradient, graph.Where(counts, divisor, graph.OnesLike(divisor))), zero)
	return weighted(activations, graph.ReduceSum(share, 1, 2))
}

// weighted is the sum over the channels of activations [B H W C] by weights
// [B C], where it is above 0.
func weighted(activations, weights *graph.Node) *graph.Node {
	sum := graph.ReduceSum(graph.Mul(activations, graph.ExpandAxes(weights, 1, 2)), -1)
	return graph.MaxScalar(sum, 0)
}

// run runs the graph on n inputs, batch by batch. input writes the k-th one's
// pixels and encoded metadata and returns its class; use gets the values of its
// results and may keep them.
func (g *gradients) run(ctx context.Context, n int, input func(k int, pixels, metadata []float32) (class int), use func(k int, results [][]float32)) error {
	values := g.network.Size * g.network.Size * 3
	// A batch that is not full is padded, as in Model.Predict.
	batch := min(g.batch, powerOfTwo(n))
	for start := 0; start < n; start += batch {
		if err := ctx.Err(); err != nil {
			return err
		}
		end := min(start+batch, n)
		pixels, metadata, classes := make([]float32, batch*values), make([]float32, batch*skinattn.MetadataWidth), make([]int32, batch)
		for k := start; k < end; k++ {
			i := k - start
			classes[i] = int32(input(k, pixels[i*values:(i+1)*values], metadata[i*skinattn.MetadataWidth:(i+1)*skinattn.MetadataWidth]))
		}
		results, err := g.exec.Call(
			tensors.FromFlatDataAndDimensions(pixels, batch, g.network.Size, g.network.Size, 3),
			tensors.FromFlatDataAndDimensions(metadata, batch, skinattn.MetadataWidth),
			tensors.FromFlatDataAndDimensions(classes, batch))
		if err != nil {
			return fmt.Errorf("computing gradients: %w", oneline.Error(err))
		}
		rows := make([][][]float32, batch) // by input and result
		for _, result := range results {
			flat, err := tensors.CopyFlatData[float32](result)
			if err != nil {
				return fmt.Errorf("computing gradients: %w", err)
			}
			width := len(flat) / batch
			for i := range rows {
				rows[i] = append(rows[i], flat[i*width:(i+1)*width:(i+1)*width])
			}
		}
		for k := start; k < end; k++ {
			use(k, rows[k-start])
		}
	}
	return nil
}

// powerOfTwo is the smallest power of two that is at least n.
func powerOfTwo(n int) int { return 1 << bits.Len(uint(max(n, 1)-1)) }
