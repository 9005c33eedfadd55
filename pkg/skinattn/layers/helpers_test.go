package layers

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn/engine"
)

// testEngines are the engine that $SKINATTN_ENGINE names (the best there is
// without it) and the pure Go one.
var testEngines = func() []*engine.Engine {
	var all []*engine.Engine
	for _, name := range []string{"", engine.Go} {
		eng, err := engine.Open(context.Background(), name, engine.Options{Log: func(line string) { fmt.Fprintln(os.Stderr, line) }})
		if err != nil {
			panic(err)
		}
		if name == "" || all[0].Kind != eng.Kind {
			all = append(all, eng)
		}
	}
	return all
}()

// array is a tensor of float64 for the references.
type array struct {
	dims []int
	v    []float64
}

func zeros(dims ...int) array { return array{dims, make([]float64, Shape(dims).Size())} }

// filled has uniform values in low..high.
func filled(seed uint64, low, high float64, dims ...int) array {
	rng := rand.New(rand.NewPCG(seed, 7))
	a := zeros(dims...)
	for i := range a.v {
		// As float32, so that engine and reference see the same numbers.
		a.v[i] = float64(float32(low + (high-low)*rng.Float64()))
	}
	return a
}

// distinct has the values of a shuffled, even grid in -1..1: no two are close.
func distinct(seed uint64, dims ...int) array {
	a := zeros(dims...)
	for i, j := range rand.New(rand.NewPCG(seed, 8)).Perm(len(a.v)) {
		a.v[i] = float64(float32(2*(float64(j)+.5)/float64(len(a.v)) - 1))
	}
	return a
}

// ramp is 1, 2, 3, ...
func ramp(dims ...int) array {
	a := zeros(dims...)
	for i := range a.v {
		a.v[i] = float64(i + 1)
	}
	return a
}

func (a array) index(at ...int) int {
	i := 0
	for axis, dim := range a.dims {
		if at[axis] < 0 || at[axis] >= dim {
			panic(fmt.Sprintf("index %v is outside of %v", at, a.dims))
		}
		i = i*dim + at[axis]
	}
	return i
}

func (a array) at(at ...int) float64         { return a.v[a.index(at...)] }
func (a array) set(value float64, at ...int) { a.v[a.index(at...)] = value }

func (a array) floats() []float32 {
	values := make([]float32, len(a.v))
	for i, v := range a.v {
		values[i] = float32(v)
	}
	return values
}

func (a array) tensor() *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(a.floats(), a.dims...)
}

func arrayOf(t *tensors.Tensor) array {
	values := tensors.MustCopyFlatData[float32](t)
	a := zeros(t.Shape().Dimensions...)
	for i, v := range values {
		a.v[i] = float64(v)
	}
	return a
}

// trial is one layer on given inputs (with batch axis), and what it must
// compute, as loops over float64. Variables that it doesn't name are random.
type trial struct {
	name      string
	op        Op
	in        []array
	variables map[string]array
	training  bool
	reference func(in []array, variables map[string]array) array
	tolerance float64 // of the largest value; 0 means 1e-5
	noGo      bool    // too slow for the pure Go engine
}

// check compares the layer's value, and its gradients for all inputs and
// trained variables, with the reference and its central differences, on every
// engine.
func (c trial) check(t *testing.T) {
	t.Helper()
	net, variables := c.network()
	want := c.reference(c.in, variables)
	cotangent := filled(99, -1, 1, want.dims...)
	gradients := []array{}
	names := []string{"value"}
	slope := func(a array) array {
		const step = 1e-4
		d := zeros(a.dims...)
		for i, v := range a.v {
			a.v[i] = v + step
			up := dot(c.reference(c.in, variables), cotangent)
			a.v[i] = v - step
			down := dot(c.reference(c.in, variables), cotangent)
			a.v[i] = v
			d.v[i] = (up - down) / (2 * step)
		}
		return d
	}
	for i, in := range c.in {
		gradients = append(gradients, slope(in))
		names = append(names, fmt.Sprintf("gradient of input %d", i))
	}
	for _, v := range net.Variables() {
		if v.Trainable {
			gradients = append(gradients, slope(variables[v.Name]))
			names = append(names, "gradient of "+v.Name)
		}
	}
	for _, eng := range testEngines {
		if c.noGo && eng.Kind == engine.Go {
			continue
		}
		got := c.run(t, eng, net, variables, cotangent)
		for i, w := range append([]array{want}, gradients...) {
			if err := near(got[i], w, c.tolerance); err != nil {
				t.Errorf("%s on engine %s: %s: %v", c.name, eng.Kind, names[i], err)
			}
		}
	}
}

// network is the layer after its inputs, and the values of its variables.
func (c trial) network() (*Graph, map[string]array) {
	net := &Graph{}
	var inputs []string
	for i, in := range c.in {
		inputs = append(inputs, net.Add(fmt.Sprintf("x%d", i), Input{Dims: in.dims[1:]}))
	}
	net.Add("layer", c.op, inputs...)
	variables := map[string]array{}
	for i, v := range net.Variables() {
		a, given := c.variables[v.Name]
		if !given {
			a = filled(uint64(50+i), -1, 1, v.Shape...)
		}
		variables[v.Name] = a
	}
	return net, variables
}

// storeOf holds the values of net's variables.
func storeOf(t *testing.T, net *Graph, values map[string]array) *model.Store {
	t.Helper()
	store := model.NewStore()
	for _, v := range net.Variables() {
		if err := SetVariable(store, v, values[v.Name].floats()); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

// run gives the layer's value and the gradients of inputs and variables.
func (c trial) run(t *testing.T, eng *engine.Engine, net *Graph, variables map[string]array, cotangent array) []array {
	t.Helper()
	store := storeOf(t, net, variables)
	exec, err := model.NewExec(eng.Backend, store, func(_ *model.Scope, in []*Node) []*Node {
		inputs := map[string]*Node{}
		wanted := in[: len(in)-1 : len(in)-1]
		for i, x := range wanted {
			inputs[fmt.Sprintf("x%d", i)] = x
		}
		y := (&Builder{Store: store, Training: c.training}).Build(net, inputs)["layer"]
		for _, v := range net.Variables() {
			if v.Trainable {
				wanted = append(wanted, store.GetVariable(v.Path()).NodeValue(y.Graph()))
			}
		}
		loss := graph.ReduceAllSum(graph.Mul(y, in[len(in)-1]))
		return append([]*Node{y}, graph.Gradient(loss, wanted...)...)
	})
	if err != nil {
		t.Fatalf("%s on engine %s: %v", c.name, eng.Kind, err)
	}
	defer exec.Finalize()
	args := []any{}
	for _, in := range append(append([]array{}, c.in...), cotangent) {
		args = append(args, in.tensor())
	}
	results, err := exec.Call(args...)
	if err != nil {
		t.Fatalf("%s on engine %s: %v", c.name, eng.Kind, err)
	}
	var got []array
	for _, r := range results {
		got = append(got, arrayOf(r))
	}
	return got
}

func dot(a, b array) float64 {
	sum := 0.
	for i := range a.v {
		sum += a.v[i] * b.v[i]
	}
	return sum
}

// near says where got differs from want by more than the tolerance times
// want's largest value.
func near(got, want array, tolerance float64) error {
	if fmt.Sprint(got.dims) != fmt.Sprint(want.dims) {
		return fmt.Errorf("shape %v, want %v", got.dims, want.dims)
	}
	if tolerance == 0 {
		tolerance = 1e-5
	}
	largest := 1e-3
	for _, w := range want.v {
		largest = max(largest, math.Abs(w))
	}
	for i, w := range want.v {
		if !(math.Abs(got.v[i]-w) <= tolerance*largest) {
			return fmt.Errorf("value %d of %v is %.8g, want %.8g (the largest is %.3g)", i, want.dims, got.v[i], w, largest)
		}
	}
	return nil
}
