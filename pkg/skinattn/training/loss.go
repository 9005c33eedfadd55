package training

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// lossOf returns the weighted loss of each image, [B]. The loss of a batch is the sum
// divided by the number of images, not by the sum of the weights, as in Keras.
func (s *Stepper) lossOf(logits, labels, weights *graph.Node) *graph.Node {
	return graph.Mul(imageLoss(s.reg.Loss, logits, labels, s.reg.LabelSmoothing), weights)
}

// imageLoss returns the loss of each image, [B], for logits [B C] and labels [B]. smoothing
// is the share of the true class's 1 that is distributed evenly over all classes.
func imageLoss(kind spec.Loss, logits, labels *graph.Node, smoothing float64) *graph.Node {
	classes := logits.Shape().Dimensions[1]
	truth := graph.OneHot(labels, classes, logits.DType())
	if smoothing != 0 {
		truth = graph.AddScalar(graph.MulScalar(truth, 1-smoothing), smoothing/float64(classes))
	}
	switch kind.Kind {
	case spec.Focal:
		logP := graph.LogSoftmax(logits, -1)
		hard := power(graph.OneMinus(graph.Exp(logP)), kind.Gamma)
		return graph.Neg(graph.ReduceSum(graph.Mul(graph.Mul(truth, hard), logP), -1))
	case spec.MultiWeighted:
		return multiWeighted(kind, logits, truth)
	}
	return graph.Neg(graph.ReduceSum(graph.Mul(truth, graph.LogSoftmax(logits, -1)), -1))
}

// multiWeighted returns the sum over classes of t*(1-p)^g*l(p) + (1-t)*p^g*l(1-p),
// where p is the sigmoid of the logit and l(p) = -log(max(p, Limit)) ("fixed" in the
// authors' code).
func multiWeighted(kind spec.Loss, logits, truth *graph.Node) *graph.Node {
	negLog := func(x *graph.Node) *graph.Node { // -log(sigmoid(x))
		loss := graph.Softplus(graph.Neg(x))
		if kind.Limit > 0 {
			loss = graph.MinScalar(loss, -math.Log(kind.Limit))
		}
		return loss
	}
	p := graph.Sigmoid(logits)
	mine := graph.Mul(power(graph.OneMinus(p), kind.Gamma), negLog(logits))
	others := graph.Mul(power(p, kind.Gamma), negLog(graph.Neg(logits)))
	return graph.ReduceSum(graph.Add(graph.Mul(truth, mine), graph.Mul(graph.OneMinus(truth), others)), -1)
}

// power returns x^exponent for x in 0..1, with a finite gradient at 0.
func power(x *graph.Node, exponent float64) *graph.Node {
	switch exponent {
	case 0:
		return graph.OnesLike(x)
	case 1:
		return x
	case 2:
		return graph.Square(x)
	}
	return graph.PowScalar(graph.MaxScalar(x, 1e-7), exponent)
}
