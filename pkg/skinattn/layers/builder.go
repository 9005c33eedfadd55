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
	// Training selects batch statistics and dropout, and updates the moving averages; without it the layers work as in
	// Keras's predict.
	Training bool
	// RNG is the random state for dropout in training; Build advances it. See graph.RNGStateFromSeedForGraph.
	RNG *Node
	// Device is, where several devices compute a batch together, which of them computes: an int32 scalar from 0 on. nil: one
	// device has the whole batch.
	Device *Node
	// BFloat16 rounds the operands of matrix products and convolutions to bfloat16, but for those before a softmax.
	BFloat16 bool
	// Frozen names batch norms that use their moving averages also in training, as Keras's layers with trainable=False.
	Frozen map[string]bool
	// Grouped computes the feature maps of a large batch in micro-batches, which stay in the processor's cache. It is for
	// predictions: without gradients, and without the outputs of layers inside of a stage.
	Grouped bool

	limits kernels.Limits // only tests set them

	// The state of one Build.
	net     *Graph                     // the network that is built
	graph   *graph.Graph               // the GoMLX graph that it is built in
	outputs map[string]*Node           // layers' outputs, by layer
	known   map[string]*Node           // by layer/name: batch norms' vectors and, in a micro-batch, variables' values
	moments map[string]kernels.Moments // moments of layers' outputs in this batch, by layer
	// The maps of DenseNet blocks so far, by concatenation.
	collected map[string]kernels.Collected
	kernels   *kernels.State // what the kernels of the graph know of each other
}

// Build computes every layer of g and returns the outputs by layer name, SoftAttention's maps under MapsOf the layer.
// inputs has the values of g's Input layers, by name. Errors are panics, as in all GoMLX graph building; Try or a
// model.Exec recovers.
func (b *Builder) Build(g *Graph, inputs map[string]*Node) map[string]*Node {
	b.begin(g)
	for _, layer := range g.Layers() {
		if _, isInput := layer.Op.(Input); isInput {
			x := inputs[layer.Name]
			if x == nil {
				panic(fmt.Errorf("no value is given for the input layer %q", layer.Name))
			}
			b.outputs[layer.Name], b.graph = x, x.Graph()
		}
	}
	if err := kernels.CheckVersion(b.graph); err != nil {
		panic(err)
	}
	if b.BFloat16 {
		kernels.UseBFloat16(b.graph)
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
	b.net, b.outputs, b.known = g, map[string]*Node{}, map[string]*Node{}
	b.moments, b.collected = map[string]kernels.Moments{}, map[string]kernels.Collected{}
	b.kernels = kernels.NewState(b.Training, b.limits)
}

// build computes layers; their inputs must have been computed.
func (b *Builder) build(layers []*Layer) {
	for _, layer := range layers {
		if b.outputs[layer.Name] != nil { // an input
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

// variable is the value of one of layer's variables in the graph that is built.
func (b *Builder) variable(layer *Layer, name string) *Node {
	if v := b.known[layer.Name+"/"+name]; v != nil {
		return v
	}
	return b.find(layer, name).NodeValue(b.graph)
}

// find is one of layer's variables in the store.
func (b *Builder) find(layer *Layer, name string) *model.Variable {
	v := b.Store.GetVariable("/" + layer.Name + "/" + name)
	if v == nil {
		panic(fmt.Errorf("variable %s/%s has no value yet: initialise or load the weights first", layer.Name, name))
	}
	return v
}
