package skinattn

import (
	"context"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// UpToCut returns the layers that the features, the output of the cut layer, depend on.
func (n *Network) UpToCut() (*layers.Graph, error) { return n.Graph.Cut(n.Cut) }

// AfterCut returns the network without the layers up to the cut: it takes features,
// float32 [B FeatureShape], in place of pixels. Its variables have the same names as in
// the whole network.
func (n *Network) AfterCut() (*Network, error) {
	graph, err := n.after(n.Cut)
	if err != nil {
		return nil, err
	}
	return &Network{Network: n.Network, Graph: graph, Output: n.Output, fromFeatures: true}, nil
}

// after returns the layers that the named layer does not depend on, and that layer as an
// input.
func (n *Network) after(name string) (*layers.Graph, error) {
	before, err := n.Graph.Cut(name)
	if err != nil {
		return nil, err
	}
	after := &layers.Graph{}
	err = layers.Try(func() {
		after.Add(name, layers.Input{Dims: n.Graph.Layer(name).Out})
		for _, layer := range n.Graph.Layers() {
			if before.Layer(layer.Name) == nil {
				after.Add(layer.Name, layer.Op, layer.Inputs...)
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("taking the network after %s apart: %w", name, err)
	}
	return after, nil
}

// FeatureShape is the shape of the cut layer's output.
func (n *Network) FeatureShape() layers.Shape { return n.Graph.Layer(n.Cut).Out }

// PhotoShape is the shape of one photo as training takes it: [PhotoSize PhotoSize 3], or
// FeatureShape for a network after the cut.
func (n *Network) PhotoShape() layers.Shape {
	if n.fromFeatures {
		return n.FeatureShape()
	}
	return layers.Shape{n.PhotoSize(), n.PhotoSize(), 3}
}

// InputShape is the shape of one image as the network takes it: [Size Size 3], or
// FeatureShape for a network after the cut.
func (n *Network) InputShape() layers.Shape {
	if n.fromFeatures {
		return n.FeatureShape()
	}
	return layers.Shape{n.Size, n.Size, 3}
}

// Extractor computes features. Like its [Program], it compiles at first use and is not
// for use by several goroutines at once.
type Extractor struct {
	program *Program
}

// NewExtractor prepares the features of n, as in inference, with the weights in store.
// Close the extractor after use.
func (n *Network) NewExtractor(backend compute.Backend, store *model.Store) (*Extractor, error) {
	before, err := n.UpToCut()
	if err != nil {
		return nil, err
	}
	program, err := n.lastOf(before, "computing features", backend, store)
	if err != nil {
		return nil, err
	}
	return &Extractor{program}, nil
}

// lastOf is a program that takes images, [Size Size 3], and gives the output of the last of some layers.
func (n *Network) lastOf(some *layers.Graph, doing string, backend compute.Backend, store *model.Store) (*Program, error) {
	last := some.Last().Name
	program, err := NewProgram(doing, backend, store, n.InputShape(), InferenceBatch(n.Size), func(in []*graph.Node) []*graph.Node {
		outputs := (&layers.Builder{Store: store, Grouped: true}).Build(some, map[string]*graph.Node{backbone.InputLayer: n.Preprocessed(in[0])})
		return []*graph.Node{outputs[last]}
	})
	if err != nil {
		return nil, err
	}
	program.kernels = n.newKernels(backend, store, some, last)
	return program, nil
}

// Close frees the compiled graphs.
func (e *Extractor) Close() { e.program.Close() }

// Features computes the features of images and hands each image's, FeatureShape in
// row-major order, to use, which must not keep the slice.
func (e *Extractor) Features(ctx context.Context, images Images, use func(i int, features []float32) error) error {
	return e.program.Run(ctx, Feed{Images: images}, func(i int, outputs [][]float32) error { return use(i, outputs[0]) })
}
