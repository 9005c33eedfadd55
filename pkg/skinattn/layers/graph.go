package layers

import (
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/support/exceptions"
)

// Layer is one named node of a Graph.
type Layer struct {
	Name   string
	Op     Op
	Inputs []string // names of earlier layers
	Out    Shape
}

// Graph is a network: layers in the order of their creation, inputs before their users. The zero value is an empty graph,
// ready to use.
type Graph struct {
	layers []*Layer
	byName map[string]*Layer
}

// Add appends a layer and returns its name. It panics with an error on an unknown input, a name used twice, or shapes that
// do not fit; Try returns the error.
func (g *Graph) Add(name string, op Op, inputs ...string) string {
	if g.byName[name] != nil {
		panic(fmt.Errorf("layer %q is already in the graph", name))
	}
	for _, input := range inputs {
		if g.byName[input] == nil {
			panic(fmt.Errorf("layer %q: input %q is not in the graph", name, input))
		}
	}
	var err error
	layer := &Layer{Name: name, Op: op, Inputs: inputs}
	if layer.Out, err = op.Shape(g.InputShapes(layer)...); err != nil {
		panic(fmt.Errorf("layer %q: %w", name, err))
	}
	g.put(layer)
	return name
}

func (g *Graph) put(layer *Layer) {
	if g.byName == nil {
		g.byName = map[string]*Layer{}
	}
	g.layers = append(g.layers, layer)
	g.byName[layer.Name] = layer
}

// Try runs build and returns the error that it panicked with. Another value than an error panics on.
func Try(build func()) error { return exceptions.TryCatch[error](build) }

// Layers returns the layers in order.
func (g *Graph) Layers() []*Layer { return g.layers }

// Layer returns the layer of that name, nil if there is none.
func (g *Graph) Layer(name string) *Layer { return g.byName[name] }

// At returns the layer at a Keras index; negative ones count from the end.
func (g *Graph) At(index int) *Layer {
	if index < 0 {
		index += len(g.layers)
	}
	return g.layers[index]
}

// Last returns the layer that was added last.
func (g *Graph) Last() *Layer { return g.At(-1) }

// InputShapes returns the shapes of l's inputs.
func (g *Graph) InputShapes(l *Layer) []Shape {
	shapes := make([]Shape, len(l.Inputs))
	for i, name := range l.Inputs {
		shapes[i] = g.byName[name].Out
	}
	return shapes
}

// Cut returns the named layer and all layers that it depends on: the layers of a Keras model with that layer's output.
func (g *Graph) Cut(name string) (*Graph, error) {
	if g.byName[name] == nil {
		return nil, fmt.Errorf("no layer is called %q", name)
	}
	needed := map[string]bool{name: true}
	for _, layer := range slices.Backward(g.layers) {
		if needed[layer.Name] {
			for _, input := range layer.Inputs {
				needed[input] = true
			}
		}
	}
	part := &Graph{}
	for _, layer := range g.layers {
		if needed[layer.Name] {
			part.put(layer)
		}
	}
	return part, nil
}

// Consumers counts how many layers use each layer's output.
func (g *Graph) Consumers() map[string]int {
	count := map[string]int{}
	for _, layer := range g.layers {
		for _, input := range layer.Inputs {
			count[input]++
		}
	}
	return count
}

// Variables lists all variables in layer order, each under its full Keras name ("layer/variable").
func (g *Graph) Variables() []Variable {
	var all []Variable
	for _, layer := range g.layers {
		for _, v := range layer.Op.Variables(g.InputShapes(layer)...) {
			v.Layer = layer.Name
			all = append(all, v)
		}
	}
	return all
}

// Parameters counts the scalars in all variables, as Keras's summary does.
func (g *Graph) Parameters() (total, trainable int) {
	for _, v := range g.Variables() {
		total += v.Shape.Size()
		if v.Trainable {
			trainable += v.Shape.Size()
		}
	}
	return total, trainable
}
