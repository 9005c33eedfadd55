package skinattn

import (
	"context"
	"errors"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// Outputs of an ImageNet network beyond those of its layers, which have their
// Keras names.
const (
	PooledFeatures = "pooled" // the means of the last feature map: [C]
	ImageNetLogits = "logits" // before the softmax, of a file with top: [1000]
)

// ImageNet is a network of the table as Keras applications have it, with
// ImageNet weights, fed as Keras feeds it.
type ImageNet struct {
	Graph *layers.Graph // without the top, if the file has none
	Size  int

	backend compute.Backend
	shapes  []layers.Shape // of the outputs
	exec    *model.Exec
}

// NewImageNet loads the network name at an input of size pixels (0: its own)
// from a Keras applications file. Its outputs are layers by Keras's names,
// PooledFeatures or ImageNetLogits. Every tensor of the file is used once.
func NewImageNet(backend compute.Backend, name string, size int, file *keras.File, outputs ...string) (*ImageNet, error) {
	b, err := backbone.Find(name)
	if err != nil {
		return nil, err
	}
	if b.Weights.URL == "" {
		return nil, fmt.Errorf("%s has no ImageNet weights", b.Title)
	}
	whole, err := b.Graph(size)
	if err != nil {
		return nil, err
	}
	last, err := lastFeatures(whole)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Title, err)
	}
	m := &ImageNet{Graph: whole, Size: whole.Layer(backbone.InputLayer).Out[0], backend: backend}
	store := model.NewStore()
	fit := fitPart(file, b, whole, whole, whole.Variables())
	if fit.Err() != nil {
		bare, err := whole.Cut(last)
		if err != nil {
			return nil, err
		}
		// The error of the larger part is that of a file with top.
		if without := fitPart(file, b, whole, bare, bare.Variables()); without.Err() == nil {
			m.Graph, fit = bare, without
		}
	}
	if err := fit.Load(store); err != nil {
		return nil, err
	}
	names := make([]string, len(outputs))
	for i, output := range outputs {
		var shape layers.Shape
		switch layer := m.Graph.Layer(output); {
		case output == PooledFeatures:
			shape = m.Graph.Layer(last).Out[2:]
		case output == ImageNetLogits && m.Graph == whole:
			names[i], shape = layers.LogitsOf(whole.Last().Name), whole.Last().Out
		case output == ImageNetLogits:
			return nil, fmt.Errorf("%s has no top: it gives no ImageNet logits", file.Path)
		case layer == nil:
			return nil, fmt.Errorf("%s as in %s has no layer %q", b.Title, file.Path, output)
		default:
			names[i], shape = output, layer.Out
		}
		m.shapes = append(m.shapes, shape)
	}
	pixels := b.Preprocessing.Keras
	feeder := &Network{Config: Config{Preprocess: pixels.Preprocess, ChannelOrder: pixels.Order.String()}, order: pixels.Order}
	m.exec, err = model.NewExec(backend, store, func(_ *model.Scope, images *graph.Node) []*graph.Node {
		out := (&layers.Builder{Store: store}).Build(m.Graph, map[string]*graph.Node{backbone.InputLayer: feeder.Preprocessed(images)})
		results := make([]*graph.Node, len(names))
		for i, name := range names {
			if outputs[i] == PooledFeatures {
				results[i] = graph.ReduceMean(out[last], 1, 2)
			} else {
				results[i] = out[name]
			}
		}
		return results
	})
	if err != nil {
		return nil, fmt.Errorf("preparing %s: %w", b.Title, err)
	}
	return m, nil
}

// lastFeatures is the layer whose map the top pools.
func lastFeatures(whole *layers.Graph) (string, error) {
	last := ""
	for _, layer := range whole.Layers() { // squeeze-and-excite pools too, but before
		if _, ok := layer.Op.(layers.GlobalAveragePooling2D); ok {
			last = layer.Inputs[0]
		}
	}
	if last == "" {
		return "", errors.New("it has no pooled features")
	}
	return last, nil
}

// Shape is the shape of the i-th output for one image.
func (m *ImageNet) Shape(i int) layers.Shape { return m.shapes[i] }

// Run computes the outputs for images, RGB 0..255, each [Size Size 3] in
// row-major order: result[i] has output i of all images, one after the other.
func (m *ImageNet) Run(images [][]float32) ([][]float32, error) {
	for i, image := range images {
		if len(image) != m.Size*m.Size*3 {
			return nil, fmt.Errorf("image %d has %d values; %d x %d pixels have %d", i, len(image), m.Size, m.Size, m.Size*m.Size*3)
		}
	}
	outputs := make([][]float32, len(m.shapes))
	work := batches{doing: "computing features", backend: m.backend, n: len(images), size: min(inferenceBatchAt(m.Size), powerOfTwo(len(images))),
		shape: layers.Shape{m.Size, m.Size, 3}, images: Floats(func(i int, dst []float32) { copy(dst, images[i]) })}
	err := work.run(context.Background(), m.exec, func(start, end int, results [][]float32) error {
		for i, flat := range results {
			outputs[i] = append(outputs[i], flat[:(end-start)*m.shapes[i].Size()]...)
		}
		return nil
	})
	return outputs, err
}

// Close frees the compiled graph.
func (m *ImageNet) Close() { m.exec.Finalize() }
