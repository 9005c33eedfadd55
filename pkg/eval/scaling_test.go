package eval

import (
	"math"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// sharpen returns p with every probability raised to the given power, normalised.
func sharpen(p *Predictions, power float64) *Predictions {
	s := Scaling{Method: "temperature", Classes: p.Classes, Weight: make([]float64, len(p.Classes)), Bias: make([]float64, len(p.Classes))}
	for k := range s.Weight {
		s.Weight[k] = power
	}
	out, err := s.Apply(tableOf(p))
	if err != nil {
		panic(err)
	}
	return out.Predictions()
}

// Temperature scaling reverses sharpen, keeps the predicted class, and never increases
// the loss on the images of the fit; the loss of vector scaling is at most as high.
func TestTemperatureUndoesSharpening(t *testing.T) {
	for seed := range uint64(10) {
		p := syntheticPredictions(newRNG(seed), 300, 5, 0)
		base, err := FitTemperature(tableOf(p))
		if err != nil {
			t.Fatal(err)
		}
		sharp := sharpen(p, 2.5)
		s, err := FitTemperature(tableOf(sharp))
		if err != nil {
			t.Fatal(err)
		}
		if ratio := s.Temperature() / base.Temperature(); math.Abs(ratio-2.5) > 1e-4 { // float32 probabilities
			t.Errorf("seed %d: temperature %v after sharpening %v by 2.5", seed, s.Temperature(), base.Temperature())
		}
		applied, err := s.Apply(tableOf(sharp))
		if err != nil {
			t.Fatal(err)
		}
		scaled := applied.Predictions()
		for i := range sharp.Probs {
			if scaled.Predicted(i) != sharp.Predicted(i) {
				t.Fatalf("seed %d: image %d changed its class", seed, i)
			}
		}
		before, err := Evaluate(ctx, tableOf(sharp), Options{})
		if err != nil {
			t.Fatal(err)
		}
		after, err := Evaluate(ctx, tableOf(scaled), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(before.NLL-s.NLLBefore) > 1e-6 || math.Abs(after.NLL-s.NLLAfter) > 1e-6 || after.NLL > before.NLL {
			t.Errorf("seed %d: loss from %v to %v, the fit says %v to %v", seed, before.NLL, after.NLL, s.NLLBefore, s.NLLAfter)
		}
		vector, err := FitVector(tableOf(sharp))
		if err != nil {
			t.Fatal(err)
		}
		if vector.NLLAfter > s.NLLAfter+1e-5 || !math.IsNaN(vector.Temperature()) || vector.N != 300 {
			t.Errorf("seed %d: vector scaling %+v, temperature scaling's loss %v", seed, vector, s.NLLAfter)
		}
	}
}

// gradient and hessian are the derivatives of value.
func TestScalingDerivatives(t *testing.T) {
	p := syntheticPredictions(newRNG(3), 40, 3, 0)
	for _, shared := range []bool{true, false} {
		loss, err := newScalingLoss(tableOf(p))
		if err != nil {
			t.Fatal(err)
		}
		loss.shared, loss.ridge = shared, 0.01
		x := loss.start()
		for i := range x {
			x[i] += 0.1 * float64(i+1)
		}
		const h = 1e-5
		gradient, moved := make([]float64, len(x)), make([]float64, len(x))
		loss.gradient(gradient, x)
		hessian := mat.NewSymDense(len(x), nil)
		loss.hessian(hessian, x)
		for i := range x {
			up, down := append([]float64(nil), x...), append([]float64(nil), x...)
			up[i] += h
			down[i] -= h
			if want := (loss.value(up) - loss.value(down)) / (2 * h); math.Abs(gradient[i]-want) > 1e-8 {
				t.Errorf("shared %v: derivative %d is %v, by differences %v", shared, i, gradient[i], want)
			}
			loss.gradient(moved, up)
			forward := append([]float64(nil), moved...)
			loss.gradient(moved, down)
			for j := range x {
				if want := (forward[j] - moved[j]) / (2 * h); math.Abs(hessian.At(i, j)-want) > 1e-8 {
					t.Errorf("shared %v: second derivative %d,%d is %v, by differences %v", shared, i, j, hessian.At(i, j), want)
				}
			}
		}
	}
}

func TestScalingErrors(t *testing.T) {
	table := func(truth []int, probs ...[]float32) *Predictions {
		p := &Predictions{Classes: []string{"a", "b"}, Truth: truth, Probs: probs}
		for i := range truth {
			p.ImageIDs = append(p.ImageIDs, string(rune('a'+i)))
		}
		return p
	}
	for name, tt := range map[string]struct {
		p    *Predictions
		want string
	}{
		"empty":     {table(nil), "no image"},
		"unknown":   {table([]int{TruthUnknown}, []float32{.5, .5}), "no image"},
		"all right": {table([]int{0, 1}, []float32{.9, .1}, []float32{.2, .8}), "rightly"},
		"uniform":   {table([]int{0, 1}, []float32{.5, .5}, []float32{.5, .5}), "chance"},
		"wrong":     {table([]int{1, 0}, []float32{.9, .1}, []float32{.2, .8}), "chance"},
	} {
		if _, err := FitTemperature(tableOf(tt.p)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Vector scaling is finite even if every image is predicted correctly, and with an
	// absent class.
	p := syntheticPredictions(newRNG(5), 60, 4, 0)
	for i := range p.Truth {
		p.Truth[i] = min(p.Predicted(i), 2)
	}
	s, err := FitVector(tableOf(p))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := s.Apply(tableOf(p)); err != nil || out.Predictions().Validate() != nil {
		t.Errorf("applied: %v, %v", err, out.Predictions().Validate())
	}
	if _, err := FitVector(tableOf(table(nil))); err == nil {
		t.Error("vector scaling of nothing: no error")
	}
	if _, err := s.Apply(tableOf(table([]int{0}, []float32{1, 0}))); err == nil || !strings.Contains(err.Error(), "fitted on") {
		t.Errorf("other classes: %v", err)
	}
}
