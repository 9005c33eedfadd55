package layers

import (
	"math"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
)

// normReference normalises the last axis with the given moments.
func normReference(x, mean, variance array, variables map[string]array, epsilon float64) array {
	y := zeros(x.Dims...)
	channels := x.Dims[len(x.Dims)-1]
	for i, v := range x.V {
		c := i % channels
		n := (v - mean.At(c)) / math.Sqrt(variance.At(c)+epsilon)
		if gamma, scaled := variables["gamma"]; scaled {
			n *= gamma.At(c)
		}
		y.V[i] = n + variables["beta"].At(c)
	}
	return y
}

// moments are the mean and the biased variance of each channel.
func moments(x array) (mean, variance array) {
	channels := x.Dims[len(x.Dims)-1]
	mean, variance = zeros(channels), zeros(channels)
	count := float64(len(x.V) / channels)
	for i, v := range x.V {
		mean.V[i%channels] += v / count
	}
	for i, v := range x.V {
		d := v - mean.V[i%channels]
		variance.V[i%channels] += d * d / count
	}
	return mean, variance
}

func TestBatchNormalization(t *testing.T) {
	maps, vectors := filled(1, -2, 3, 2, 3, 4, 3), filled(2, -2, 3, 5, 3)
	moving := map[string]array{"moving_mean": filled(3, -1, 1, 3), "moving_variance": filled(4, .5, 2, 3)}
	for _, training := range []bool{true, false} {
		var trials []trial
		for _, c := range []struct {
			name string
			op   BatchNormalization
			x    array
		}{
			{"on maps", BatchNormalization{Epsilon: 1e-3, Momentum: .99}, maps},
			{"on maps, ResNet's epsilon", BatchNormalization{Epsilon: 1.001e-5, Momentum: .99}, maps},
			{"without gamma", BatchNormalization{Epsilon: 1e-3, Momentum: .99, NoScale: true}, maps},
			{"on vectors", BatchNormalization{Epsilon: 1e-3, Momentum: .99}, vectors},
		} {
			in := []array{{Dims: c.x.Dims, V: append([]float64{}, c.x.V...)}}
			trials = append(trials, trial{name: c.name, op: c.op, in: in, variables: moving, training: training,
				reference: func(in []array, variables map[string]array) array {
					mean, variance := variables["moving_mean"], variables["moving_variance"]
					if training {
						mean, variance = moments(in[0])
					}
					return normReference(in[0], mean, variance, variables, c.op.Epsilon)
				}})
		}
		checkAll(t, trials...)
	}
}

// TestMovingAverages: in training Keras computes new = old*momentum + batch*(1-momentum), with the unbiased variance for
// maps (TensorFlow's fused kernel) and the biased variance for vectors.
func TestMovingAverages(t *testing.T) {
	for _, c := range []struct {
		name     string
		x        array
		unbias   float64 // of the variance: n/(n-1)
		training bool
	}{
		{"maps", filled(1, -2, 3, 2, 3, 4, 3), 24. / 23, true},
		{"vectors", filled(2, -2, 3, 5, 3), 1, true},
		{"inference", filled(1, -2, 3, 2, 3, 4, 3), 0, false},
	} {
		const momentum = .9
		oldMean, oldVariance := filled(3, -1, 1, 3), filled(4, .5, 2, 3)
		mean, variance := moments(c.x)
		for i := range mean.V {
			mean.V[i] = oldMean.V[i]*momentum + mean.V[i]*(1-momentum)
			variance.V[i] = oldVariance.V[i]*momentum + variance.V[i]*c.unbias*(1-momentum)
		}
		if !c.training {
			mean, variance = oldMean, oldVariance
		}
		net := &Graph{}
		net.Add("x", Input{Dims: c.x.Dims[1:]})
		net.Add("bn", BatchNormalization{Epsilon: 1e-3, Momentum: momentum}, "x")
		for _, eng := range testengine.Both(t) {
			store := model.NewStore()
			if err := Initialize(store, net.Variables(), 1); err != nil {
				t.Fatal(err)
			}
			for name, value := range map[string]array{"moving_mean": oldMean, "moving_variance": oldVariance} {
				if err := SetVariable(store, Variable{Layer: "bn", Name: name, Shape: Shape{3}}, value.Floats()); err != nil {
					t.Fatal(err)
				}
			}
			exec := model.MustNewExec(eng.Backend, store, func(_ *model.Scope, x *graph.Node) *graph.Node {
				return (&Builder{Store: store, Training: c.training}).Build(net, map[string]*Node{"x": x})["bn"]
			})
			exec.MustCall(c.x.Tensor())
			for name, want := range map[string]array{"moving_mean": mean, "moving_variance": variance} {
				value, err := store.GetVariable("/bn/" + name).Value()
				if err != nil {
					t.Fatal(err)
				}
				if err := near(arrayOf(value), want, 1e-6); err != nil {
					t.Errorf("%s on engine %s: %s: %v", c.name, eng.Kind, name, err)
				}
			}
			exec.Finalize()
		}
	}
}

// TestWidening: a batch norm after a 1x1 convolution that widens takes its moments from the convolution's input on XLA's
// CPU client. The output, the gradients of input, kernel, gamma and beta, and the moving averages are as in loops that
// compute the moments from the convolution's output.
func TestWidening(t *testing.T) {
	x, kernel := filled(1, -1, 2, 3, 4, 5, 2), filled(2, -1, 1, 1, 1, 2, 6)
	gamma, beta := filled(3, .5, 2, 6), filled(4, -1, 1, 6)
	conv := Conv2D{Filters: 6, Kernel: [2]int{1, 1}, Stride: 2, Padding: Same}
	norm := BatchNormalization{Epsilon: 1e-3, Momentum: .9}
	net := &Graph{}
	net.Add("x", Input{Dims: Shape(x.Dims[1:])})
	net.Add("conv", conv, "x")
	net.Add("bn", norm, "conv")
	value := func() (y, mean, variance array) {
		wide := convReference(conv)([]array{x}, map[string]array{"kernel": kernel})
		mean, variance = moments(wide)
		return normReference(wide, mean, variance, map[string]array{"gamma": gamma, "beta": beta}, norm.Epsilon), mean, variance
	}
	y, mean, variance := value()
	cotangent := filled(5, -1, 1, y.Dims...)
	slope := func(a array) array {
		const step = 1e-4
		d := zeros(a.Dims...)
		for i, v := range a.V {
			a.V[i] = v + step
			up, _, _ := value()
			a.V[i] = v - step
			down, _, _ := value()
			a.V[i] = v
			d.V[i] = (dot(up, cotangent) - dot(down, cotangent)) / (2 * step)
		}
		return d
	}
	want := []array{y, slope(x), slope(kernel), slope(gamma), slope(beta)}
	count := float64(len(y.V) / 6)
	for i := range mean.V {
		mean.V[i] *= .1
		variance.V[i] = .9 + .1*variance.V[i]*count/(count-1)
	}
	for _, eng := range testengine.Both(t) {
		store := model.NewStore()
		if err := Initialize(store, net.Variables(), 1); err != nil {
			t.Fatal(err)
		}
		for path, value := range map[string]array{"conv/kernel": kernel, "bn/gamma": gamma, "bn/beta": beta} {
			layer, name, _ := strings.Cut(path, "/")
			if err := SetVariable(store, Variable{Layer: layer, Name: name, Shape: Shape(value.Dims)}, value.Floats()); err != nil {
				t.Fatal(err)
			}
		}
		exec := model.MustNewExec(eng.Backend, store, func(_ *model.Scope, in []*Node) []*Node {
			b := &Builder{Store: store, Training: true}
			y := b.Build(net, map[string]*Node{"x": in[0]})["bn"]
			of := []*Node{in[0]}
			for _, path := range []string{"/conv/kernel", "/bn/gamma", "/bn/beta"} {
				of = append(of, store.GetVariable(path).NodeValue(y.Graph()))
			}
			if _, ok := b.widening("conv"); ok != (eng.Kind == engine.CPU) {
				t.Errorf("engine %s: widening is %v", eng.Kind, ok)
			}
			return append([]*Node{y}, graph.Gradient(graph.ReduceAllSum(graph.Mul(y, in[1])), of...)...)
		})
		for i, r := range exec.MustCall(x.Tensor(), cotangent.Tensor()) {
			if err := near(arrayOf(r), want[i], 2e-5); err != nil {
				t.Errorf("engine %s, result %d: %v", eng.Kind, i, err)
			}
		}
		for name, want := range map[string]array{"moving_mean": mean, "moving_variance": variance} {
			if err := near(arrayOf(store.GetVariable("/bn/"+name).MustValue()), want, 1e-6); err != nil {
				t.Errorf("engine %s: %s: %v", eng.Kind, name, err)
			}
		}
		exec.Finalize()
	}
}
