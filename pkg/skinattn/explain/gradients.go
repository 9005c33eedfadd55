package explain

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// pixelShare is the factor by which a batch is smaller when the gradient goes through
// the whole network: all of its feature maps must then be kept.
const pixelShare = 4

// newLayerGradients returns the program that computes predictions and Grad-CAM maps
// together. Its outputs are logits, probabilities, the attention maps if the network has
// them, and the map of each method with ofLayer, in the order of the options.
func newLayerGradients(network *skinattn.Model, options Options) (*skinattn.Program, error) {
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

// newPixelGradients returns the program that computes the gradient [B Size Size 3] with
// respect to the pixels, which must be floats.
func newPixelGradients(network *skinattn.Model) (*skinattn.Program, error) {
	batch := max(1, network.Batch()/pixelShare)
	return newGradients(network, batch, func(outputs map[string]*graph.Node, pixels, classes *graph.Node) []*graph.Node {
		return graph.Gradient(scoreOf(outputs[layers.LogitsOf(network.Output)], classes), pixels)
	})
}

// newGradients prepares a program whose inputs are pixels [B Size Size 3], encoded metadata
// [B MetadataWidth] and classes [B].
func newGradients(network *skinattn.Model, batch int,
	build func(outputs map[string]*graph.Node, pixels, classes *graph.Node) []*graph.Node) (*skinattn.Program, error) {
	whole := func(in []*graph.Node) []*graph.Node {
		return build(network.Forward(&layers.Builder{Store: network.Store}, in[0], in[1]), in[0], in[2])
	}
	return skinattn.NewProgram("computing gradients", network.Backend, network.Store, network.InputShape(), batch, whole)
}

// classInput is the input that says which class's logit to differentiate.
func classInput(class func(i int) int) skinattn.Input {
	return func(start, end, rows int) *tensors.Tensor {
		classes := make([]int32, rows)
		for i := start; i < end; i++ {
			classes[i-start] = int32(class(i))
		}
		return tensors.FromFlatDataAndDimensions(classes, rows)
	}
}

// scoreOf returns the sum over the batch of each image's logit of its class. No image's
// logit depends on another image, so the gradient of the sum has the gradient of each.
func scoreOf(logits, classes *graph.Node) *graph.Node {
	return graph.ReduceAllSum(graph.Mul(logits, graph.OneHot(classes, ham10000.NumClasses, logits.DType())))
}

// gradCAM returns maps [B H W] of activations and gradient [B H W C].
func gradCAM(activations, gradient *graph.Node) *graph.Node {
	return weighted(activations, graph.ReduceMean(gradient, 1, 2))
}

// gradCAMPlusPlus returns maps [B H W] of activations and gradient [B H W C]. The
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

// weighted returns ReLU of the sum over the channels of activations [B H W C] times
// weights [B C].
func weighted(activations, weights *graph.Node) *graph.Node {
	sum := graph.ReduceSum(graph.Mul(activations, graph.ExpandAxes(weights, 1, 2)), -1)
	return graph.MaxScalar(sum, 0)
}
