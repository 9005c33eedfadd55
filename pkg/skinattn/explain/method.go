package explain

import (
	"fmt"
	"slices"
	"strings"
)

// Method is a way to make a map. Its value is the name on the command line.
type Method string

// The methods.
const (
	// SoftAttention is the sum of the Soft-Attention maps over the heads (paper,
	// equation 1), at the resolution of the cut. It sums to the number of heads
	// and is the same for all classes.
	SoftAttention Method = "soft-attention"
	// AttentionHeads are the Soft-Attention maps one by one, each summing to 1:
	// one Map a head.
	AttentionHeads Method = "attention-heads"
	// GradCAM is the layer's channels weighted by the mean of their gradients,
	// summed and cut off at 0 (Selvaraju et al. 2017, equations 1 and 2).
	GradCAM Method = "grad-cam"
	// GradCAMPlusPlus weights by the positive gradients, position by position
	// (Chattopadhay et al. 2018, equations 10 and 19). The factor exp(logit) that
	// all weights of an image have in common is left out. It is derived for
	// activations that are not negative, which those behind a ReLU are.
	GradCAMPlusPlus Method = "grad-cam++"
	// Saliency is the largest absolute gradient over the channels of a pixel, in
	// logits per grey level of the photo (Simonyan et al. 2014, section 3.1).
	Saliency Method = "saliency"
	// SmoothGrad is Saliency of the mean gradient over noisy copies of the photo
	// (Smilkov et al. 2017).
	SmoothGrad Method = "smoothgrad"
	// Occlusion is how far the class's probability drops when a patch around the
	// place is painted over; below 0 where it rises (Zeiler & Fergus 2014, section
	// 4.2).
	Occlusion Method = "occlusion"
)

// Methods are all methods.
var Methods = []Method{SoftAttention, AttentionHeads, GradCAM, GradCAMPlusPlus, Saliency, SmoothGrad, Occlusion}

// ParseMethod reads a method's name.
func ParseMethod(name string) (Method, error) {
	if m := Method(name); slices.Contains(Methods, m) {
		return m, nil
	}
	return "", fmt.Errorf("method %q is unknown; choose one of %s", name, strings.Join(MethodNames(), ", "))
}

// MethodNames are the names of all methods.
func MethodNames() []string {
	names := make([]string, len(Methods))
	for i, m := range Methods {
		names[i] = string(m)
	}
	return names
}

// ofAttention says whether the maps come out of the Soft-Attention.
func (m Method) ofAttention() bool { return m == SoftAttention || m == AttentionHeads }

// ofLayer says whether the maps are made of a layer's output and its gradient.
func (m Method) ofLayer() bool { return m == GradCAM || m == GradCAMPlusPlus }

// ofPixels says whether the maps are made of gradients of the pixels.
func (m Method) ofPixels() bool { return m == Saliency || m == SmoothGrad }

// Map is where a method finds the evidence, on the square that the network sees.
type Map struct {
	Method Method
	Class  string // explained; empty for the Soft-Attention maps, which know none
	Head   int    // 1 to the number of heads for AttentionHeads, else 0
	// Values are [Height Width] in row-major order. None is negative, but those
	// of Occlusion.
	Height, Width int
	Values        []float32
}

// Name is the method's name, with the head where the map is of one:
// "attention-head-03".
func (m Map) Name() string {
	if m.Head > 0 {
		return fmt.Sprintf("attention-head-%02d", m.Head)
	}
	return string(m.Method)
}
