package layers

import (
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/kernels"
)

// Padding is the number of rows and of columns at the borders of a feature map, each as [before, after].
type Padding = kernels.Padding

// Keras's two padding rules.
const (
	Same  = "same"  // output ceil(in/stride); an odd pad has its extra row after
	Valid = "valid" // no padding
)

// samePad is TensorFlow's SAME rule on one axis: total = max((ceil(in/s)-1)*s + k - in, 0), the smaller half before.
func samePad(in, kernel, stride int) [2]int {
	out := (in + stride - 1) / stride
	total := max((out-1)*stride+kernel-in, 0)
	return [2]int{total / 2, total - total/2}
}

// CorrectPad is Keras's imagenet_utils.correct_pad on one axis: the zero padding that its mobile networks put before a
// strided "valid" convolution.
func CorrectPad(size, kernel int) [2]int {
	half := kernel / 2
	return [2]int{half - (1 - size%2), half}
}

// window is a sliding window as Keras specifies it.
type window struct {
	size    [2]int
	stride  int
	padding string // Same or Valid
}

// on is the window with TensorFlow's pads for a map of rows and cols.
func (w window) on(rows, cols int) (kernels.Window, error) {
	placed := kernels.Window{Size: w.size, Stride: w.stride}
	if w.padding == Same {
		placed.Pad = Padding{samePad(rows, w.size[0], w.stride), samePad(cols, w.size[1], w.stride)}
	} else if w.padding != Valid {
		return placed, fmt.Errorf("padding %q is unknown", w.padding)
	}
	return placed, nil
}

// over is the window on x [B H W C], whose shape has been checked.
func (w window) over(x *Node) kernels.Window {
	placed, _ := w.on(x.Shape().Dimensions[1], x.Shape().Dimensions[2])
	return placed
}

// shape is the output's shape for one feature map, with the given channels, or with the map's if channels is 0.
func (w window) shape(inputs []Shape, channels int) (Shape, error) {
	in, err := oneMap(inputs)
	if err != nil {
		return nil, err
	}
	if min(w.size[0], w.size[1], w.stride) < 1 {
		return nil, fmt.Errorf("a window of %dx%d with stride %d makes no sense", w.size[0], w.size[1], w.stride)
	}
	placed, err := w.on(in[0], in[1])
	if err != nil {
		return nil, err
	}
	for axis, pad := range placed.Pad {
		if in[axis]+pad[0]+pad[1] < w.size[axis] {
			return nil, fmt.Errorf("a window of %dx%d does not fit into a map of %dx%d: the image is too small for this network",
				w.size[0], w.size[1], in[0], in[1])
		}
	}
	if channels == 0 {
		channels = in[2]
	}
	out := placed.Out([2]int(in[:2]))
	return Shape{out[0], out[1], channels}, nil
}
