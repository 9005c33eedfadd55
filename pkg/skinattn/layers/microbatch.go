package layers

import (
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/kernels"
)

// stage is a run of layers whose maps are about equally large, up to where the maps shrink. Predictions compute it in
// micro-batches.
type stage struct {
	layers []*Layer
	inputs []string // layers of earlier stages whose maps this stage uses
	wanted []string // layers of this stage whose maps later layers use
	bytes  int      // of the largest layer's inputs and output, for one image
}

// stages splits the network. rest has the layers whose outputs or inputs are not maps, and the layers that draw random
// numbers (Dropout) or whose kernels are large rather than their maps (SoftAttention).
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
	want := func(name string) {
		if from, known := of[name]; known && from >= 0 && !slices.Contains(stages[from].wanted, name) {
			stages[from].wanted = append(stages[from].wanted, name)
		}
	}
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
			want(name)
		}
	}
	want(b.net.Last().Name)
	return stages, rest
}

// merge joins neighbouring stages whose micro-batches differ by less than a factor of two: the maps between them then
// stay in the cache, too. of has the stage of each layer and is brought up to date.
func (b *Builder) merge(stages []*stage, of map[string]int) []*stage {
	var merged []*stage
	images := func(s *stage) int { return b.limits.StageImages(s.bytes) }
	for _, s := range stages {
		last := len(merged) - 1
		if last >= 0 && max(images(merged[last]), images(s)) < 2*min(images(merged[last]), images(s)) {
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

// shrinks reports whether a layer makes smaller maps than it sees.
func shrinks(net *Graph, layer *Layer) bool {
	for _, name := range layer.Inputs {
		if in := net.Layer(name).Out; in[0]*in[1] > 2*layer.Out[0]*layer.Out[1] {
			return true
		}
	}
	return false
}

// buildStage computes a stage in micro-batches, or at once where the batch is small or the engine gains nothing.
func (b *Builder) buildStage(s *stage) {
	maps := b.values(s.inputs)
	images, ok := kernels.MicroBatch(maps[0], b.limits.StageImages(s.bytes))
	if !ok {
		b.build(s.layers)
		return
	}
	// The loop sees no nodes but its inputs: the values of all variables go into it as constants.
	var in Builder
	in.begin(b.net)
	var constants []*Node
	for _, layer := range s.layers {
		if n, ok := layer.Op.(BatchNormalization); ok {
			v := n.vectors(b, layer)
			in.vectors[layer.Name] = v
			constants = append(constants, v.scale, v.shift)
			continue
		}
		for _, v := range layer.Op.Variables(b.net.InputShapes(layer)...) {
			value := b.variable(layer, v.Name, b.graph)
			in.given[layer.Name+"/"+v.Name] = value
			constants = append(constants, value)
		}
	}
	dims := make([][]int, len(s.wanted))
	for i, name := range s.wanted {
		dims[i] = b.net.Layer(name).Out
	}
	results := kernels.MicroBatches(images, maps, constants, dims, func(at func(*Node) *Node) []*Node {
		for i, name := range s.inputs {
			in.outputs[name] = at(maps[i])
		}
		for name, value := range in.given {
			in.given[name] = at(value)
		}
		for name, v := range in.vectors {
			in.vectors[name] = vectors{at(v.scale), at(v.shift)}
		}
		in.build(s.layers)
		return in.values(s.wanted)
	})
	for i, name := range s.wanted {
		b.outputs[name] = results[i]
	}
}
