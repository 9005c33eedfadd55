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

// UpToCut is the part of the network that the features depend on.
func (n *Network) UpToCut() (*layers.Graph, error) { return n.Graph.Cut(n.Cut) }

// AfterCut is the network without the layers up to the cut: it takes their
// features, float32 [B, FeatureShape], in place of pixels. Its variables are
// those of the whole network of the same names.
func (n *Network) AfterCut() (*Network, error) {
	before, err := n.UpToCut()
	if err != nil {
		return nil, err
	}
	after := &Network{Network: n.Network, Graph: &layers.Graph{}, Output: n.Output, fromFeatures: true}
	err = layers.Try(func() {
		after.Graph.Add(n.Cut, layers.Input{Dims: n.FeatureShape()})
		for _, layer := range n.Graph.Layers() {
			if before.Layer(layer.Name) == nil {
				after.Graph.Add(layer.Name, layer.Op, layer.Inputs...)
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("taking the network after %s apart: %w", n.Cut, err)
	}
	return after, nil
}

// FeatureShape is the shape of the cut layer's output.
func (n *Network) FeatureShape() layers.Shape { return n.Graph.Layer(n.Cut).Out }

// inputShape is the shape of what Forward takes for one image.
func (n *Network) inputShape() layers.Shape {
	if n.fromFeatures {
		return n.FeatureShape()
	}
	return layers.Shape{n.Size, n.Size, 3}
}

// Extractor computes features, with one compiled graph for all calls.
type Extractor struct {
	net     *Network
	backend compute.Backend
	exec    *model.Exec
}

// NewExtractor prepares the features of n, as in inference, with the weights in
// store. Close it.
func (n *Network) NewExtractor(backend compute.Backend, store *model.Store) (*Extractor, error) {
	before, err := n.UpToCut()
	if err != nil {
		return nil, err
	}
	exec, err := model.NewExec(backend, store, func(_ *model.Scope, in []*graph.Node) []*graph.Node {
		outputs := (&layers.Builder{Store: store, Grouped: true}).Build(before, map[string]*graph.Node{backbone.InputLayer: n.Preprocessed(in[0])})
		return []*graph.Node{outputs[n.Cut]}
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the features: %w", err)
	}
	return &Extractor{n, backend, exec}, nil
}

// Close frees the compiled graph.
func (e *Extractor) Close() { e.exec.Finalize() }

// Features computes the features of the first count images and hands each to
// use, which must not keep the slice.
func (e *Extractor) Features(ctx context.Context, count int, images Images, use func(i int, features []float32) error) error {
	size := e.net.Size
	work := batches{doing: "computing features", backend: e.backend, n: count, size: inferenceBatchAt(size), shape: layers.Shape{size, size, 3}, images: images}
	width := e.net.FeatureShape().Size()
	return work.run(ctx, e.exec, func(start, end int, outputs [][]float32) error {
		for i := start; i < end; i++ {
			if err := use(i, row(outputs[0], i-start, width)); err != nil {
				return err
			}
		}
		return nil
	})
}
