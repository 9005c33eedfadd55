package bench

import (
	"fmt"
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// Words of WorkOf.
const (
	WorkAffine     = "affine"     // turning, shifting, enlarging or mirroring
	WorkColours    = "colours"    // brightness, contrast or saturation
	WorkCutout     = "cutout"     // painting over a square
	WorkMix        = "mix"        // mixup or CutMix
	WorkAccumulate = "accumulate" // sums of gradients
	WorkEMA        = "ema"        // a moving average of the weights
	WorkFeatures   = "features"   // the network after the cut, on features
)

// WorkOf lists, in words, what decides the time of a step or prediction beside backbone, size,
// batch and precision, as far as it differs from the default regime on the authors' network:
// results with equal words are of equal work. The order is fixed.
func WorkOf(net spec.Network, reg *spec.Regime, featureCache bool, mode string) (words []string) {
	add := func(wanted bool, word string, args ...any) {
		if wanted {
			words = append(words, fmt.Sprintf(word, args...))
		}
	}
	authors, err := skinattn.AuthorsNetwork(net.Backbone, spec.Metadata)
	add(err == nil && net.Cut != "" && net.Cut != authors.Cut, "cut=%s", net.Cut)
	add(!net.SoftAttention, "no-soft-attention")
	add(!net.Metadata && authors.Metadata, "no-metadata")
	add(net.Head != authors.Head, "head=%s", net.Head)
	add(net.PoolsBefore > 0, "pools-before=%d", net.PoolsBefore)
	add(net.ExtendedDense > 0, "extended-dense=%d", net.ExtendedDense)
	add(net.MetadataUnits != [3]int{}, "metadata-units=%v", net.MetadataUnits)
	add(featureCache, WorkFeatures)
	add(!featureCache && net.PhotoSize() != net.Size, "photos=%d", net.PhotoSize())
	if mode != Train {
		return words
	}
	a := reg.Augment
	add(a.Rotation != 0 || a.Shift != 0 || a.Zoom != 0 || a.HorizontalFlip || a.VerticalFlip || a.Crop != 0, WorkAffine)
	add(a.Brightness != 0 || a.Contrast != 0 || a.Saturation != 0, WorkColours)
	add(a.Cutout != 0, WorkCutout)
	add(reg.Mix != spec.Mix{}, WorkMix)
	add(reg.Accumulate > 1, WorkAccumulate)
	add(reg.EMA > 0, WorkEMA)
	var frozen []string
	for _, f := range reg.Freeze {
		if f.Epochs == 0 || f.Epochs >= reg.Epochs {
			frozen = append(frozen, f.Layers)
		}
	}
	slices.Sort(frozen)
	for _, layers := range slices.Compact(frozen) {
		add(!featureCache || layers != spec.Backbone, "freeze=%s", layers)
	}
	return words
}
