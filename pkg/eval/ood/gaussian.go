package ood

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Gaussian is what the training data look like. Values are float32, as they are stored.
type Gaussian struct {
	Mean       []float32 // [Width]
	Components []float32 // [Rank Width] in row-major order: unit vectors at right angles
	Variances  []float32 // [Rank] along the components
	Rest       float32   // variance along every direction at right angles to all components
}

// Width is the number of values of a vector.
func (g *Gaussian) Width() int { return len(g.Mean) }

// Rank is the number of components.
func (g *Gaussian) Rank() int { return len(g.Variances) }

// Check returns an error unless g can score.
func (g *Gaussian) Check() error {
	for _, values := range [][]float32{g.Mean, g.Components, g.Variances, {g.Rest}} {
		for _, v := range values {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return fmt.Errorf("a value is %g", v)
			}
		}
	}
	switch {
	case g.Width() <= g.Rank():
		return fmt.Errorf("%d components of vectors with %d values", g.Rank(), g.Width())
	case len(g.Components) != g.Rank()*g.Width():
		return fmt.Errorf("the components have %d values where %d times %d are needed", len(g.Components), g.Rank(), g.Width())
	case g.Rest <= 0 || g.Rank() > 0 && slices.Min(g.Variances) <= 0:
		return fmt.Errorf("a variance is not above 0")
	}
	return nil
}

// Fit fits a Gaussian of the given rank to the rows, all of one width. It takes more rows than
// the rank, and vectors that vary in more directions.
func Fit(rows [][]float32, rank int) (*Gaussian, error) {
	if rank < 0 || len(rows) <= rank+1 {
		return nil, fmt.Errorf("fitting %d components to %d vectors: more vectors are needed", rank, len(rows))
	}
	width := len(rows[0])
	if width <= rank {
		return nil, fmt.Errorf("fitting %d components to vectors with %d values: wider vectors are needed", rank, width)
	}
	n := float64(len(rows))
	mean := make([]float64, width)
	centred := mat.NewDense(len(rows), width, nil)
	for i, row := range rows {
		if len(row) != width {
			return nil, fmt.Errorf("vector %d has %d values, the first %d", i+1, len(row), width)
		}
		x := centred.RawRowView(i)
		unit(x, row)
		for k, v := range x {
			mean[k] += v / n
		}
	}
	for i := range rows {
		x := centred.RawRowView(i)
		for k := range x {
			x[k] -= mean[k]
		}
	}
	var covariance mat.SymDense
	covariance.SymOuterK(1/n, centred.T())
	var eigen mat.EigenSym
	if !eigen.Factorize(&covariance, true) {
		return nil, fmt.Errorf("fitting %d components to %d vectors: the covariance has no eigenvalues: a value may be infinite or no number", rank, len(rows))
	}
	values := eigen.Values(nil) // rising
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	g := &Gaussian{Mean: narrow(mean)}
	rest := 0.0
	for k, v := range values {
		if k < width-rank {
			rest += max(v, 0) / float64(width-rank)
		}
	}
	g.Rest = float32(rest)
	for k := width - 1; k >= width-rank; k-- {
		g.Variances = append(g.Variances, float32(values[k]))
		component := mat.Col(nil, k, &vectors)
		if largest(component) < 0 { // either sign is right; equal data give equal signs
			for i := range component {
				component[i] = -component[i]
			}
		}
		g.Components = append(g.Components, narrow(component)...)
	}
	if err := g.Check(); err != nil {
		return nil, fmt.Errorf("fitting %d components to %d vectors: %w", rank, len(rows), err)
	}
	return g, nil
}

// Score is the distance of a vector with Width values: the root of the mean squared distance
// over the directions, in standard deviations. Vectors like those of the fit have about 1; the
// larger, the more unlike. A value that is no number gives infinity.
func (g *Gaussian) Score(row []float32) float64 {
	width := g.Width()
	x := make([]float64, width)
	unit(x, row)
	square := 0.0
	for k := range x {
		x[k] -= float64(g.Mean[k])
		square += x[k] * x[k]
	}
	along := 0.0
	distance := 0.0
	for k, variance := range g.Variances {
		z := 0.0
		for i, c := range g.Components[k*width : (k+1)*width] {
			z += float64(c) * x[i]
		}
		along += z * z
		distance += z * z / float64(variance)
	}
	distance += max(square-along, 0) / float64(g.Rest)
	if math.IsNaN(distance) {
		return math.Inf(1)
	}
	return math.Sqrt(distance / float64(width))
}

// Threshold is the least score of which at least the share level of scores, not empty, is not
// above.
func Threshold(scores []float64, level float64) float64 {
	sorted := slices.Sorted(slices.Values(scores))
	at := int(math.Ceil(level*float64(len(sorted)))) - 1
	return sorted[min(max(at, 0), len(sorted)-1)]
}

// unit writes row, scaled to length 1, to dst. A row of zeros stays as it is.
func unit(dst []float64, row []float32) {
	square := 0.0
	for _, v := range row {
		square += float64(v) * float64(v)
	}
	length := math.Sqrt(square)
	if length == 0 {
		length = 1
	}
	for k, v := range row {
		dst[k] = float64(v) / length
	}
}

// largest is the value that is farthest from 0.
func largest(values []float64) (v float64) {
	for _, x := range values {
		if math.Abs(x) > math.Abs(v) {
			v = x
		}
	}
	return v
}

func narrow(values []float64) []float32 {
	out := make([]float32, len(values))
	for k, v := range values {
		out[k] = float32(v)
	}
	return out
}
