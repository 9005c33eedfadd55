package imaging

import (
	"math"

	"github.com/skinattn/skinattn/internal/simd"
)

// AntialiasResize is [SmartResize] with antialiasing: the same centred part, then a
// triangle filter as wide as a pixel of the result, so that every pixel of the photo
// counts however far it is reduced. It is tf.image.resize with method bilinear and
// antialias=True (TensorFlow 2.15, scale_and_translate_op.cc), and Pillow's BILINEAR
// without rounding. Enlarged photos are those of SmartResize but for rounding.
func AntialiasResize(img *RGB, height, width int) []float32 {
	return Antialias.resized(img, height, width)
}

func antialiasResize(dst []float32, img *RGB, height, width int) {
	left, top, cropWidth, cropHeight := smartCrop(img.Width, img.Height, height, width)
	if cropWidth == width && cropHeight == height { // each sample has the weight 1
		for y := range height {
			source := img.Pix[3*((top+y)*img.Width+left):][:3*width]
			vectors.Widen(dst[3*width*y:], source)
		}
		return
	}
	columns, rows := simd.NewReduction(spans(cropWidth, width), cropWidth), spans(cropHeight, height)
	most := 0
	for _, span := range rows {
		most = max(most, len(span.Weights))
	}
	// Rows of the photo that are reduced along the row, while sums take them: row y at y%most.
	narrow, made := make([]float64, 3*width*most), 0
	window := make([][]float64, 0, most)
	for y, span := range rows {
		window = window[:0]
		for row := span.First; row < span.First+len(span.Weights); row++ {
			out := narrow[3*width*(row%most):][:3*width]
			if row >= made {
				columns.Row(vectors, out, img.Pix[3*((top+row)*img.Width+left):][:3*cropWidth])
				made = row + 1
			}
			window = append(window, out)
		}
		vectors.WeighRows(dst[3*width*y:][:3*width], window, span.Weights)
	}
}

// spans places out samples over in samples as ComputeSpansCore of TensorFlow's
// scale_and_translate_op.cc does for its triangle kernel, in double precision. The
// weights of a sample sum to 1.
func spans(in, out int) []simd.Span {
	result := make([]simd.Span, out)
	scale := float64(in) / float64(out)
	width := max(scale, 1) // of half the triangle, in source samples
	weights := make([]float64, 0, out*(int(2*width)+2))
	for i := range result {
		centre := float64((float64(i) + .5) * scale)
		first := max(int(math.Ceil(centre-width-.5)), 0)
		last := min(int(math.Floor(centre+width-.5)), in-1)
		begin := len(weights)
		var sum float64
		for at := first; at <= last; at++ {
			weight := max(0, 1-math.Abs((float64(at)+.5-centre)/width))
			weights = append(weights, weight)
			sum += weight
		}
		own := weights[begin:len(weights):len(weights)]
		for k := range own {
			own[k] /= sum
		}
		result[i] = simd.Span{First: first, Weights: own}
	}
	return result
}
