package saliency

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	approx "gonum.org/v1/gonum/floats/scalar"
)

// golden holds values of scikit-learn, SciPy and NumPy:
// tools/golden/attention/make.py.
type golden struct {
	Upsample []struct {
		Cells   []float32 `json:"cells"`
		Rows    int       `json:"rows"`
		Cols    int       `json:"cols"`
		OutRows int       `json:"out_rows"`
		OutCols int       `json:"out_cols"`
		Out     []float64 `json:"out"`
	} `json:"upsample"`
	Scores []struct {
		Name      string             `json:"name"`
		Width     int                `json:"width"`
		Tolerance float64            `json:"tolerance"`
		Mask      []int              `json:"mask"`
		Map       []float32          `json:"map"`
		Scores    map[string]float64 `json:"scores"`
	} `json:"scores"`
	Blur []struct {
		Photo []float32 `json:"photo"`
		Width int       `json:"width"`
		Sigma float64   `json:"sigma"`
		Out   []float64 `json:"out"`
	} `json:"blur"`
	Area []struct {
		Curve []float64 `json:"curve"`
		Area  float64   `json:"area"`
	} `json:"area"`
}

func readGolden(t *testing.T) golden {
	t.Helper()
	text, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Upsample) == 0 || len(g.Scores) == 0 || len(g.Blur) == 0 || len(g.Area) == 0 {
		t.Fatal("golden.json lacks a part")
	}
	return g
}

func compareAll(t *testing.T, what string, got []float32, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i, v := range got {
		if !approx.EqualWithinAbs(float64(v), want[i], tolerance) {
			t.Fatalf("%s: value %d is %v, want %v", what, i, v, want[i])
		}
	}
}

// SciPy's ndimage.zoom with grid_mode.
func TestUpsampleAgreesWithSciPy(t *testing.T) {
	for _, c := range readGolden(t).Upsample {
		compareAll(t, "upsampled", Upsample(c.Cells, c.Rows, c.Cols, c.OutRows, c.OutCols), c.Out, 1e-6)
	}
}

// scikit-learn's roc_auc_score and jaccard_score, SciPy's distance transform.
func TestScoresAgreeWithScikitLearn(t *testing.T) {
	for _, c := range readGolden(t).Scores {
		inside := make([]bool, len(c.Map))
		for _, i := range c.Mask {
			inside[i] = true
		}
		mask, err := NewMask(inside, c.Width, c.Tolerance)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		scores, err := mask.Score(c.Map)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		for m := range Deletion {
			want, ok := c.Scores[m.String()]
			if !ok {
				t.Fatalf("%s: no golden %s", c.Name, m)
			}
			if !approx.EqualWithinAbs(scores[m], want, 1e-12) {
				t.Errorf("%s: %s is %v, want %v", c.Name, m, scores[m], want)
			}
		}
		if !math.IsNaN(scores[Deletion]) || !math.IsNaN(scores[Insertion]) {
			t.Errorf("%s: a mask knows nothing of curves: %v", c.Name, scores)
		}
	}
}

// SciPy's gaussian_filter.
func TestBlurAgreesWithSciPy(t *testing.T) {
	for _, c := range readGolden(t).Blur {
		compareAll(t, "blurred", Blur(c.Photo, c.Width, c.Sigma), c.Out, 1e-4)
	}
}

// NumPy's trapezoid.
func TestAreaAgreesWithNumPy(t *testing.T) {
	for _, c := range readGolden(t).Area {
		if got := Area(c.Curve); !approx.EqualWithinAbs(got, c.Area, 1e-12) {
			t.Errorf("area of %v is %v, want %v", c.Curve, got, c.Area)
		}
	}
}
