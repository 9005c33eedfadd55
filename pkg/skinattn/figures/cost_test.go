package figures

import (
	"math"
	"testing"

	"github.com/skinattn/skinattn/pkg/plots"
)

// Numbers of Table 6 as printed, and of the authors' logs.
func TestCostFigures(t *testing.T) {
	parameters, seconds := CostFigures([]CostPoint{{Name: "x", Accuracy: 0.5, Parameters: 10, Seconds: math.NaN()}, {Name: "y", Accuracy: 0.6, Seconds: 7}})
	for _, c := range []struct {
		figure            *plots.Tradeoff
		series, name      string
		wantCost, wantAcc float64
		points            int
	}{
		{parameters, "Table 6, as printed", "MobileNetV3Large", 5.5e6, 0.86, 3},
		{parameters, "as logged", "MobileNetV2", 1354714, 0.8092, 9},
		{parameters, "ours", "x", 10, 0.5, 1},
		{seconds, "Table 6, as printed", "InceptionResNetV2", 3500, 0.90, 3},
		{seconds, "as logged, CPU", "NASNetLarge", 8345, 0.8645, 2},
		{seconds, "as logged, GPU", "DenseNet201", 1003, 0.8855, 7},
		{seconds, "ours", "y", 7, 0.6, 1},
	} {
		found := false
		for _, series := range c.figure.Series {
			if series.Name != c.series {
				continue
			}
			if len(series.Points) != c.points {
				t.Errorf("%s has %d points, want %d", c.series, len(series.Points), c.points)
			}
			for _, p := range series.Points {
				if p.Name == c.name {
					found = true
					if math.Abs(p.Cost-c.wantCost) > 1e-6*c.wantCost || math.Abs(p.Value-c.wantAcc) > 1e-9 {
						t.Errorf("%s, %s: cost %v, accuracy %v, want %v, %v", c.series, c.name, p.Cost, p.Value, c.wantCost, c.wantAcc)
					}
				}
			}
		}
		if !found {
			t.Errorf("no %s in %s", c.name, c.series)
		}
	}
}
