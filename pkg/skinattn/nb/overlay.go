package nb

import (
	"fmt"
	"image"
	"image/color"

	"gonum.org/v1/plot/palette/moreland"
)

// MeanMap averages the attention maps of an image over their heads. maps is
// [heads rows cols] in row-major order, as skinattn.Prediction has it, and shape
// those three numbers, as skinattn.Model.AttentionShape gives them. The paper's
// figures show this mean: the block itself adds the heads up (its equation 1).
func MeanMap(maps []float32, shape []int) ([]float64, error) {
	if len(shape) != 3 || len(maps) == 0 || len(maps) != shape[0]*shape[1]*shape[2] {
		return nil, fmt.Errorf("averaging attention maps: %d values are no maps of shape %v", len(maps), shape)
	}
	mean := make([]float64, shape[1]*shape[2])
	for i, v := range maps {
		mean[i%len(mean)] += float64(v) / float64(shape[0])
	}
	return mean, nil
}

// Overlay lays a map [rows cols] over a picture as heat: black is the smallest
// value, then red and yellow, white the largest. Values between the fields'
// centres are interpolated linearly.
func Overlay(base image.Image, heat []float64, rows, cols int) (image.Image, error) {
	if rows < 1 || cols < 1 || len(heat) != rows*cols {
		return nil, fmt.Errorf("laying a map over a picture: %d values are no map of %d rows and %d columns", len(heat), rows, cols)
	}
	low, high := heat[0], heat[0]
	for _, v := range heat {
		low, high = min(low, v), max(high, v)
	}
	if high == low {
		high = low + 1 // an even map is all black
	}
	colors := moreland.BlackBody()
	colors.SetMin(low)
	colors.SetMax(high)

	bounds := base.Bounds()
	result := image.NewRGBA(image.Rect(0, 0, bounds.Dx(), bounds.Dy()))
	for y := range bounds.Dy() {
		for x := range bounds.Dx() {
			v := interpolate(heat, rows, cols,
				(float64(y)+.5)/float64(bounds.Dy())*float64(rows)-.5,
				(float64(x)+.5)/float64(bounds.Dx())*float64(cols)-.5)
			c, err := colors.At(min(max(v, low), high))
			if err != nil {
				return nil, fmt.Errorf("laying a map over a picture: %w", err)
			}
			result.Set(x, y, blend(base.At(bounds.Min.X+x, bounds.Min.Y+y), c))
		}
	}
	return result, nil
}

// interpolate is the bilinear value at (y, x) in units of fields, the first
// field's centre being (0, 0); outside the outermost centres it is constant.
func interpolate(heat []float64, rows, cols int, y, x float64) float64 {
	y = min(max(y, 0), float64(rows-1))
	x = min(max(x, 0), float64(cols-1))
	y0, x0 := int(y), int(x)
	y1, x1 := min(y0+1, rows-1), min(x0+1, cols-1)
	fy, fx := y-float64(y0), x-float64(x0)
	top := heat[y0*cols+x0]*(1-fx) + heat[y0*cols+x1]*fx
	bottom := heat[y1*cols+x0]*(1-fx) + heat[y1*cols+x1]*fx
	return top*(1-fy) + bottom*fy
}

// blend is the even mixture of two opaque colours.
func blend(a, b color.Color) color.RGBA {
	r1, g1, b1, _ := a.RGBA()
	r2, g2, b2, _ := b.RGBA()
	return color.RGBA{uint8((r1 + r2) >> 9), uint8((g1 + g2) >> 9), uint8((b1 + b2) >> 9), 255}
}
