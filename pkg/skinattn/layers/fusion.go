package layers

import (
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/kernels"
)

// This file finds groups of layers that training computes together. No other file looks from a layer to the operations
// before it.

// parts names the layers that a concatenation joins, itself or through other concatenations; nil for every other
// operation.
func (b *Builder) parts(layer *Layer) []string {
	if _, ok := layer.Op.(Concatenate); !ok {
		return nil
	}
	var names []string
	for _, name := range layer.Inputs {
		if parts := b.parts(b.net.Layer(name)); parts != nil {
			names = append(names, parts...)
		} else {
			names = append(names, name)
		}
	}
	return names
}

// momentsOf are the moments of a layer's output, computed once for all batch norms that use it. A concatenation takes the
// moments of its parts if any is known, so that the batch norms of a DenseNet block do not each pass over all channels.
func (b *Builder) momentsOf(name string) kernels.Moments {
	known := func(name string) bool { _, ok := b.moments[name]; return ok }
	if !known(name) {
		var m kernels.Moments
		if parts := b.parts(b.net.Layer(name)); slices.ContainsFunc(parts, known) {
			var all []kernels.Moments
			for _, part := range parts {
				all = append(all, b.momentsOf(part))
			}
			m = kernels.ConcatMoments(all)
		} else if wide, ok := b.widening(name); ok {
			m = wide.Moments()
		} else {
			m = kernels.MomentsOf(b.outputs[name])
		}
		b.moments[name] = m
	}
	return b.moments[name]
}

// widening returns a layer as a kernels.Pointwise. ok is false unless the layer is a 1x1 convolution without bias that
// widens enough, on XLA's CPU client (see kernels.NewPointwise).
func (b *Builder) widening(name string) (wide kernels.Pointwise, ok bool) {
	layer := b.net.Layer(name)
	conv, ok := layer.Op.(Conv2D)
	if !ok || conv.Kernel != [2]int{1, 1} || conv.Bias {
		return wide, false
	}
	return kernels.NewPointwise(b.outputs[layer.Inputs[0]], b.variable(layer, "kernel"), conv.Stride)
}

// bottleneckBefore finds the 1x1 convolution, batch norm, ReLU and perhaps zero padding whose only user is this depthwise
// convolution with the padding pad. ok is false if other layers come before it or recomputing their map saves no time.
func (b *Builder) bottleneckBefore(layer *Layer, pad Padding) (e kernels.Bottleneck, ok bool) {
	consumers := b.net.Consumers()
	// back goes to the layer before and gives its operation, nil if the layer has other users.
	back := func() Op {
		layer = b.net.Layer(layer.Inputs[0])
		if consumers[layer.Name] != 1 {
			return nil
		}
		return layer.Op
	}
	op := back()
	if border, is := op.(ZeroPadding2D); is && pad == (Padding{}) {
		pad, op = border.Pad, back()
	}
	activation, isReLU := op.(ReLU)
	if !isReLU {
		return e, false
	}
	norm, isNorm := back().(BatchNormalization)
	normLayer := layer
	if !isNorm || back() == nil {
		return e, false
	}
	wide, ok := b.widening(layer.Name)
	if !ok {
		return e, false
	}
	scale, shift := norm.vectors(b, normLayer)
	return b.kernels.Bottleneck(wide, scale, shift, activation.Max, pad)
}

// collect builds a concatenation of a DenseNet block, in training on XLA's CPU client: one whose first input is another
// concatenation, or that is the first input of another. ok is false for other concatenations.
func (b *Builder) collect(layer *Layer) (c kernels.Collected, ok bool) {
	if !b.Training || !kernels.HasCache(b.graph) || len(layer.Out) != 3 {
		return c, false
	}
	first, others := layer.Inputs[0], layer.Inputs[1:]
	if c, ok = b.collected[first]; !ok {
		last := layer
		for next := layer; next != nil; next = b.chained(next) {
			last = next
		}
		if last == layer {
			return c, false
		}
		c = kernels.Collect(b.outputs[first], last.Out[2])
	}
	for _, name := range others {
		c = c.Add(b.outputs[name])
	}
	b.collected[layer.Name] = c
	return c, true
}

// chained is the concatenation whose first input is the given layer, nil if there is none.
func (b *Builder) chained(layer *Layer) *Layer {
	for _, next := range b.net.Layers() {
		if _, is := next.Op.(Concatenate); is && next.Inputs[0] == layer.Name {
			return next
		}
	}
	return nil
}

// collectedBefore builds a 1x1 convolution together with the batch norm and the ReLU before it, of which it is the only
// user, if they see the maps of a DenseNet block. ok is false if other layers come before it, or the layer behind it
// computes it in another form.
func (b *Builder) collectedBefore(layer *Layer) (y *Node, ok bool) {
	conv, isConv := layer.Op.(Conv2D)
	if _, wide := b.widening(layer.Name); wide || !isConv || conv.Kernel != [2]int{1, 1} || conv.Stride != 1 || conv.Bias {
		return nil, false
	}
	consumers := b.net.Consumers()
	reluLayer := b.net.Layer(layer.Inputs[0])
	relu, isReLU := reluLayer.Op.(ReLU)
	if !isReLU || consumers[reluLayer.Name] != 1 {
		return nil, false
	}
	normLayer := b.net.Layer(reluLayer.Inputs[0])
	norm, isNorm := normLayer.Op.(BatchNormalization)
	if !isNorm || consumers[normLayer.Name] != 1 {
		return nil, false
	}
	maps, ok := b.collected[normLayer.Inputs[0]]
	if !ok {
		return nil, false
	}
	scale, shift := norm.vectors(b, normLayer)
	return maps.Pointwise(scale, shift, relu.Max, b.variable(layer, "kernel")), true
}
