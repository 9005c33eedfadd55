package skinattn

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// EmbeddingWidth is the number of values of an embedding: the channels of the features.
func (n *Network) EmbeddingWidth() int {
	shape := n.FeatureShape()
	return shape[len(shape)-1]
}

// Embedder computes embeddings: the means over all places of the features, the output of the
// cut layer. The angle between two embeddings says how alike two photos are for the network,
// whoever the patients are. Like its [Program], it compiles at first use and is not for use by
// several goroutines at once.
type Embedder struct {
	program *Program
}

// NewEmbedder prepares the embeddings of n, as in inference, with the weights in store.
// Close the embedder after use.
func (n *Network) NewEmbedder(backend compute.Backend, store *model.Store) (*Embedder, error) {
	before, err := n.UpToCut()
	if err != nil {
		return nil, err
	}
	if len(n.FeatureShape()) > 1 {
		before.Add("embedding", layers.GlobalAveragePooling2D{}, n.Cut)
	}
	program, err := n.lastOf(before, "computing embeddings", backend, store)
	if err != nil {
		return nil, err
	}
	return &Embedder{program}, nil
}

// Close frees the compiled graphs.
func (e *Embedder) Close() { e.program.Close() }

// Embed computes the embeddings of images, [Size Size 3] (see [Network.Upright]), and hands
// each, [EmbeddingWidth], to use, which must not keep the slice.
func (e *Embedder) Embed(ctx context.Context, images Images, use func(i int, embedding []float32) error) error {
	return e.program.Run(ctx, Feed{Images: images}, func(i int, outputs [][]float32) error { return use(i, outputs[0]) })
}

// HashUpToCut writes the names and values of the weights that features depend on, for a hash.
// All are in store.
func (n *Network) HashUpToCut(hash io.Writer, store *model.Store) error {
	before, err := n.UpToCut()
	if err != nil {
		return err
	}
	for _, v := range before.Variables() {
		values, err := tensors.CopyFlatData[float32](store.GetVariable(v.Path()).MustValue())
		if err != nil {
			return fmt.Errorf("reading %s: %w", v.Path(), err)
		}
		fmt.Fprintf(hash, "%s %d\n", v.Path(), len(values))
		if err := binary.Write(hash, binary.LittleEndian, values); err != nil {
			return err
		}
	}
	return nil
}
