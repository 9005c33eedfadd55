package training

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// Adam is the optimizer in Keras's form, which adds epsilon to the root of the uncorrected
// second moment:
//
//	w -= LearningRate * sqrt(1-Beta2^t)/(1-Beta1^t) * m/(sqrt(v)+Epsilon)
//
// With the authors' Epsilon of 0.1 this differs much from the form of Adam's paper.
type Adam struct {
	LearningRate float64 `json:"learning_rate"`
	Beta1        float64 `json:"beta1"`
	Beta2        float64 `json:"beta2"`
	Epsilon      float64 `json:"epsilon"`
}

// rate returns the step size of update t, counted from 1, bias corrections included.
func (a Adam) rate(learningRate float64, t int) float64 {
	return learningRate * math.Sqrt(1-math.Pow(a.Beta2, float64(t))) / (1 - math.Pow(a.Beta1, float64(t)))
}

// Prefixes of the paths in the store under which a variable's optimizer state lies.
const (
	firstMoment  = "/adam/m"
	secondMoment = "/adam/v"
	gradientSum  = "/gradient" // of the batches of an update so far, times their images
	averaged     = "/ema"
)

// zeros creates, under each prefix, a tensor of zeros for each trainable variable that has
// none yet.
func zeros(store *model.Store, variables []layers.Variable, prefixes ...string) error {
	for _, prefix := range prefixes {
		for _, v := range variables {
			if !v.Trainable || store.GetVariable(prefix+v.Path()) != nil {
				continue
			}
			created, err := store.CreateVariable(prefix+v.Path(), tensors.FromShape(shapes.Make(dtypes.Float32, v.Shape...)))
			if err != nil {
				return fmt.Errorf("preparing the optimizer: %w", err)
			}
			created.SetTrainable(false)
		}
	}
	return nil
}

// update sets the new values of target and its moments in the graph. If when, a boolean
// scalar, is not nil and false, they do not change.
func (a Adam) update(store *model.Store, target *model.Variable, gradient, rate, when *graph.Node) {
	g := gradient.Graph()
	set := func(v *model.Variable, value *graph.Node) {
		if when != nil {
			value = graph.Where(when, value, v.NodeValue(g))
		}
		v.SetNodeValue(value)
	}
	m, v := store.GetVariable(firstMoment+target.Path()), store.GetVariable(secondMoment+target.Path())
	mean := moved(m.NodeValue(g), gradient, a.Beta1)
	square := moved(v.NodeValue(g), graph.Square(gradient), a.Beta2)
	set(m, mean)
	set(v, square)
	change := graph.Div(mean, graph.AddScalar(graph.Sqrt(square), a.Epsilon))
	set(target, graph.Sub(target.NodeValue(g), graph.Mul(rate, change)))
}

// moved returns the moving average old*decay + new*(1-decay).
func moved(old, new *graph.Node, decay float64) *graph.Node {
	return graph.Add(graph.MulScalar(old, decay), graph.MulScalar(new, 1-decay))
}

// accumulate adds a batch's gradients to the sums. It returns the mean gradients over all
// images of the update and a boolean that is true if the batch completes the update; the
// sums then start again at zero. images holds the number of images of the batch and of the
// update, the latter 0 if more batches follow.
func accumulate(store *model.Store, targets []*model.Variable, gradients []*graph.Node, images *graph.Node) (means []*graph.Node, when *graph.Node) {
	g := images.Graph()
	count := func(i int) *graph.Node { return graph.Reshape(graph.Slice(images, graph.AxisRange(i, i+1))) }
	when = graph.GreaterThan(count(1), graph.ScalarZero(g, dtypes.Float32))
	total := graph.MaxScalar(count(1), 1)
	for i, target := range targets {
		sum := store.GetVariable(gradientSum + target.Path())
		added := graph.Add(sum.NodeValue(g), graph.Mul(gradients[i], count(0)))
		means = append(means, graph.Div(added, total))
		sum.SetNodeValue(graph.Where(when, graph.ZerosLike(added), added))
	}
	return means, when
}
