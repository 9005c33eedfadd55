package layers

import (
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/kernels"
)

// Patterns of several layers that training computes together. Only this file looks back from a layer to the operations
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

// momentsOf are the moments of a layer's output, computed once for all batch norms that use it. A concatenation has the
// moments of its parts, if any of them is known: so the batch norms of a DenseNet block need not each go over all
// channels of the block.
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

// widening is a layer as a 1x1 convolution without its output; ok is false if the layer is not a 1x1 convolution that
// makes enough channels for that to save time.
func (b *Builder) widening(name string) (wide kernels.Pointwise, ok bool) {
	layer := b.net.Layer(name)
	conv, ok := layer.Op.(Conv2D)
	if !ok || conv.Kernel != [2]int{1, 1} || conv.Bias {
		return wide, false
	}
	x := b.outputs[layer.Inputs[0]]
	return kernels.NewPointwise(x, conv.Filters, conv.Stride, func() *Node { return b.variable(layer, "kernel", x.Graph()) })
}

// bottleneckBefore finds the 1x1 convolution, batch norm, ReLU and perhaps zero padding that feed this depthwise
// convolution and nothing else; pad is the depthwise convolution's own padding. ok is false if there are no such layers
// or if recomputing their map would not save time.
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
	if wide, is := b.widening(layer.Name); is {
		e, ok = b.kernels.Bottleneck(wide, pad)
	}
	if !ok {
		return e, false
	}
	v := norm.vectors(b, normLayer)
	return e.Normalized(v.scale, v.shift, activation.Max), true
}
