package infer

import (
	"fmt"

	"github.com/skinattn/skinattn/internal/simd"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// kind is what a node computes.
type kind int

const (
	inputNode       kind = iota
	convNode             // convolution, matrix product
	depthwiseNode        // depthwise convolution
	affineNode           // act(x*scale + shift) by channel; without a scale act(x)
	addNode              // act(in[0] + factor*in[1])
	multiplyNode         // act(in[0] * in[1]); in[1] has the shape of in[0], or one position
	maxPoolNode          // maxima of windows
	averagePoolNode      // means of windows
	meanNode             // mean over all positions
	concatNode           // channels of all inputs, one after the other
	padNode              // zeros around; negative pads cut rows and columns off
	reshapeNode          // the same values in another shape
	softmaxNode          // of the channels
	mapsNode             // Soft-Attention's maps [positions heads], before the product with the input
	weighNode            // in[0] times the sum of maps in[1] over the heads
	carryNode            // a vector of an image, for what is computed of all images together
)

// shape is the size of a map of one image. A vector is a map of one position.
type shape struct{ rows, cols, channels int }

func (s shape) positions() int { return s.rows * s.cols }
func (s shape) size() int      { return s.rows * s.cols * s.channels }

// shapeOf is the shape of a layer's output.
func shapeOf(s layers.Shape) (shape, error) {
	switch len(s) {
	case 1:
		return shape{1, 1, s[0]}, nil
	case 3:
		return shape{s[0], s[1], s[2]}, nil
	}
	return shape{}, fmt.Errorf("%v is neither a map nor a vector", s)
}

// window slides over the rows and columns of a map. pad is what stands around the map, by axis, before and after; a negative
// pad leaves rows or columns of the map out.
type window struct {
	size   [2]int
	stride int
	pad    [2][2]int
	// zeros says that the pad of a pool is a map's zeros, which count; else the pad is not there.
	zeros bool
}

// pointwise says that the window is a position, and the positions of the input are those of the output.
func (w window) pointwise() bool {
	return w.size == [2]int{1, 1} && w.stride == 1 && w.pad == [2][2]int{}
}

// affine is x*scale + shift by channel, with an activation. scale and shift are nil for the activation alone.
type affine struct {
	scale, shift []float64
	act          simd.Activation
}

// node computes the output of a layer, or of several that were joined.
type node struct {
	kind  kind
	layer string // whose output it is, for errors
	in    []*node
	shape

	window window
	kernel []float32 // of a convolution, as in Keras: [kh kw in out], or [kh kw channels]
	affine           // of a convolution: what scales its filters, its biases, its activation
	factor float64   // of an addition
	heads  int       // of attention maps
	first  int       // channel that attention maps look at

	// What convolutions take besides: a map that is added before the activation; a vector that the input's channels are
	// multiplied by; an affine before (1x1 only) and one after the activation.
	residual, gate *node
	before, after  *affine

	pixels *Pixels // what the input node is made of; affine follows

	wanted bool // an output of the plan
	tail   bool // computed of all images together
	place  place
}

// inputs are all nodes that n reads.
func (n *node) inputs() []*node {
	all := n.in
	if n.residual != nil {
		all = append(all[:len(all):len(all)], n.residual)
	}
	if n.gate != nil {
		all = append(all[:len(all):len(all)], n.gate)
	}
	return all
}

// replace has n read to in place of from.
func (n *node) replace(from, to *node) {
	for i, in := range n.in {
		if in == from {
			n.in[i] = to
		}
	}
	if n.residual == from {
		n.residual = to
	}
	if n.gate == from {
		n.gate = to
	}
}

// linear says that nothing follows a convolution's sums and biases yet.
func (n *node) linear() bool {
	return (n.kind == convNode || n.kind == depthwiseNode) && n.act == simd.Activation{} && n.residual == nil && n.after == nil
}

// ErrUnsupported names a layer that a plan cannot compute. An engine can.
type ErrUnsupported struct {
	Layer string
	Op    layers.Op // nil: the fault is that of a window or of several layers together
	Why   string    // may be empty
}

func (e *ErrUnsupported) Error() string {
	text := fmt.Sprintf("layer %q has no kernels", e.Layer)
	if e.Op != nil {
		text = fmt.Sprintf("layer %q: %T has no kernels", e.Layer, e.Op)
	}
	if e.Why != "" {
		text += ": " + e.Why
	}
	return text
}
