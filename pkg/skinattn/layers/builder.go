package layers

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Node is a GoMLX graph node.
type Node = graph.Node

// Builder turns a Graph into GoMLX nodes, with the variables of a store.
type Builder struct {
	Store *model.Store
	// Training selects batch statistics and dropout, and updates the moving
	// statistics; without it the layers work as in Keras's predict.
	Training bool
	// RNG is the random state that dropout draws from and moves on; needed
	// only in training. See graph.RNGStateFromSeedForGraph.
	RNG *Node
	// Frozen layers work as without Training: batch norms with their moving
	// statistics, as in Keras for layers that are not trainable.
	Frozen map[string]bool

	// Grouped computes the feature maps of a large batch a few images at a
	// time, while they are in the processor's cache: for predictions, where no
	// gradient is taken and only the outputs of layers that end a stage, or
	// that vectors are made from, are looked at.
	Grouped bool

	net        *Graph
	graph      *graph.Graph
	outputs    map[string]*Node
	groupBytes int                       // of a group's maps; 0: stageBytes
	wideBytes  int                       // from where on a map is wide; 0: cacheBytes
	values     map[string]*Node          // of batch norms' vectors, and of variables inside of a loop, which can't see others
	moments    map[string]channelMoments // of a batch, by layer
	recipes    map[*Node]recipe          // of maps and cotangents that follow from others
}

// Build computes every layer of g and returns the outputs by layer name. A
// layer with a second output (SoftAttention's maps) has it under "name:1".
// The inputs are the values of g's Input layers, by name. It panics as all
// GoMLX graph building does; Try or a model.Exec recovers.
func (b *Builder) Build(g *Graph, inputs map[string]*Node) map[string]*Node {
	b.net, b.outputs, b.values, b.moments = g, map[string]*Node{}, map[string]*Node{}, map[string]channelMoments{}
	b.recipes = map[*Node]recipe{}
	for _, layer := range g.Layers() {
		if _, isInput := layer.Op.(Input); isInput {
			if inputs[layer.Name] == nil {
				panic(fmt.Errorf("no value is given for the input layer %q", layer.Name))
			}
			b.outputs[layer.Name] = inputs[layer.Name]
			b.graph = inputs[layer.Name].Graph()
		}
	}
	rest := g.Layers()
	if b.Grouped {
		if b.groupBytes == 0 {
			b.groupBytes = stageBytes
		}
		rest = b.buildStages()
	}
	b.build(rest)
	return b.outputs
}

// build computes layers whose inputs are there.
func (b *Builder) build(layers []*Layer) {
	for _, layer := range layers {
		if b.outputs[layer.Name] != nil { // an input, or made together with an earlier layer
			continue
		}
		in := make([]*Node, len(layer.Inputs))
		for i, name := range layer.Inputs {
			in[i] = b.outputs[name]
		}
		b.outputs[layer.Name] = layer.Op.Build(b, layer, in...)
	}
}

// emit records an extra output of a layer.
func (b *Builder) emit(name string, value *Node) { b.outputs[name] = value }

// variable is the value of one of layer's variables in the graph being built.
func (b *Builder) variable(layer *Layer, name string, g *graph.Graph) *Node {
	if v := b.values[layer.Name+"/"+name]; v != nil {
		return v
	}
	return b.find(layer, name).NodeValue(g)
}

func (b *Builder) find(layer *Layer, name string) *model.Variable {
	v := b.Store.GetVariable("/" + layer.Name + "/" + name)
	if v == nil {
		panic(fmt.Errorf("variable %s/%s has no value yet: initialise or load the weights first", layer.Name, name))
	}
	return v
}
