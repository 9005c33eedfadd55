package layers

import "fmt"

// Padding is the padding of one spatial window operation as [before, after]
// for rows and columns.
type Padding [2][2]int

// negated is the padding that takes back what p adds: it crops.
func (p Padding) negated() Padding {
	for axis := range p {
		p[axis] = [2]int{-p[axis][0], -p[axis][1]}
	}
	return p
}

// Keras's two padding rules.
const (
	Same  = "same"  // output ceil(in/stride); an odd pad has its extra row after
	Valid = "valid" // no padding
)

// resolvePadding gives the pads that TensorFlow takes for a window on a map.
func resolvePadding(rule string, rows, cols int, kernel [2]int, stride int) (Padding, error) {
	switch rule {
	case Valid:
		return Padding{}, nil
	case Same:
		return Padding{samePad(rows, kernel[0], stride), samePad(cols, kernel[1], stride)}, nil
	}
	return Padding{}, fmt.Errorf("padding %q is unknown", rule)
}

// samePad is TensorFlow's SAME rule on one axis: total = max((ceil(in/s)-1)*s + k - in, 0),
// the smaller half before.
func samePad(in, kernel, stride int) [2]int {
	out := (in + stride - 1) / stride
	total := max((out-1)*stride+kernel-in, 0)
	return [2]int{total / 2, total - total/2}
}

// CorrectPad is Keras's imagenet_utils.correct_pad: the zero padding that its
// mobile networks put before a strided "valid" convolution.
func CorrectPad(size, kernel int) [2]int {
	half := kernel / 2
	return [2]int{half - (1 - size%2), half}
}

// windowOut is the output size of a window on one axis.
func windowOut(in, kernel, stride int, pad [2]int) int {
	return (in+pad[0]+pad[1]-kernel)/stride + 1
}
