package explain

import (
	"fmt"
	"math"
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn"
)

// Options says which maps are made, and how. DefaultOptions has good values.
type Options struct {
	// Methods are the wanted ones; the maps of an Explanation are in their order.
	Methods []Method
	// Layer is the layer of Grad-CAM and Grad-CAM++: any layer with feature maps, by its
	// name in the Network's graph. Empty or LayerCut means the backbone's cut, the input
	// of the Soft-Attention; LayerAttended means the output of the Soft-Attention.
	Layer string
	// Samples is the number of SmoothGrad's noisy copies, and Noise the standard
	// deviation of the noise as a share of the photo's range, its lightest value
	// less its darkest. The copies' noise is the same for every photo: a function
	// of Seed and the copy's number.
	Samples int
	Noise   float64
	Seed    uint64
	// Patch is the side of Occlusion's squares, and Stride about the distance between
	// neighbouring squares, in pixels of the network's input. 0 means an eighth of the
	// input for Patch, and half of Patch for Stride.
	Patch, Stride int
	// Fill is the grey level, 0 to 255, of Occlusion's squares, or MeanColor.
	Fill float64
}

// Short names of layers for Options.Layer.
const (
	LayerCut      = "cut"      // the input of the Soft-Attention
	LayerAttended = "attended" // the output of the Soft-Attention
)

// MeanColor as Options.Fill means the photo's own mean colour, which resembles a new
// object less than a grey does.
const MeanColor = -1

// DefaultOptions returns the options for the Soft-Attention map and Grad-CAM at the cut.
// The methods' parameters have the values of their papers, where the papers name one.
func DefaultOptions() Options {
	return Options{Methods: []Method{SoftAttention, GradCAM}, Samples: 25, Noise: .15, Seed: 1, Fill: MeanColor}
}

// Complete fills in the options that are left open for net. It returns an error for options
// that are out of range or that net does not support.
func (o Options) Complete(net *skinattn.Network) (Options, error) {
	if len(o.Methods) == 0 {
		return o, fmt.Errorf("no method is chosen")
	}
	for i, m := range o.Methods {
		if _, err := ParseMethod(string(m)); err != nil {
			return o, err
		}
		if slices.Contains(o.Methods[:i], m) {
			return o, fmt.Errorf("method %s is chosen twice", m)
		}
		if m.ofAttention() && !net.SoftAttention {
			return o, fmt.Errorf("method %s: the network has no Soft-Attention", m)
		}
	}
	switch o.Layer {
	case "", LayerCut:
		o.Layer = net.Cut
	case LayerAttended:
		if !net.SoftAttention {
			return o, fmt.Errorf("layer %s: the network has no Soft-Attention", o.Layer)
		}
		o.Layer = skinattn.AttentionLayer
	}
	if layer := net.Graph.Layer(o.Layer); layer == nil {
		return o, &UnknownLayerError{o.Layer}
	} else if len(layer.Out) != 3 {
		return o, fmt.Errorf("layer %q gives %v, which are no feature maps", o.Layer, layer.Out)
	}
	if o.Patch == 0 {
		o.Patch = max(1, net.Size/8)
	}
	if o.Stride == 0 {
		o.Stride = max(1, o.Patch/2)
	}
	switch {
	case o.Samples < 1:
		return o, fmt.Errorf("%d samples are too few; SmoothGrad needs at least 1", o.Samples)
	case !(o.Noise >= 0 && o.Noise <= 1):
		return o, fmt.Errorf("noise is %g; it must be a share of the photo's range, 0 to 1", o.Noise)
	case o.Patch < 1 || o.Patch > net.Size:
		return o, fmt.Errorf("the patch is %d pixels wide; it must be in 1 to %d, the network's input", o.Patch, net.Size)
	case o.Stride < 1 || o.Stride > net.Size:
		return o, fmt.Errorf("the stride is %d pixels; it must be in 1 to %d, the network's input", o.Stride, net.Size)
	case o.Fill != MeanColor && !(o.Fill >= 0 && o.Fill <= math.MaxUint8):
		return o, fmt.Errorf("the fill is %g; it must be a grey level in 0 to 255, or %d for the mean colour", o.Fill, MeanColor)
	}
	return o, nil
}

// UnknownLayerError says that Options.Layer is not in the network.
type UnknownLayerError struct{ Layer string }

func (e *UnknownLayerError) Error() string {
	return fmt.Sprintf("layer %q is not in the network", e.Layer)
}
