package ood

import (
	"math"
	"testing"
)

// The vectors are random; scikit-learn 1.9.1 has the other numbers: PCA(2,
// svd_solver='full') of the vectors at length 1, its get_covariance, explained_variance_ and
// noise_variance_ times 11/12 (it divides by n-1), and the Mahalanobis distances over the
// root of 5.
var (
	training = [][]float32{{7.12, -3.11, 0.42, -0.28, 0.77}, {0.35, -2.04, -0.23, -0.43, 2.66}, {1.68, 1.29, -0.28, -0.33, 0.47},
		{-0.17, 2.96, -0.24, 0.48, 0.9}, {1.07, 5.09, 0.55, -0.25, 0.91}, {2.62, 5.87, -0.27, -0.12, 1.5}, {-1.66, 1.42, 0.88, 0.29, 1.05},
		{3.01, -3.66, 1.02, -0.48, 0.17}, {1.83, 3.4, -0.44, -0.54, 1.01}, {0.84, 4.81, 0.75, 0.1, 1.56}, {0.38, 0.15, 0.58, 0.29, 0.89}, {-1.35, 2.46, -2.49, 0.35, 1.25}}
	asked     = [][]float32{{1, 2, 3, 4, 5}, {0.5, 2, 0.1, 0, 1}, {-3, 1, 0, 0, 0.5}}
	distances = []float64{1.6029963430030711, 0.5535102583150802, 1.7403986650708694}
)

func TestScoreIsScikitLearns(t *testing.T) {
	g, err := Fit(training, 2)
	if err != nil {
		t.Fatal(err)
	}
	for k, want := range []float64{0.4119828351569405, 0.16383492310473982} {
		if got := float64(g.Variances[k]); math.Abs(got-want) > 1e-6 {
			t.Errorf("variance %d is %g, want %g", k, got, want)
		}
	}
	if got := float64(g.Rest); math.Abs(got-0.03691559538351446) > 1e-7 {
		t.Errorf("the rest has a variance of %g", got)
	}
	for i, row := range asked {
		if got := g.Score(row); math.Abs(got-distances[i]) > 1e-5 {
			t.Errorf("vector %d: %g, want %g", i, got, distances[i])
		}
		for k := range row {
			row[k] *= 4 // the length is no matter
		}
		if got := g.Score(row); math.Abs(got-distances[i]) > 1e-5 {
			t.Errorf("vector %d, four times as long: %g, want %g", i, got, distances[i])
		}
	}
}

// The mean squared score of the vectors of the fit is 1: the squares of the distances sum to
// the trace of the covariance times its inverse, by hand.
func TestScoresOfTheFit(t *testing.T) {
	for rank := range 5 {
		g, err := Fit(training, rank)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, row := range training {
			score := g.Score(row)
			sum += score * score
		}
		if mean := sum / float64(len(training)); math.Abs(mean-1) > 1e-4 {
			t.Errorf("rank %d: the mean squared score is %g", rank, mean)
		}
	}
}

func TestScoreOfOddVectors(t *testing.T) {
	g, err := Fit(training, 2)
	if err != nil {
		t.Fatal(err)
	}
	if got := g.Score(make([]float32, 5)); math.IsNaN(got) || math.IsInf(got, 0) {
		t.Errorf("zeros have the score %g", got)
	}
	if got := g.Score([]float32{1, float32(math.NaN()), 0, 0, 0}); !math.IsInf(got, 1) {
		t.Errorf("no number has the score %g", got)
	}
	if got := g.Score([]float32{float32(math.Inf(1)), 0, 0, 0, 0}); !math.IsInf(got, 1) {
		t.Errorf("infinity has the score %g", got)
	}
}

func TestFitRefuses(t *testing.T) {
	ragged := [][]float32{{1, 2, 3}, {2, 1, 0}, {1, 1}, {0, 2, 1}}
	same := [][]float32{{1, 2, 3}, {1, 2, 3}, {1, 2, 3}, {1, 2, 3}}
	for _, c := range []struct {
		name string
		rows [][]float32
		rank int
	}{{"none", nil, 0}, {"too few", training[:3], 2}, {"too narrow", training, 5}, {"ragged", ragged, 1}, {"all the same", same, 1}} {
		if _, err := Fit(c.rows, c.rank); err == nil {
			t.Errorf("%s: no error", c.name)
		}
	}
}

// By hand: of 20 scores 19 are 95 %.
func TestThreshold(t *testing.T) {
	var scores []float64
	for i := range 20 {
		scores = append(scores, float64((i*7)%20))
	}
	for level, want := range map[float64]float64{.95: 18, .949: 18, .951: 19, 1: 19, 0: 0} {
		if got := Threshold(scores, level); got != want {
			t.Errorf("level %g: %g, want %g", level, got, want)
		}
	}
	if got := Threshold([]float64{3}, .95); got != 3 {
		t.Error(got)
	}
}
