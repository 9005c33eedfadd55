package explain

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn"
)

// drawNoise draws the standard normal noise of SmoothGrad's copies of [Size Size 3].
func drawNoise(o Options, size int) [][]float32 {
	noise := make([][]float32, o.Samples)
	for sample := range noise {
		rng := rand.New(rand.NewPCG(o.Seed, uint64(sample)))
		noise[sample] = make([]float32, size*size*3)
		for i := range noise[sample] {
			noise[sample][i] = float32(rng.NormFloat64())
		}
	}
	return noise
}

// cells returns the number of rows, equal to the columns, of Occlusion's map of an image
// of size pixels. Its cells divide the image evenly, and each has a square.
func (o Options) cells(size int) int { return (size + o.Stride - 1) / o.Stride }

// square returns the range of pixel rows (or columns) that the square of a row (or column)
// of cells covers: centred on the cell, cut off at the image's borders.
func (o Options) square(cell, size int) (from, to int) {
	center := (float64(cell) + .5) * float64(size) / float64(o.cells(size))
	from = int(math.Floor(center - float64(o.Patch)/2 + .5))
	return max(from, 0), min(from+o.Patch, size)
}

// occlude makes the map of Occlusion: for each cell, the probability of the class minus
// the probability with the cell's square painted over.
func (p *part) occlude(ctx context.Context) error {
	if !slices.Contains(p.Options.Methods, Occlusion) {
		return nil
	}
	cells := p.Options.cells(p.network.Size)
	photo := make([]float32, p.network.Size*p.network.Size*3)
	for i, x := range p.explanations {
		if err := p.Images.Read(i, photo); err != nil {
			return err
		}
		color := p.Options.color(photo)
		request := skinattn.Request{Images: skinattn.Floats(cells*cells, func(cell int, dst []float32) {
			copy(dst, photo)
			p.Options.paint(dst, p.network.Size, cell, color)
		})}
		if p.Metadata != nil {
			request.Metadata = slices.Repeat(p.Metadata[i:i+1], cells*cells)
		}
		occluded, err := p.network.Predict(ctx, request)
		if err != nil {
			return err
		}
		values := make([]float32, len(occluded))
		for cell, o := range occluded {
			values[cell] = x.Prediction.Probabilities[x.Class] - o.Probabilities[x.Class]
		}
		p.values[Occlusion] = append(p.values[Occlusion], values)
	}
	return nil
}

// color returns the colour that covers parts of a photo, pixels [Size Size 3].
func (o Options) color(pixels []float32) [3]float32 {
	if o.Fill != MeanColor {
		return [3]float32{float32(o.Fill), float32(o.Fill), float32(o.Fill)}
	}
	var sum [3]float64
	for i, v := range pixels {
		sum[i%3] += float64(v)
	}
	var mean [3]float32
	for c := range mean {
		mean[c] = float32(sum[c] / float64(len(pixels)/3))
	}
	return mean
}

// paint covers the square of a cell; cells are counted in row-major order.
func (o Options) paint(pixels []float32, size, cell int, color [3]float32) {
	n := o.cells(size)
	top, bottom := o.square(cell/n, size)
	left, right := o.square(cell%n, size)
	for y := top; y < bottom; y++ {
		for x := left; x < right; x++ {
			copy(pixels[3*(y*size+x):], color[:])
		}
	}
}
