package layers

import (
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

// stageBytes is what the largest map of a group, and those that it is made from,
// may take: a share of the processor's cache, since other maps are near.
const stageBytes = 6 << 20

// stage is a run of layers whose maps are about equally large, up to where they
// shrink. Its images are computed in groups.
type stage struct {
	layers []*Layer
	inputs []string // maps of earlier stages
	wanted []string // what other layers use
	bytes  int      // of the largest layer's inputs and output, for one image
}

// buildStages computes the layers that make maps from maps, stage by stage, and
// returns the others.
func (b *Builder) buildStages() []*Layer {
	stages, rest := b.stages()
	for _, s := range stages {
		b.buildStage(s)
	}
	return rest
}

// stages splits the network. Layers that draw random numbers or look at all of
// an image at once are left: their kernels are large, not their maps.
func (b *Builder) stages() (stages []*stage, rest []*Layer) {
	of := map[string]int{}
	for _, layer := range b.net.Layers() {
		number, ok := 0, len(layer.Out) == 3
		for _, name := range layer.Inputs {
			n, known := of[name]
			ok = ok && known
			if in := b.net.Layer(name); ok && shrinks(b.net, in) {
				n++
			}
			number = max(number, n)
		}
		switch layer.Op.(type) {
		case Input:
			if ok {
				of[layer.Name] = -1
			}
			continue
		case Dropout, SoftAttention:
			ok = false
		}
		if !ok {
			rest = append(rest, layer)
			continue
		}
		of[layer.Name] = number
		for number >= len(stages) {
			stages = append(stages, &stage{})
		}
		s := stages[number]
		s.layers = append(s.layers, layer)
		bytes := 4 * layer.Out.Size()
		for _, name := range layer.Inputs {
			bytes += 4 * b.net.Layer(name).Out.Size()
		}
		s.bytes = max(s.bytes, bytes)
	}
	stages = b.merge(stages, of)
	needed := map[string]bool{}
	for _, layer := range b.net.Layers() {
		to, staged := of[layer.Name]
		for _, name := range layer.Inputs {
			from, known := of[name]
			if !known || staged && from == to {
				continue
			}
			if staged && !slices.Contains(stages[to].inputs, name) {
				stages[to].inputs = append(stages[to].inputs, name)
			}
			if from >= 0 && !needed[name] {
				needed[name] = true
				stages[from].wanted = append(stages[from].wanted, name)
			}
		}
	}
	if last := b.net.Last().Name; !needed[last] {
		if from, known := of[last]; known {
			stages[from].wanted = append(stages[from].wanted, last)
		}
	}
	return stages, rest
}

// merge joins stages next to each other whose groups are about equally many
// images: what is between them then stays in the cache, too. of tells the stage
// of each layer.
func (b *Builder) merge(stages []*stage, of map[string]int) []*stage {
	var merged []*stage
	for _, s := range stages {
		if last := len(merged) - 1; last >= 0 && b.alike(merged[last], s) {
			merged[last].layers = append(merged[last].layers, s.layers...)
			merged[last].bytes = max(merged[last].bytes, s.bytes)
		} else {
			merged = append(merged, s)
		}
		for _, layer := range s.layers {
			of[layer.Name] = len(merged) - 1
		}
	}
	return merged
}

// alike says whether the larger of two stages' groups is less than twice the other.
func (b *Builder) alike(s, t *stage) bool {
	m, n := max(1, b.groupBytes/s.bytes), max(1, b.groupBytes/t.bytes)
	return max(m, n) < 2*min(m, n)
}

// shrinks says whether a layer makes smaller maps than it sees.
func shrinks(net *Graph, layer *Layer) bool {
	for _, name := range layer.Inputs {
		if in := net.Layer(name).Out; in[0]*in[1] > 2*layer.Out[0]*layer.Out[1] {
			return true
		}
	}
	return false
}

// buildStage computes a stage for as many images at a time as the cache holds.
func (b *Builder) buildStage(s *stage) {
	maps := make([]*Node, len(s.inputs))
	for i, name := range s.inputs {
		maps[i] = b.outputs[name]
	}
	images := maps[0].Shape().Dimensions[0]
	size := largestDivisor(images, max(1, b.groupBytes/s.bytes))
	if size == images || !hasCache(b.graph) {
		b.build(s.layers)
		return
	}
	var names []string
	var constants []*Node
	constant := func(name string, value *Node) { names, constants = append(names, name), append(constants, value) }
	for _, layer := range s.layers {
		if n, ok := layer.Op.(BatchNormalization); ok {
			scale, shift := n.vectors(b, layer)
			constant(scaleOf(layer), scale)
			constant(shiftOf(layer), shift)
			continue
		}
		for _, v := range layer.Op.Variables(b.net.InputShapes(layer)...) {
			constant(layer.Name+"/"+v.Name, b.variable(layer, v.Name, b.graph))
		}
	}
	state := make([]*Node, len(s.wanted))
	for i, name := range s.wanted {
		state[i] = graph.Zeros(b.graph, graphShape(maps[0], append([]int{images}, b.net.Layer(name).Out...)...))
	}
	results := eachGroup(size, maps, constants, state, func(at func(*Node) *Node, state []*Node, put func(all, part *Node) *Node) []*Node {
		in := &Builder{net: b.net, outputs: map[string]*Node{}, values: map[string]*Node{}}
		for i, name := range s.inputs {
			in.outputs[name] = at(maps[i])
		}
		for i, name := range names {
			in.values[name] = at(constants[i])
		}
		in.build(s.layers)
		next := make([]*Node, len(state))
		for i, name := range s.wanted {
			next[i] = put(state[i], in.outputs[name])
		}
		return next
	})
	for i, name := range s.wanted {
		b.outputs[name] = results[i]
	}
}
