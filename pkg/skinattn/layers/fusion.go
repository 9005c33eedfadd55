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
