package explain

import (
	"fmt"
	"slices"
	"strings"
)

// Method is a way to make a map. Its value is the method's name in files and on the command
// line.
type Method string

// The methods.
const (
	// SoftAttention is the sum of the Soft-Attention maps over the heads (paper,
	// equation 1), at the resolution of the cut. It sums to the number of heads
	// and is the same for all classes.
	SoftAttention Method = "soft-attention"
	// AttentionHeads are the Soft-Attention maps of the single heads, one Map each, which
	// sums to 1.
	AttentionHeads Method = "attention-heads"
	// GradCAM is the layer's channels weighted by the mean of their gradients,
	// summed and cut off at 0 (Selvaraju et al. 2017, equations 1 and 2).
	GradCAM Method = "grad-cam"
	// GradCAMPlusPlus weights the layer's channels by their positive gradients, position
	// by position (Chattopadhay et al. 2018, equations 10 and 19), without the factor
	// exp(logit), which is common to all weights of an image. The method is derived for
	// activations >= 0, such as the output of a ReLU.
	GradCAMPlusPlus Method = "grad-cam++"
	// Saliency is, for each pixel, the largest absolute gradient over its channels, in
	// logits per grey level of the photo (Simonyan et al. 2014, section 3.1).
	Saliency Method = "saliency"
	// SmoothGrad is Saliency of the mean gradient over noisy copies of the photo
	// (Smilkov et al. 2017).
	SmoothGrad Method = "smoothgrad"
	// Occlusion is the drop of the class's probability when a square around the place is
	// covered; it is negative where the probability rises (Zeiler & Fergus 2014, section
	// 4.2).
	Occlusion Method = "occlusion"
)

// Methods lists all methods.
var Methods = []Method{SoftAttention, AttentionHeads, GradCAM, GradCAMPlusPlus, Saliency, SmoothGrad, Occlusion}

// ParseMethod returns the method of a name.
func ParseMethod(name string) (Method, error) {
	if m := Method(name); slices.Contains(Methods, m) {
		return m, nil
	}
	return "", fmt.Errorf("method %q is unknown; choose one of %s", name, strings.Join(MethodNames(), ", "))
}

// MethodNames returns the names of all methods.
func MethodNames() []string {
	names := make([]string, len(Methods))
	for i, m := range Methods {
		names[i] = string(m)
	}
	return names
}

// ofAttention reports whether the maps are the weights of the Soft-Attention.
func (m Method) ofAttention() bool { return m == SoftAttention || m == AttentionHeads }

// ofLayer reports whether the maps are computed from a layer's output and its gradient.
func (m Method) ofLayer() bool { return m == GradCAM || m == GradCAMPlusPlus }

// ofPixels reports whether the maps are computed from gradients of the pixels.
func (m Method) ofPixels() bool { return m == Saliency || m == SmoothGrad }

// Map shows where a method finds the evidence, on the square that the network sees.
type Map struct {
	Method Method
	Class  string // explained; empty for Soft-Attention maps, which are the same for all classes
	Head   int    // 1 to the number of heads for AttentionHeads, else 0
	// Values are [Height Width] in row-major order. All are >= 0, except Occlusion's.
	Height, Width int
	Values        []float32
}

// flatShare is the range of a flat map as a share of its greatest value: a difference that
// no picture shows.
const flatShare = 0.01

// Range returns the least and the greatest value of the map.
func (m Map) Range() (low, high float32) { return slices.Min(m.Values), slices.Max(m.Values) }

// Flat reports whether the map points nowhere: its values differ by less than a hundredth of
// the greatest magnitude. A picture of such a map shows one colour, whichever that is.
func (m Map) Flat() bool {
	low, high := m.Range()
	return high-low <= flatShare*max(high, -low)
}

// Name returns the method's name, or, for the map of one head, "attention-head-03" and so
// on.
func (m Map) Name() string {
	if m.Head > 0 {
		return fmt.Sprintf("attention-head-%02d", m.Head)
	}
	return string(m.Method)
}
