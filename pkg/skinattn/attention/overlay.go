package attention

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"slices"

	"github.com/skinattn/skinattn/pkg/eval/saliency"
	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/explain"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// overlayShare is the share of the map's colour in an overlay.
const overlayShare = .55

// Overlay is the middle of a photo under its Soft-Attention map.
type Overlay struct {
	Picture image.Image // its colours go from 0 to the map's largest value
	// Low and High are the least and the greatest weight of a place.
	Low, High float32
}

// evenRatio is the most that the greatest weight of a nearly even map is of its least: the
// colours of such a map hardly differ.
const evenRatio = 1.5

// String writes the range of the map, and that it is nearly even, where it is.
func (o Overlay) String() string {
	text := fmt.Sprintf("%.3g to %.3g", o.Low, o.High)
	if o.High <= evenRatio*o.Low {
		text += ", nearly even"
	}
	return text
}

// Overlays returns the middle of each photo, size x size pixels, under its Soft-Attention
// map. The map does not depend on
// metadata. A file that can't be read, and a network without Soft-Attention, are errors.
func Overlays(ctx context.Context, network *skinattn.Model, paths []string, size int) ([]Overlay, error) {
	options := explain.DefaultOptions()
	options.Methods = []explain.Method{explain.SoftAttention}
	pictures := make([]Overlay, len(paths))
	err := ExplainFiles(ctx, network, paths, skinattn.Metadata{}, explain.Predicted, options, func(i int, x FileExplanation) error {
		if x.Err == nil {
			low, high := x.Maps[0].Range()
			pictures[i] = Overlay{overlay(x.Photo, x.Maps[0], size), low, high}
		}
		return x.Err
	})
	return pictures, err
}

func overlay(photo *imaging.RGB, m explain.Map, size int) image.Image {
	pixels := imaging.AntialiasResize(photo, size, size)
	values := saliency.Upsample(m.Values, m.Height, m.Width, size, size)
	colours := plots.HeatColors()
	colours.SetMin(0)
	colours.SetMax(max(float64(slices.Max(values)), 1e-12)) // a flat map of zeros has one colour
	img := image.NewRGBA(image.Rect(0, 0, size, size))
	for i, v := range values {
		heat, err := colours.At(max(float64(v), 0))
		if err != nil {
			panic(err) // v is within the limits above
		}
		over := color.RGBAModel.Convert(heat).(color.RGBA)
		for c, h := range [3]uint8{over.R, over.G, over.B} {
			img.Pix[4*i+c] = uint8((1-overlayShare)*pixels[3*i+c] + overlayShare*float32(h) + .5)
		}
		img.Pix[4*i+3] = 255
	}
	return img
}
