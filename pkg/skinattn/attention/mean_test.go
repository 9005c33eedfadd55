package attention

import (
	"slices"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// Values by hand. Of three images, two show one lesion: the mean for either leaves out
// both. Maps have the same weight whatever their sum, but a map of zeros has none.
func TestMeanOfOthers(t *testing.T) {
	s := &scorer{records: []ham10000.Record{{LesionID: "a"}, {LesionID: "a"}, {LesionID: "b"}, {LesionID: "c"}}}
	maps := [][]float32{{1, 0}, {1, 1}, {10, 30}, {0, 0}}
	mean := s.meanOfOthers(scoredMethod{"m", func(i int) heatMap { return heatMap{1, 2, maps[i]} }})
	for i, want := range [][]float32{{.25, .75}, {.25, .75}, {1.5, .5}, {1.75, 1.25}} {
		if got := mean(i); !slices.Equal(got.values, want) {
			t.Errorf("image %d: %v, want %v", i, got.values, want)
		}
	}
	alone := (&scorer{records: s.records[:2]}).meanOfOthers(scoredMethod{"m", func(i int) heatMap { return heatMap{1, 2, maps[i]} }})
	if got := alone(0); got.rows != 1 || got.cols != 1 || got.values[0] <= 0 {
		t.Errorf("one lesion alone: %v", got)
	}
}
