package layers

import (
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/kernels"
)

// stage is a group of connected layers up to where the maps shrink. Predictions compute a stage in micro-batches.
type stage struct {
	layers []*Layer
	inputs []string // layers of earlier stages whose maps this stage uses
	wanted []string // layers of this stage whose maps other layers use, or the network's last layer
	bytes  int      // size of the largest layer's inputs and output for one image
}

// stages splits the network. rest has the layers with outputs or inputs that are not maps, Dropout, which draws random
// numbers, and SoftAttention, since its kernel is large and its maps are small.
func (b *Builder) stages() (stages []*stage, rest []*Layer) {
	of := map[string]int{} // the stage of each layer; -1 for inputs
	for _, layer := range b.net.Layers() {
		number, bytes, ok := 0, 4*layer.Out.Size(), len(layer.Out) == 3
		for _, name := range layer.Inputs {
			in := b.net.Layer(name)
			n, known := of[name]
			if known && shrinks(b.net, in) {
				n++
			}
			number, bytes, ok = max(number, n), bytes+4*in.Out.Size(), ok && known
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

// merge joins neighbouring stages whose micro-batches differ by less than a factor of two, so that the maps between them
// stay in the cache. It updates of, the stage of each layer.
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

// shrinks reports whether a layer's map has less than half the positions of an input.
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
	// In the loop, only its inputs are available: so the values of all variables become constants of the loop.
	var in Builder
	in.begin(b.net)
	var constants []*Node
	for _, layer := range s.layers {
		variables := layer.Op.Variables(b.net.InputShapes(layer)...)
		if n, ok := layer.Op.(BatchNormalization); ok { // needs only its vectors
			n.vectors(b, layer)
			variables = []Variable{{Name: "scale"}, {Name: "shift"}}
		}
		for _, v := range variables {
			value := b.variable(layer, v.Name)
			in.known[layer.Name+"/"+v.Name] = value
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
		for name, value := range in.known {
			in.known[name] = at(value)
		}
		in.build(s.layers)
		return in.values(s.wanted)
	})
	for i, name := range s.wanted {
		b.outputs[name] = results[i]
	}
}
