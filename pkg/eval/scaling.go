package eval

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Scaling recalibrates probabilities: with the logarithms of an image's
// probabilities as logits z (they differ from a network's logits by a constant, which
// does not change a softmax), the new probabilities are
//
//	softmax(Weight_k z_k + Bias_k).
//
// Temperature scaling has Weight 1/T for all classes and no bias; it does not change
// the predicted class. A probability of 0 counts as the smallest positive float32.
type Scaling struct {
	Method  string    `json:"method"` // "temperature" or "vector"
	Classes []string  `json:"classes"`
	Weight  []float64 `json:"weight"`
	Bias    []float64 `json:"bias"`
	// N is the number of images of the fit; NLLBefore and NLLAfter are their mean
	// negative log-likelihoods, in nats.
	N         int     `json:"n"`
	NLLBefore float64 `json:"nll_before"`
	NLLAfter  float64 `json:"nll_after"`
}

// Temperature returns T of temperature scaling: above 1 it makes predictions
// less confident. NaN for vector scaling.
func (s *Scaling) Temperature() float64 {
	if s.Method != "temperature" {
		return math.NaN()
	}
	return 1 / s.Weight[0]
}

// vectorRidge is the weight of the penalty on the mean loss that keeps vector scaling
// finite. It changes parameters that the images determine in about the sixth digit.
const vectorRidge = 1e-6

// FitTemperature returns the temperature scaling (Guo et al. 2017) that
// minimises the negative log-likelihood of val's images of known truth. Fit it
// on validation images, never on the reported images. It is an error if there is no
// best temperature: without an image, if every image is predicted correctly (a lower
// temperature is always better), or if the predictions are no better than chance.
func FitTemperature(val *Table) (*Scaling, error) {
	loss, err := newScalingLoss(val)
	if err != nil {
		return nil, fmt.Errorf("temperature scaling: %w", err)
	}
	loss.shared = true
	slope := make([]float64, 1)
	if loss.gradient(slope, []float64{0}); slope[0] > -gradientTolerance {
		return nil, errors.New("temperature scaling: the predictions tell no more than chance; no positive temperature is best")
	}
	if loss.allRight() {
		return nil, errors.New("temperature scaling: every image is predicted rightly; a lower temperature is always better")
	}
	return loss.fit("temperature", val.known.Classes)
}

// FitVector returns the vector scaling (Guo et al. 2017), with a weight and a bias for
// each class, that minimises the negative log-likelihood of val's images of known
// truth. A penalty of 1e-6/2 times the squared distance from weights of 1 and biases
// of 0 keeps the scaling unique and finite even for a class that val lacks. Fit it on
// validation images, never on the reported images.
func FitVector(val *Table) (*Scaling, error) {
	loss, err := newScalingLoss(val)
	if err != nil {
		return nil, fmt.Errorf("vector scaling: %w", err)
	}
	loss.ridge = vectorRidge
	return loss.fit("vector", val.known.Classes)
}

// Apply returns t with recalibrated probabilities. It is an error if t has other
// classes than the scaling was fitted on.
func (s *Scaling) Apply(t *Table) (*Table, error) {
	p := t.rows
	if !slices.Equal(s.Classes, p.Classes) {
		return nil, fmt.Errorf("%s scaling: classes %q, but it was fitted on %q", s.Method, p.Classes, s.Classes)
	}
	probs := make([][]float32, p.Len())
	for i, row := range p.Probs {
		probs[i] = s.Probabilities(row)
	}
	scaled, err := newTable(p.withProbs(probs))
	if err == nil {
		scaled.notes = t.notes
	}
	return scaled, err
}

// Probabilities returns the recalibrated probabilities of one image, a probability for each
// class of the scaling.
func (s *Scaling) Probabilities(row []float32) []float32 {
	logits := make([]float64, len(row))
	for k, v := range row {
		logits[k] = s.Weight[k]*logProbability(v) + s.Bias[k]
	}
	softmax(logits)
	return normalized(logits)
}

// Check returns an error unless s is a scaling of the given classes, such as one that was
// read from a file.
func (s *Scaling) Check(classes []string) error {
	finite := func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
	switch {
	case !slices.Equal(s.Classes, classes):
		return fmt.Errorf("%s scaling: classes %q, want %q", s.Method, s.Classes, classes)
	case len(s.Weight) != len(classes) || len(s.Bias) != len(classes):
		return fmt.Errorf("%s scaling: %d weights and %d biases for %d classes", s.Method, len(s.Weight), len(s.Bias), len(classes))
	case !slices.Contains([]string{"temperature", "vector"}, s.Method):
		return fmt.Errorf("scaling by %q; known are temperature and vector", s.Method)
	}
	for k := range classes {
		if !finite(s.Weight[k]) || !finite(s.Bias[k]) {
			return fmt.Errorf("%s scaling: weight %g and bias %g of %s", s.Method, s.Weight[k], s.Bias[k], classes[k])
		}
		if s.Method == "temperature" && (s.Weight[k] != s.Weight[0] || !(s.Weight[0] > 0) || s.Bias[k] != 0) {
			return fmt.Errorf("temperature scaling: weights %v and biases %v; all weights are one positive number, all biases 0", s.Weight, s.Bias)
		}
	}
	return nil
}
