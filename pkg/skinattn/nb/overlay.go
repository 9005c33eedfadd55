package nb

import (
	"fmt"
	"image"

	"github.com/skinattn/skinattn/pkg/plots"
)

// MeanMap averages the attention maps of an image over their heads. maps is
// [heads rows cols] in row-major order (skinattn.Prediction), shape holds the three
// sizes (skinattn.Model.AttentionShape). The paper's figures show this mean, whereas
// the Soft-Attention block adds the heads up (equation 1 of the paper).
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

// Overlay lays a map [rows cols] over a picture, as [plots.Overlay] does with its
// usual colours: dark violet is the smallest value, yellow the largest.
func Overlay(base image.Image, heat []float64, rows, cols int) (image.Image, error) {
	return plots.Overlay(base, plots.HeatMap{Rows: rows, Cols: cols, Values: heat}, nil, plots.HeatStyle{})
}
