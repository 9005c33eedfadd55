package layers

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/kernels"
)

// Node is a GoMLX graph node.
type Node = graph.Node

// Builder turns a Graph into GoMLX nodes, with the variables of a store.
type Builder struct {
	Store *model.Store
	// Training selects batch statistics and dropout, and updates the moving statistics; without it the layers work as in
	// Keras's predict.
	Training bool
	// RNG is the random state that dropout draws from and moves on; needed only in training. See
	// graph.RNGStateFromSeedForGraph.
	RNG *Node
	// Frozen layers work as without Training: batch norms with their moving statistics, as in Keras for layers that are
	// not trainable.
	Frozen map[string]bool
	// Grouped computes the feature maps of a large batch a few images at a time, while they are in the processor's cache:
	// for predictions, where no gradient is taken and only the outputs of layers that end a stage, or from which vectors
	// are made, are looked at.
	Grouped bool

	limits kernels.Limits // of tests; the zero value stands for the defaults

	// The state of one Build.
	net     *Graph                     // what is built
	graph   *graph.Graph               // where
	outputs map[string]*Node           // by layer; written by Build, build, emit and buildStage
	given   map[string]*Node           // values of variables inside of a loop, by layer/variable; by buildStage
	vectors map[string]vectors         // of batch norms, by layer; by BatchNormalization and buildStage
	moments map[string]kernels.Moments // of layers' outputs in this batch; by BatchNormalization and momentsOf
	kernels *kernels.State             // by package kernels
}

// Build computes every layer of g and returns the outputs by layer name. A layer with a second output (SoftAttention's
// maps) has it under "name:1". The inputs are the values of g's Input layers, by name. It panics as all GoMLX graph
// building does; Try or a model.Exec recovers.
func (b *Builder) Build(g *Graph, inputs map[string]*Node) map[string]*Node {
	b.begin(g)
	for _, layer := range g.Layers() {
		if _, isInput := layer.Op.(Input); isInput {
			if inputs[layer.Name] == nil {
				panic(fmt.Errorf("no value is given for the input layer %q", layer.Name))
			}
			b.outputs[layer.Name] = inputs[layer.Name]
			b.graph = inputs[layer.Name].Graph()
		}
	}
	if err := kernels.CheckVersion(b.graph); err != nil {
		panic(err)
	}
	rest := g.Layers()
	if b.Grouped {
		var stages []*stage
		stages, rest = b.stages()
		for _, s := range stages {
			b.buildStage(s)
		}
	}
	b.build(rest)
	return b.outputs
}

// begin empties the state for another Build.
func (b *Builder) begin(g *Graph) {
	b.net, b.outputs, b.given = g, map[string]*Node{}, map[string]*Node{}
	b.vectors, b.moments = map[string]vectors{}, map[string]kernels.Moments{}
	b.kernels = kernels.NewState(b.Training, b.limits)
}

// build computes layers whose inputs are there.
func (b *Builder) build(layers []*Layer) {
	for _, layer := range layers {
		if b.outputs[layer.Name] != nil { // an input, or made together with an earlier layer
			continue
		}
		b.outputs[layer.Name] = layer.Op.Build(b, layer, b.values(layer.Inputs)...)
	}
}

// values are the outputs of the named layers.
func (b *Builder) values(names []string) []*Node {
	values := make([]*Node, len(names))
	for i, name := range names {
		values[i] = b.outputs[name]
	}
	return values
}

// emit records an extra output of a layer.
func (b *Builder) emit(name string, value *Node) { b.outputs[name] = value }

// variable is the value of one of layer's variables in the graph being built.
func (b *Builder) variable(layer *Layer, name string, g *graph.Graph) *Node {
	if v := b.given[layer.Name+"/"+name]; v != nil {
		return v
	}
	return b.find(layer, name).NodeValue(g)
}

// find is one of layer's variables in the store.
func (b *Builder) find(layer *Layer, name string) *model.Variable {
	v := b.Store.GetVariable("/" + layer.Name + "/" + name)
	if v == nil {
		panic(fmt.Errorf("variable %s/%s has no value yet: initialise or load the weights first", layer.Name, name))
	}
	return v
}
