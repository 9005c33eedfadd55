package layers

import (
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/kernels"
)

// stage is a run of layers whose maps are about equally large, up to where the maps shrink. Predictions
// compute it in micro-batches.
type stage struct {
	layers []*Layer
	inputs []string // layers of earlier stages whose maps this stage uses
	wanted []string // layers of this stage whose maps later layers use
	bytes  int      // of the largest layer's inputs and output, for one image
}

// buildStages computes the layers that make maps from maps, stage by stage, and returns the others.
func (b *Builder) buildStages() []*Layer {
	stages, rest := b.stages()
	for _, s := range stages {
		b.buildStage(s)
	}
	return rest
}

// stages splits the network. rest has the layers whose outputs or inputs are not maps, and the layers
// that draw random numbers (Dropout) or whose kernels are large rather than their maps (SoftAttention).
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

// merge joins neighbouring stages whose micro-batches are about equally large: the maps between them
// then stay in the cache, too. of has the stage of each layer and is brought up to date.
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

// alike reports whether the micro-batches of two stages differ by less than a factor of two.
func (b *Builder) alike(s, t *stage) bool {
	m, n := b.limits.StageImages(s.bytes), b.limits.StageImages(t.bytes)
	return max(m, n) < 2*min(m, n)
}

// shrinks reports whether a layer makes smaller maps than it sees.
func shrinks(net *Graph, layer *Layer) bool {
	for _, name := range layer.Inputs {
		if in := net.Layer(name).Out; in[0]*in[1] > 2*layer.Out[0]*layer.Out[1] {
			return true
		}
	}
	return false
}

// buildStage computes a stage in micro-batches, or at once where the batch is small or the engine gains
// nothing.
func (b *Builder) buildStage(s *stage) {
	maps := make([]*Node, len(s.inputs))
	for i, name := range s.inputs {
		maps[i] = b.outputs[name]
	}
	images, ok := kernels.MicroBatch(maps[0], b.limits.StageImages(s.bytes))
	if !ok {
		b.build(s.layers)
		return
	}
	// The loop sees no nodes but its inputs: the values of all variables go into it as constants.
	variables, constants := map[string]*Node{}, []*Node{}
	constant := func(value *Node) *Node { constants = append(constants, value); return value }
	scaled := map[string]vectors{}
	for _, layer := range s.layers {
		if n, ok := layer.Op.(BatchNormalization); ok {
			v := n.vectors(b, layer)
			scaled[layer.Name] = vectors{constant(v.scale), constant(v.shift)}
			continue
		}
		for _, v := range layer.Op.Variables(b.net.InputShapes(layer)...) {
			variables[layer.Name+"/"+v.Name] = constant(b.variable(layer, v.Name, b.graph))
		}
	}
	dims := make([][]int, len(s.wanted))
	for i, name := range s.wanted {
		dims[i] = b.net.Layer(name).Out
	}
	results := kernels.MicroBatches(images, maps, constants, dims, func(at func(*Node) *Node) []*Node {
		var in Builder
		in.begin(b.net)
		for i, name := range s.inputs {
			in.outputs[name] = at(maps[i])
		}
		for name, value := range variables {
			in.given[name] = at(value)
		}
		for name, v := range scaled {
			in.norms.vectors[name] = vectors{at(v.scale), at(v.shift)}
		}
		in.build(s.layers)
		parts := make([]*Node, len(s.wanted))
		for i, name := range s.wanted {
			parts[i] = in.outputs[name]
		}
		return parts
	})
	for i, name := range s.wanted {
		b.outputs[name] = results[i]
	}
}
