package kernels

import (
	"fmt"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/skinattn/skinattn/internal/testengine"
)

// BenchmarkConvolution compares the algorithms on convolutions of the networks that the rule in choose is made for. A star
// marks the rule's choice.
func BenchmarkConvolution(b *testing.B) {
	const batch = 8
	for _, s := range []struct {
		side     int
		window   [2]int
		stride   int
		channels [2]int
	}{
		{56, [2]int{3, 3}, 1, [2]int{64, 64}}, {28, [2]int{3, 3}, 1, [2]int{128, 128}},
		{14, [2]int{3, 3}, 1, [2]int{256, 256}}, {7, [2]int{3, 3}, 1, [2]int{512, 512}},
		{56, [2]int{3, 3}, 2, [2]int{128, 128}}, {14, [2]int{3, 3}, 1, [2]int{128, 32}},
		{17, [2]int{7, 1}, 1, [2]int{160, 192}}, {224, [2]int{7, 7}, 2, [2]int{3, 64}},
		{56, [2]int{1, 1}, 1, [2]int{64, 256}}, {14, [2]int{1, 1}, 1, [2]int{1024, 256}},
		{56, [2]int{1, 1}, 2, [2]int{256, 512}},
		// MobileNetV2's
		{224, [2]int{3, 3}, 2, [2]int{3, 32}}, {112, [2]int{1, 1}, 1, [2]int{16, 96}}, {56, [2]int{1, 1}, 1, [2]int{24, 144}},
		{56, [2]int{1, 1}, 1, [2]int{144, 24}}, {28, [2]int{1, 1}, 1, [2]int{32, 192}}, {14, [2]int{1, 1}, 1, [2]int{384, 64}},
		// DenseNet's and InceptionResNetV2's
		{28, [2]int{1, 1}, 1, [2]int{256, 128}}, {35, [2]int{1, 1}, 1, [2]int{320, 32}}, {17, [2]int{1, 1}, 1, [2]int{1088, 192}},
	} {
		c := convolution{batch: batch, in: [2]int{s.side, s.side}, channels: s.channels, Window: sameWindow(s.side, s.window, s.stride)}
		c.out = c.Out(c.in)
		chosen := c.choose(platformOf(testengine.Open(b).Backend))
		x := filled(1, -1, 1, batch, c.in[0], c.in[1], s.channels[0]).Tensor()
		kernel := filled(2, -1, 1, s.window[0], s.window[1], s.channels[0], s.channels[1]).Tensor()
		cotangent := filled(3, -1, 1, batch, c.out[0], c.out[1], s.channels[1]).Tensor()
		ofKernel := []algorithm{native, im2col, perOffsetGEMM, perRowGEMM}
		if c.offsets() == 1 {
			ofKernel = []algorithm{native, perOffsetGEMM}
		}
		for _, part := range []struct {
			name       string
			algorithms []algorithm
			chosen     algorithm
			build      func(x, kernel, cotangent *Node, a algorithm) *Node
		}{
			{"forward", []algorithm{native, im2col}, chosen.forward, func(x, kernel, _ *Node, f algorithm) *Node { return c.forward(x, kernel, f) }},
			{"input's gradient", []algorithm{native, im2col}, chosen.input, func(_, kernel, cotangent *Node, f algorithm) *Node {
				return c.inputGradient(cotangent, kernel, f)
			}},
			{"kernel's gradient", ofKernel, chosen.kernel, func(x, _, cotangent *Node, f algorithm) *Node {
				return c.kernelGradient(x, cotangent, f)
			}},
		} {
			var ways []way
			for _, a := range part.algorithms {
				star := ""
				if a == part.chosen {
					star = " *"
				}
				ways = append(ways, way{string(a) + star, func(in []*Node) *Node { return part.build(in[0], in[1], in[2], a) }})
			}
			name := fmt.Sprintf("%dx%d stride %d %d->%d on %d, %s", s.window[0], s.window[1], s.stride, s.channels[0], s.channels[1], s.side, part.name)
			compareWays(b, name, []*tensors.Tensor{x, kernel, cotangent}, ways...)
		}
	}
}

// sameWindow is a window with TensorFlow's SAME padding.
func sameWindow(side int, size [2]int, stride int) Window {
	w := Window{Size: size, Stride: stride}
	for axis, k := range size {
		total := max(0, (side-1)/stride*stride+k-side)
		w.Pad[axis] = [2]int{total / 2, total - total/2}
	}
	return w
}
