package eval

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"
)

// scalingLoss is the mean negative log-likelihood of scaled logits, as a
// function of free parameters: convex, since it is a multinomial logistic
// regression on the logits.
type scalingLoss struct {
	z     [][]float64
	truth []int
	ridge float64 // penalty ridge/2 |x - 1|^2 of weights, |x|^2 of biases
	// shared is whether all classes share one weight and have no bias.
	shared bool
}

// newScalingLoss returns the loss over the images of known truth.
func newScalingLoss(val *Table) (*scalingLoss, error) {
	known := val.known
	if known.Len() == 0 {
		return nil, errors.New("no image of known class to fit on")
	}
	l := &scalingLoss{truth: known.Truth}
	for _, row := range known.Probs {
		logits := make([]float64, len(row))
		for k, v := range row {
			logits[k] = logProbability(v)
		}
		l.z = append(l.z, logits)
	}
	return l, nil
}

// allRight reports whether the true class of every image has the largest logit.
func (l *scalingLoss) allRight() bool {
	for i, row := range l.z {
		if row[l.truth[i]] < slices.Max(row) {
			return false
		}
	}
	return true
}

func (l *scalingLoss) classes() int { return len(l.z[0]) }

// start returns the parameters that change nothing: weights of 1, biases of 0.
func (l *scalingLoss) start() []float64 {
	if l.shared {
		return []float64{1}
	}
	x := make([]float64, 2*l.classes())
	for k := range l.classes() {
		x[k] = 1
	}
	return x
}

// weights returns the parameters of each class.
func (l *scalingLoss) weights(x []float64) (weight, bias []float64) {
	k := l.classes()
	if !l.shared {
		return x[:k], x[k:]
	}
	weight, bias = make([]float64, k), make([]float64, k)
	floats.AddConst(x[0], weight)
	return weight, bias
}

// each calls visit for every image with its logits, its logits under x, which visit
// may overwrite, and its true class.
func (l *scalingLoss) each(x []float64, visit func(z, scaled []float64, truth int)) {
	weight, bias := l.weights(x)
	scaled := make([]float64, l.classes())
	for i, z := range l.z {
		for k, v := range z {
			scaled[k] = weight[k]*v + bias[k]
		}
		visit(z, scaled, l.truth[i])
	}
}

// nll returns the mean loss without the penalty, from logits, as a probability may be
// too small for a float64.
func (l *scalingLoss) nll(x []float64) float64 {
	sum := 0.0
	l.each(x, func(_, scaled []float64, truth int) { sum += floats.LogSumExp(scaled) - scaled[truth] })
	return sum / float64(len(l.z))
}

// value returns the loss with the penalty.
func (l *scalingLoss) value(x []float64) float64 {
	distance := floats.Distance(x, l.start(), 2)
	return l.nll(x) + l.ridge/2*distance*distance
}

// gradient fills g with the derivatives of value.
func (l *scalingLoss) gradient(g, x []float64) {
	for i, s := range l.start() {
		g[i] = l.ridge * (x[i] - s)
	}
	k, share := l.classes(), 1/float64(len(l.z))
	l.each(x, func(z, probs []float64, truth int) {
		softmax(probs)
		for c, p := range probs {
			residual := p
			if c == truth {
				residual--
			}
			if l.shared {
				g[0] += share * residual * z[c]
				continue
			}
			g[c] += share * residual * z[c]
			g[k+c] += share * residual
		}
	})
}

// hessian fills h with the second derivatives of value.
func (l *scalingLoss) hessian(h *mat.SymDense, x []float64) {
	h.Zero()
	for i := range x {
		h.SetSym(i, i, l.ridge)
	}
	k, share := l.classes(), 1/float64(len(l.z))
	l.each(x, func(z, probs []float64, _ int) {
		softmax(probs)
		if l.shared { // the variance of the logits
			mean, square := floats.Dot(probs, z), 0.0
			for c, p := range probs {
				square += p * (z[c] - mean) * (z[c] - mean)
			}
			h.SetSym(0, 0, h.At(0, 0)+share*square)
			return
		}
		for a, p := range probs {
			for b := range probs {
				v := -share * p * probs[b]
				if a == b {
					v += share * p
				}
				if a <= b {
					h.SetSym(a, b, h.At(a, b)+v*z[a]*z[b])
					h.SetSym(k+a, k+b, h.At(k+a, k+b)+v)
				}
				h.SetSym(a, k+b, h.At(a, k+b)+v*z[a])
			}
		}
	})
}

// gradientTolerance is the greatest slope of the loss at the end of a fit.
const gradientTolerance = 1e-8

// minimize returns the parameters of least value.
func (l *scalingLoss) minimize() ([]float64, error) {
	problem := optimize.Problem{Func: l.value, Grad: l.gradient, Hess: l.hessian}
	settings := &optimize.Settings{GradientThreshold: gradientTolerance, MajorIterations: 200}
	result, err := optimize.Minimize(problem, l.start(), settings, &optimize.Newton{})
	if result == nil {
		return nil, err
	}
	// Close to the minimum, rounding errors of the loss stop the line search. The slope
	// is more exact there.
	x, slope := l.polish(result.X)
	if !(slope < gradientTolerance) {
		return nil, fmt.Errorf("the fit did not converge: slope %.3g after %d steps (%v, %v)", slope, result.MajorIterations, result.Status, err)
	}
	return x, nil
}

// polish takes Newton steps while they reduce the slope, and returns the last
// parameters and their slope.
func (l *scalingLoss) polish(x []float64) ([]float64, float64) {
	n := len(x)
	slopeAt := func(x []float64) (*mat.VecDense, float64) {
		g := make([]float64, n)
		l.gradient(g, x)
		return mat.NewVecDense(n, g), floats.Norm(g, math.Inf(1))
	}
	gradient, slope := slopeAt(x)
	hessian, step := mat.NewSymDense(n, nil), mat.NewVecDense(n, nil)
	for range 20 {
		l.hessian(hessian, x)
		var factor mat.Cholesky
		if !factor.Factorize(hessian) || factor.SolveVecTo(step, gradient) != nil {
			break
		}
		next := make([]float64, n)
		floats.SubTo(next, x, step.RawVector().Data)
		nextGradient, nextSlope := slopeAt(next)
		if !(nextSlope < slope) {
			break
		}
		x, gradient, slope = next, nextGradient, nextSlope
	}
	return x, slope
}

// fit minimises the loss.
func (l *scalingLoss) fit(method string, classes []string) (*Scaling, error) {
	x, err := l.minimize()
	if err != nil {
		return nil, fmt.Errorf("%s scaling: %w", method, err)
	}
	weight, bias := l.weights(x)
	return &Scaling{
		Method: method, Classes: slices.Clone(classes), Weight: slices.Clone(weight), Bias: slices.Clone(bias),
		N: len(l.z), NLLBefore: l.nll(l.start()), NLLAfter: l.nll(x),
	}, nil
}
