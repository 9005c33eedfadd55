package imaging

import "math"

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
	columns, rows := spans(cropWidth, width), spans(cropHeight, height)
	narrow := make([]float64, 3*width*cropHeight) // reduced along the rows
	for y := range cropHeight {
		source := img.Pix[3*((top+y)*img.Width+left):][:3*cropWidth]
		out := narrow[3*width*y:][:3*width]
		for x, span := range columns {
			var r, g, b float64
			for k, weight := range span.weights {
				pixel := (*[3]uint8)(source[3*(span.first+k):])
				// The conversions forbid fused multiply-add, so that every processor
				// rounds alike.
				r += float64(float64(pixel[0]) * weight)
				g += float64(float64(pixel[1]) * weight)
				b += float64(float64(pixel[2]) * weight)
			}
			out[3*x], out[3*x+1], out[3*x+2] = r, g, b
		}
	}
	sum := make([]float64, 3*width)
	for y, span := range rows {
		clear(sum)
		for k, weight := range span.weights {
			for i, v := range narrow[3*width*(span.first+k):][:3*width] {
				sum[i] += float64(v * weight)
			}
		}
		for i, v := range sum {
			dst[3*width*y+i] = float32(v)
		}
	}
}

// span holds the neighbouring source samples of an output sample, whose weights sum to 1.
type span struct {
	first   int
	weights []float64
}

// spans places out samples over in samples as ComputeSpansCore of TensorFlow's
// scale_and_translate_op.cc does for its triangle kernel, in double precision.
func spans(in, out int) []span {
	result := make([]span, out)
	scale := float64(in) / float64(out)
	width := max(scale, 1) // of half the triangle, in source samples
	for i := range result {
		centre := float64((float64(i) + .5) * scale)
		first := max(int(math.Ceil(centre-width-.5)), 0)
		last := min(int(math.Floor(centre+width-.5)), in-1)
		s := span{first: first}
		var sum float64
		for at := first; at <= last; at++ {
			weight := max(0, 1-math.Abs((float64(at)+.5-centre)/width))
			s.weights = append(s.weights, weight)
			sum += weight
		}
		for k := range s.weights {
			s.weights[k] /= sum
		}
		result[i] = s
	}
	return result
}
