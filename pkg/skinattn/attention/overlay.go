package attention

import (
	"context"
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

// Overlays returns the middle of each photo, size x size pixels, under its Soft-Attention
// map, whose colours go from 0 to the map's largest value. The map does not depend on
// metadata. A file that can't be read, and a network without Soft-Attention, are errors.
func Overlays(ctx context.Context, network *skinattn.Model, paths []string, size int) ([]image.Image, error) {
	options := explain.DefaultOptions()
	options.Methods = []explain.Method{explain.SoftAttention}
	pictures := make([]image.Image, len(paths))
	err := ExplainFiles(ctx, network, paths, skinattn.Metadata{}, explain.Predicted, options, func(i int, x FileExplanation) error {
		if x.Err == nil {
			pictures[i] = overlay(x.Photo, x.Maps[0], size)
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
