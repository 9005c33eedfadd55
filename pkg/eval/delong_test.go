package eval

import (
	"fmt"
	"math"
	"testing"

	approx "gonum.org/v1/gonum/floats/scalar"
)

// kernel compares one positive with one negative.
func kernel(positive, negative float64) float64 {
	switch {
	case positive > negative:
		return 1
	case positive == negative:
		return 0.5
	}
	return 0
}

// obuchowski is the covariance by the formulas of Obuchowski (1997): structural
// components from all pairs, then sums over clusters.
func obuchowski(scores [2][]float64, positive []bool, clusters []int) float64 {
	var pos, neg []int
	byCluster := map[int][2]int{}
	for i, is := range positive {
		n := byCluster[clusters[i]]
		if is {
			pos = append(pos, i)
			n[0]++
		} else {
			neg = append(neg, i)
			n[1]++
		}
		byCluster[clusters[i]] = n
	}
	m, n := float64(len(pos)), float64(len(neg))
	var theta [2]float64
	v10, v01 := [2]map[int]float64{{}, {}}, [2]map[int]float64{{}, {}} // by image
	for r, s := range scores {
		for _, i := range pos {
			for _, j := range neg {
				v := kernel(s[i], s[j])
				theta[r] += v / (m * n)
				v10[r][i] += v / n
				v01[r][j] += v / m
			}
		}
	}
	var s10, s01, s11a, s11b, i10, i01 float64
	for c, size := range byCluster {
		var x, y [2]float64
		for r := range scores {
			for _, i := range pos {
				if clusters[i] == c {
					x[r] += v10[r][i]
				}
			}
			for _, j := range neg {
				if clusters[j] == c {
					y[r] += v01[r][j]
				}
			}
			x[r] -= float64(size[0]) * theta[r]
			y[r] -= float64(size[1]) * theta[r]
		}
		s10 += x[0] * x[1]
		s01 += y[0] * y[1]
		s11a += x[0] * y[1]
		s11b += x[1] * y[0]
		if size[0] > 0 {
			i10++
		}
		if size[1] > 0 {
			i01++
		}
	}
	i := float64(len(byCluster))
	s10 *= i10 / ((i10 - 1) * m)
	s01 *= i01 / ((i01 - 1) * n)
	return s10/m + s01/n + (s11a+s11b)*i/(i-1)/(m*n)
}

func TestDeLongByDefinition(t *testing.T) {
	for seed := range uint64(60) {
		n := 8 + int(seed)
		a, positive := randomBinary(seed, n, 2+int(seed%3)*20)
		b, _ := randomBinary(seed+1000, n, 5)
		positive[0], positive[1], positive[2], positive[3] = true, false, true, false
		numbers, names := make([]int, n), make([]string, n)
		rng := newRNG(seed)
		for i := range numbers {
			numbers[i] = rng.IntN(n/2) + 1 // lesions may have positives and negatives
			if i < 4 || seed%3 == 0 {
				numbers[i] = -i
			}
			if numbers[i] > 0 {
				names[i] = fmt.Sprint(numbers[i])
			}
		}
		d, err := NewDeLong(positive, names, a, b)
		if err != nil {
			t.Fatal(err)
		}
		if want := bruteForceAUROC(a, positive); !approx.EqualWithinAbs(d.AUC[0], want, 1e-14) {
			t.Errorf("seed %d: area %v, pair counting gives %v", seed, d.AUC[0], want)
		}
		scores := [][]float64{a, b}
		for i := range scores {
			for j := range scores {
				if want := obuchowski([2][]float64{scores[i], scores[j]}, positive, numbers); !approx.EqualWithinAbs(d.Cov[i][j], want, 1e-14) {
					t.Errorf("seed %d: Cov[%d][%d] = %v, by definition %v", seed, i, j, d.Cov[i][j], want)
				}
			}
		}
		if seed%3 == 0 { // every image a lesion of its own
			plain, err := NewDeLong(positive, nil, a, b)
			if err != nil || plain.Cov[0][1] != d.Cov[0][1] {
				t.Errorf("seed %d: %v with clusters of one, %v without (%v)", seed, d.Cov[0][1], plain.Cov[0][1], err)
			}
		}
	}
}

// Copies of photos carry no information: the standard error is equal to the standard
// error with one photo for each lesion, and too small without clusters.
func TestDeLongCopies(t *testing.T) {
	scores, positive := randomBinary(5, 60, 1000)
	want, err := NewDeLong(positive, nil, scores)
	if err != nil {
		t.Fatal(err)
	}
	var copies []float64
	var truth []bool
	var lesions []string
	for i, s := range scores {
		for range 4 {
			copies, truth, lesions = append(copies, s), append(truth, positive[i]), append(lesions, fmt.Sprint(i))
		}
	}
	clustered, err := NewDeLong(truth, lesions, copies)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := NewDeLong(truth, nil, copies)
	if err != nil {
		t.Fatal(err)
	}
	if !approx.EqualWithinAbs(clustered.SE(0), want.SE(0), 1e-14) || plain.SE(0) > 0.55*want.SE(0) {
		t.Errorf("standard error %v by lesion and %v by image; of one photo each %v", clustered.SE(0), plain.SE(0), want.SE(0))
	}
}

func TestDeLongDegenerate(t *testing.T) {
	for name, positive := range map[string][]bool{
		"none": nil, "one": {true}, "positives only": {true, true, true}, "one positive": {true, false, false},
	} {
		scores := make([]float64, len(positive))
		d, err := NewDeLong(positive, nil, scores, scores)
		if err != nil {
			t.Fatal(err)
		}
		if test, ci := d.Test(0, 1), d.Interval(0, .95); !math.IsNaN(d.SE(0)) || !math.IsNaN(test.P) || !math.IsNaN(ci.Low) || !math.IsNaN(test.Interval(.95).Low) {
			t.Errorf("%s: SE %v, test %+v, interval %v", name, d.SE(0), test, ci)
		}
	}
	// One perfect and one reversed model: a difference without variance.
	d, err := NewDeLong([]bool{true, true, false, false}, nil, []float64{3, 3, 1, 1}, []float64{1, 1, 3, 3})
	if err != nil {
		t.Fatal(err)
	}
	if test := d.Test(0, 1); test.Difference != -1 || test.SE != 0 || !math.IsNaN(test.P) {
		t.Errorf("opposite models: %+v", test)
	}
	for name, call := range map[string]func() (*DeLong, error){
		"no scores":       func() (*DeLong, error) { return NewDeLong([]bool{true}, nil) },
		"lengths":         func() (*DeLong, error) { return NewDeLong([]bool{true}, nil, []float64{1, 2}) },
		"NaN":             func() (*DeLong, error) { return NewDeLong([]bool{true}, nil, []float64{math.NaN()}) },
		"cluster lengths": func() (*DeLong, error) { return NewDeLong([]bool{true}, []string{"a", "b"}, []float64{1}) },
	} {
		if _, err := call(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for name, ci := range map[string]Interval{"level 95": d.Interval(0, 95), "area of 1": d.LogitInterval(0, .95), "logit, level 95": d.LogitInterval(1, 95)} {
		if !math.IsNaN(ci.Low) {
			t.Errorf("%s: %v", name, ci)
		}
	}
	// By hand: logit .8 is ln 4, its standard error .1/.16 = .625.
	half := &DeLong{AUC: []float64{.8}, Cov: [][]float64{{.01}}}
	odds := func(p float64) float64 { return math.Log(p / (1 - p)) }
	ci := half.LogitInterval(0, .95)
	if !near(odds(ci.Low), math.Log(4)-.625*1.959963984540054) || !near(odds(ci.High), math.Log(4)+.625*1.959963984540054) {
		t.Errorf("logit interval %v", ci)
	}
}
