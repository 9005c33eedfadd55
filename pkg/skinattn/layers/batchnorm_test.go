package layers

import (
	"math"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// normReference normalises the last axis with the given moments.
func normReference(x, mean, variance array, variables map[string]array, epsilon float64) array {
	y := zeros(x.dims...)
	channels := x.dims[len(x.dims)-1]
	for i, v := range x.v {
		c := i % channels
		n := (v - mean.at(c)) / math.Sqrt(variance.at(c)+epsilon)
		if gamma, scaled := variables["gamma"]; scaled {
			n *= gamma.at(c)
		}
		y.v[i] = n + variables["beta"].at(c)
	}
	return y
}

// moments are the mean and the biased variance of each channel.
func moments(x array) (mean, variance array) {
	channels := x.dims[len(x.dims)-1]
	mean, variance = zeros(channels), zeros(channels)
	count := float64(len(x.v) / channels)
	for i, v := range x.v {
		mean.v[i%channels] += v / count
	}
	for i, v := range x.v {
		d := v - mean.v[i%channels]
		variance.v[i%channels] += d * d / count
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
			trials = append(trials, trial{name: c.name, op: c.op, in: []array{{c.x.dims, append([]float64{}, c.x.v...)}}, variables: moving, training: training,
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

// TestMovingAverages: Keras moves them by new = old*momentum + batch*(1-momentum),
// with the unbiased variance for maps (TensorFlow's fused kernel) and the
// biased one for vectors; not in inference.
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
		for i := range mean.v {
			mean.v[i] = oldMean.v[i]*momentum + mean.v[i]*(1-momentum)
			variance.v[i] = oldVariance.v[i]*momentum + variance.v[i]*c.unbias*(1-momentum)
		}
		if !c.training {
			mean, variance = oldMean, oldVariance
		}
		net := &Graph{}
		net.Add("x", Input{Dims: c.x.dims[1:]})
		net.Add("bn", BatchNormalization{Epsilon: 1e-3, Momentum: momentum}, "x")
		for _, eng := range testEngines {
			store := model.NewStore()
			if err := Initialize(store, net.Variables(), 1); err != nil {
				t.Fatal(err)
			}
			for name, value := range map[string]array{"moving_mean": oldMean, "moving_variance": oldVariance} {
				if err := SetVariable(store, Variable{Layer: "bn", Name: name, Shape: Shape{3}}, value.floats()); err != nil {
					t.Fatal(err)
				}
			}
			exec := model.MustNewExec(eng.Backend, store, func(_ *model.Scope, x *graph.Node) *graph.Node {
				return (&Builder{Store: store, Training: c.training}).Build(net, map[string]*Node{"x": x})["bn"]
			})
			exec.MustCall(c.x.tensor())
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

// TestWidening: a batch norm after a 1x1 convolution that widens, which takes its
// statistics from the convolution's input on XLA, computes the same as loops do
// from its output, as do its gradients for the input, the kernel and gamma and
// the moving averages.
func TestWidening(t *testing.T) {
	x, kernel := filled(1, -1, 2, 3, 4, 5, 2), filled(2, -1, 1, 1, 1, 2, 6)
	gamma, beta := filled(3, .5, 2, 6), filled(4, -1, 1, 6)
	conv := Conv2D{Filters: 6, Kernel: [2]int{1, 1}, Stride: 2, Padding: Same}
	norm := BatchNormalization{Epsilon: 1e-3, Momentum: .9}
	net := &Graph{}
	net.Add("x", Input{Dims: Shape(x.dims[1:])})
	net.Add("conv", conv, "x")
	net.Add("bn", norm, "conv")
	value := func() (y, mean, variance array) {
		wide := convReference(conv)([]array{x}, map[string]array{"kernel": kernel})
		mean, variance = moments(wide)
		return normReference(wide, mean, variance, map[string]array{"gamma": gamma, "beta": beta}, norm.Epsilon), mean, variance
	}
	y, mean, variance := value()
	cotangent := filled(5, -1, 1, y.dims...)
	slope := func(a array) array {
		const step = 1e-4
		d := zeros(a.dims...)
		for i, v := range a.v {
			a.v[i] = v + step
			up, _, _ := value()
			a.v[i] = v - step
			down, _, _ := value()
			a.v[i] = v
			d.v[i] = (dot(up, cotangent) - dot(down, cotangent)) / (2 * step)
		}
		return d
	}
	want := []array{y, slope(x), slope(kernel), slope(gamma), slope(beta)}
	count := float64(len(y.v) / 6)
	for i := range mean.v {
		mean.v[i] *= .1
		variance.v[i] = .9 + .1*variance.v[i]*count/(count-1)
	}
	for _, eng := range testEngines {
		store := model.NewStore()
		if err := Initialize(store, net.Variables(), 1); err != nil {
			t.Fatal(err)
		}
		for path, value := range map[string]array{"conv/kernel": kernel, "bn/gamma": gamma, "bn/beta": beta} {
			layer, name, _ := strings.Cut(path, "/")
			if err := SetVariable(store, Variable{Layer: layer, Name: name, Shape: Shape(value.dims)}, value.floats()); err != nil {
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
			if _, ok := b.widening("conv"); ok != (platformOf(eng.Backend) == xlaCPU) {
				t.Errorf("engine %s: widening is %v", eng.Kind, ok)
			}
			return append([]*Node{y}, graph.Gradient(graph.ReduceAllSum(graph.Mul(y, in[1])), of...)...)
		})
		for i, r := range exec.MustCall(x.tensor(), cotangent.tensor()) {
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
