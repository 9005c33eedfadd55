package explain

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn"
)

// drawNoise draws standard normal noise for each of SmoothGrad's copies, once.
func (e *Explainer) drawNoise() {
	if e.noise != nil {
		return
	}
	for sample := range e.Options.Samples {
		rng := rand.New(rand.NewPCG(e.Options.Seed, uint64(sample)))
		noise := make([]float32, e.network.Size*e.network.Size*3)
		for i := range noise {
			noise[i] = float32(rng.NormFloat64())
		}
		e.noise = append(e.noise, noise)
	}
}

// cells is how many squares Occlusion has in a row and in a column of an image
// of size pixels: the map's cells, which share the image evenly.
func (o Options) cells(size int) int { return (size + o.Stride - 1) / o.Stride }

// square is the rows (and the columns) from and up to which the square of the
// cell-th row (or column) is painted: centred on the cell, cut off at the
// image's borders.
func (o Options) square(cell, size int) (from, to int) {
	center := (float64(cell) + .5) * float64(size) / float64(o.cells(size))
	from = int(math.Floor(center - float64(o.Patch)/2 + .5))
	return max(from, 0), min(from+o.Patch, size)
}

// occlude makes the map of Occlusion: probability of the class, less that with
// the square of each cell painted over.
func (p *part) occlude(ctx context.Context, _ []int) error {
	if !slices.Contains(p.Options.Methods, Occlusion) {
		return nil
	}
	cells := p.Options.cells(p.network.Size)
	for i, x := range p.explanations {
		color := p.Options.color(p.pixels[i])
		metadata := make([]skinattn.Metadata, 0, cells*cells)
		if p.metadata != nil {
			metadata = slices.Repeat(p.metadata[i:i+1], cells*cells)
		}
		occluded, err := p.network.Predict(ctx, cells*cells, skinattn.Floats(func(cell int, dst []float32) {
			copy(dst, p.pixels[i])
			p.Options.paint(dst, p.network.Size, cell, color)
		}), metadata, nil)
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

// color is what pixels [Size Size 3] are painted over with.
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

// paint paints the square of a cell, in row-major order.
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
