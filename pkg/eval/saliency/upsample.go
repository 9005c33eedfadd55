package saliency

import "math"

// Upsample resizes a map [rows cols] to [outRows outCols], all in row-major
// order: bilinear interpolation with half-pixel centres, and beyond the centres
// of the outer cells the value of the nearest. That is tf.image.resize of
// TensorFlow 2, and interpolate with align_corners=False of PyTorch. Equal
// neighbours give exactly equal pixels, so that ties stay ties.
//
// All sizes must be positive and values have rows*cols elements; otherwise it
// panics, like any slice index.
func Upsample(values []float32, rows, cols, outRows, outCols int) []float32 {
	out := make([]float32, 0, outRows*outCols)
	down, right := places(rows, outRows), places(cols, outCols)
	for _, v := range down {
		upper, lower := values[v.low*cols:][:cols], values[v.high*cols:][:cols]
		for _, h := range right {
			top := between(upper[h.low], upper[h.high], h.weight)
			bottom := between(lower[h.low], lower[h.high], h.weight)
			out = append(out, between(top, bottom, v.weight))
		}
	}
	return out
}

// place is where an output sample lies between two input samples.
type place struct {
	low, high int
	weight    float32 // of high
}

// places puts out samples over in samples.
func places(in, out int) []place {
	all := make([]place, out)
	for i := range all {
		at := (float64(i)+.5)*float64(in)/float64(out) - .5
		at = min(max(at, 0), float64(in-1))
		low := math.Floor(at)
		all[i] = place{int(low), min(int(low)+1, in-1), float32(at - low)}
	}
	return all
}

func between(a, b, weight float32) float32 { return a + (b-a)*weight }
