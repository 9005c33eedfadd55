package skinattn

import (
	"context"
	"fmt"
	"math/bits"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// Model is a network with its weights on an engine, ready to predict. Like its
// [Program], it compiles at the first prediction and is not for use by several
// goroutines at once.
type Model struct {
	*Network
	Store   *model.Store
	Backend compute.Backend

	program *Program
	views   *Views // see preparedViews
}

// inferenceBatch is the number of images of 224 pixels that are predicted at once. Batches
// of other sizes have about the same number of pixels.
const inferenceBatch = 32

// InferenceBatch is the number of images of size pixels that a Model, or an Extractor,
// computes at once unless it is told otherwise, a power of two.
func InferenceBatch(size int) int {
	room := max(1, inferenceBatch*224*224/(size*size))
	return min(inferenceBatch, 1<<(bits.Len(uint(room))-1))
}

// NewModel prepares predictions of net with the weights in store, batch images at a time
// (0: a good default). All variables must be in store when Predict is first called;
// training may change them between calls. Close the model after use.
func NewModel(backend compute.Backend, net *Network, store *model.Store, batch int) (*Model, error) {
	if batch <= 0 {
		batch = InferenceBatch(net.Size)
	}
	program, err := NewProgram("predicting", backend, store, net.InputShape(), batch, func(in []*graph.Node) []*graph.Node {
		outputs := net.Forward(&layers.Builder{Store: store, Grouped: true}, in[0], in[1])
		results := []*graph.Node{outputs[layers.LogitsOf(net.Output)], outputs[net.Output]}
		if net.SoftAttention {
			results = append(results, outputs[layers.MapsOf(AttentionLayer)])
		}
		return results
	})
	if err != nil {
		return nil, err
	}
	outputs := []string{layers.LogitsOf(net.Output), net.Output}
	if net.SoftAttention {
		outputs = append(outputs, layers.MapsOf(AttentionLayer))
	}
	program.kernels = net.newKernels(backend, store, net.Graph, outputs...)
	return &Model{Network: net, Store: store, Backend: backend, program: program}, nil
}

// Prediction is the network's output for one image.
type Prediction struct {
	Logits        []float32 // before the softmax, in class order
	Probabilities []float32 // in class order, summing to 1
	// Attention has the Soft-Attention maps, [AttentionShape] in row-major order, each
	// head summing to 1. It is nil unless Request.Attention asks for it, and for a
	// network without Soft-Attention.
	Attention []float32
}

// Request is the input of a prediction.
type Request struct {
	Images Images
	// Metadata has a completed entry for each image; a network that takes none ignores
	// it.
	Metadata  []Metadata
	Attention bool // whether the predictions have Soft-Attention maps
	// Progress, if not nil, gets the number of finished images after each batch;
	// an image counts once for each of its views.
	Progress func(done, total int)
}

// CheckMetadata returns an error if the network takes metadata and there is not one entry
// for each image.
func (n *Network) CheckMetadata(images Images, metadata []Metadata) error {
	if n.Metadata && len(metadata) != images.Len() {
		return fmt.Errorf("%d images have %d entries of metadata", images.Len(), len(metadata))
	}
	return nil
}

// MeanAge is the mean age of the training part in years, which stands in for an unknown
// age; 0 for a network without metadata.
func (m *Model) MeanAge() float64 {
	v := m.Store.GetVariable("/" + NormalizationLayer + "/mean")
	if v == nil {
		return 0
	}
	return float64(tensors.ToScalar[float32](v.MustValue()))
}

// LimitBatch makes predictions take at most n images at once, a power of two, for less
// memory.
func (m *Model) LimitBatch(n int) { m.program.batch = min(m.program.batch, n) }

// Batch is the greatest number of images that are predicted at once.
func (m *Model) Batch() int { return m.program.batch }

// AttentionShape is [heads rows cols] of Prediction.Attention, nil without
// Soft-Attention.
func (m *Model) AttentionShape() []int {
	if !m.SoftAttention {
		return nil
	}
	attended := m.Graph.Layer(AttentionLayer).Out
	return []int{attentionHeads, attended[0], attended[1]}
}

// Predict computes the predictions for the images as they are, without turned views.
func (m *Model) Predict(ctx context.Context, r Request) ([]Prediction, error) {
	if err := m.CheckMetadata(r.Images, r.Metadata); err != nil {
		return nil, fmt.Errorf("predicting: %w", err)
	}
	outputs := 2
	if r.Attention && m.SoftAttention {
		outputs = 3
	}
	predictions := make([]Prediction, 0, r.Images.Len())
	feed := Feed{Images: r.Images, Inputs: []Input{m.MetadataInput(r.Metadata)}, Outputs: outputs, Progress: r.Progress}
	err := m.program.Run(ctx, feed, func(_ int, rows [][]float32) error {
		p := Prediction{Logits: slices.Clone(rows[0]), Probabilities: slices.Clone(rows[1])}
		if outputs == 3 {
			p.Attention = slices.Clone(rows[2])
		}
		predictions = append(predictions, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return predictions, nil
}

// MetadataInput is the second input of [Network.Forward], [rows MetadataWidth]: zeros for
// a network that takes no metadata.
func (n *Network) MetadataInput(metadata []Metadata) Input {
	return func(start, end, rows int) *tensors.Tensor {
		encoded := make([]float32, rows*MetadataWidth)
		if n.Metadata {
			copy(encoded, EncodeMetadata(metadata[start:end]))
		}
		return tensors.FromFlatDataAndDimensions(encoded, rows, MetadataWidth)
	}
}

// Close frees the compiled graphs; the weights stay in the store.
func (m *Model) Close() { m.program.Close() }

// CheckStore returns an error that names a variable of the network which store lacks or
// has in another shape.
func (n *Network) CheckStore(store *model.Store) error {
	for _, v := range n.Graph.Variables() {
		have := store.GetVariable(v.Path())
		if have == nil {
			return fmt.Errorf("variable %s of the network has no weights", v.Path())
		}
		if !slices.Equal(have.Shape().Dimensions, v.Shape) {
			return fmt.Errorf("variable %s has shape %v where the network has %v", v.Path(), have.Shape().Dimensions, v.Shape)
		}
	}
	return nil
}
