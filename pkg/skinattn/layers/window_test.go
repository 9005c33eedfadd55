package layers

import (
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/kernels"
)

// TestSamePadding: TensorFlow's documented rule, worked out by hand.
func TestSamePadding(t *testing.T) {
	for _, c := range []struct {
		in, kernel, stride int
		want               [2]int
		out                int
	}{
		{224, 3, 2, [2]int{0, 1}, 112}, {7, 3, 2, [2]int{1, 1}, 4},
		{224, 7, 2, [2]int{2, 3}, 112}, {225, 7, 2, [2]int{3, 3}, 113}, {224, 5, 2, [2]int{1, 2}, 112},
		{56, 3, 1, [2]int{1, 1}, 56}, {5, 1, 1, [2]int{0, 0}, 5}, {6, 1, 2, [2]int{0, 0}, 3}, {5, 1, 3, [2]int{0, 0}, 2},
		{7, 2, 2, [2]int{0, 1}, 4}, {8, 2, 2, [2]int{0, 0}, 4}, {6, 2, 1, [2]int{0, 1}, 6},
		{7, 3, 3, [2]int{1, 1}, 3}, {8, 3, 3, [2]int{0, 1}, 3}, {9, 3, 3, [2]int{0, 0}, 3},
		{1, 3, 2, [2]int{1, 1}, 1}, {17, 7, 1, [2]int{3, 3}, 17}, {10, 7, 3, [2]int{3, 3}, 4},
	} {
		pad := samePad(c.in, c.kernel, c.stride)
		out := kernels.Window{Size: [2]int{c.kernel, 1}, Stride: c.stride, Pad: Padding{pad}}.Out([2]int{c.in, 1})[0]
		if pad != c.want || out != c.out {
			t.Errorf("window %d/%d on %d: padding %v, %d positions; want %v, %d", c.kernel, c.stride, c.in, pad, out, c.want, c.out)
		}
		if out, before := documentedWindow(c.in, c.kernel, c.stride, Same); out != c.out || before != c.want[0] {
			t.Errorf("the tests' own rule gives %d positions and %d before for window %d/%d on %d; want %d and %d",
				out, before, c.kernel, c.stride, c.in, c.out, c.want[0])
		}
	}
}

// TestCorrectPad: the values of Keras's imagenet_utils.correct_pad.
func TestCorrectPad(t *testing.T) {
	for _, c := range []struct {
		size, kernel int
		want         [2]int
	}{
		{224, 3, [2]int{0, 1}}, {225, 3, [2]int{1, 1}},
		{224, 5, [2]int{1, 2}}, {225, 5, [2]int{2, 2}},
		{224, 7, [2]int{2, 3}}, {225, 7, [2]int{3, 3}},
	} {
		if got := CorrectPad(c.size, c.kernel); got != c.want {
			t.Errorf("CorrectPad(%d, %d) is %v, want %v", c.size, c.kernel, got, c.want)
		}
	}
}
