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

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// Model is a network with its weights on an engine, ready to predict.
type Model struct {
	*Network
	Store   *model.Store
	Backend compute.Backend

	exec  *model.Exec
	batch int
}

// inferenceBatch is how many images of 224 pixels are predicted at once, and of
// others as many as fit into that room. A batch that is not full is padded, so
// that one compiled graph serves all; a few images alone get a graph of their own.
const inferenceBatch = 32

// inferenceBatchAt is the batch for images of size pixels, a power of two.
func inferenceBatchAt(size int) int {
	room := max(1, inferenceBatch*224*224/(size*size))
	return min(inferenceBatch, 1<<(bits.Len(uint(room))-1))
}

// NewModel prepares predictions of net with the weights in store, batch images
// at a time (0: a good default). All variables must be in store when Predict is
// first called; training may change them between calls.
func NewModel(backend compute.Backend, net *Network, store *model.Store, batch int) (*Model, error) {
	if batch <= 0 {
		batch = inferenceBatchAt(net.Size)
	}
	m := &Model{Network: net, Store: store, Backend: backend, batch: batch}
	exec, err := model.NewExec(backend, store, func(_ *model.Scope, in []*graph.Node) []*graph.Node {
		outputs := net.Forward(&layers.Builder{Store: store, Grouped: true}, in[0], in[1])
		results := []*graph.Node{outputs[layers.LogitsOf(net.Output)], outputs[net.Output]}
		if net.SoftAttention {
			results = append(results, outputs[layers.MapsOf(AttentionLayer)])
		}
		return results
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the network: %w", err)
	}
	m.exec = exec
	return m, nil
}

// Prediction is what the network says of one image.
type Prediction struct {
	Logits        []float32 // before the softmax, in class order
	Probabilities []float32 // in class order, summing to 1
	// Attention has the Soft-Attention maps, [heads rows cols] in row-major
	// order, each head summing to 1; nil without Soft-Attention.
	Attention []float32
}

// MeanAge is the mean age of the training part, which stands in for an unknown
// one; 0 for a network without metadata.
func (m *Model) MeanAge() float64 {
	v := m.Store.GetVariable("/" + NormalizationLayer + "/mean")
	if v == nil {
		return 0
	}
	return float64(tensors.ToScalar[float32](v.MustValue()))
}

// Batch is how many images are predicted at once.
func (m *Model) Batch() int { return m.batch }

// AttentionShape is [heads rows cols] of Prediction.Attention, nil without
// Soft-Attention.
func (m *Model) AttentionShape() []int {
	if !m.SoftAttention {
		return nil
	}
	attended := m.Graph.Layer(AttentionLayer).Out
	return []int{attentionHeads, attended[0], attended[1]}
}

// Predict computes the predictions for the first n images. metadata has n
// completed entries, or is nil if the network takes none. done, if not nil, is
// told after each batch how many images are finished.
func (m *Model) Predict(ctx context.Context, n int, images Images, metadata []Metadata, done func(int)) ([]Prediction, error) {
	predictions := make([]Prediction, 0, n)
	work := batches{doing: "predicting", backend: m.Backend, n: n, size: min(m.batch, powerOfTwo(n)), shape: m.inputShape(), images: images}
	work.more = func(start, end int) []*tensors.Tensor {
		encoded := make([]float32, work.size*MetadataWidth)
		if m.Metadata {
			copy(encoded, EncodeMetadata(metadata[start:end]))
		}
		return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(encoded, work.size, MetadataWidth)}
	}
	err := work.run(ctx, m.exec, func(start, end int, outputs [][]float32) error {
		for i := range end - start {
			p := Prediction{Logits: row(outputs[0], i, ham10000.NumClasses), Probabilities: row(outputs[1], i, ham10000.NumClasses)}
			if m.SoftAttention {
				p.Attention = row(outputs[2], i, len(outputs[2])/work.size)
			}
			predictions = append(predictions, p)
		}
		if done != nil {
			done(end)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return predictions, nil
}

// powerOfTwo is the smallest power of two that is at least n.
func powerOfTwo(n int) int {
	if n <= 1 {
		return 1
	}
	return 1 << bits.Len(uint(n-1))
}

// Close frees the compiled graphs; the weights stay in the store.
func (m *Model) Close() { m.exec.Finalize() }

// CheckStore says which variable of the network store lacks or has in another
// shape.
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
