package layers

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
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

	cotangent array    // that the gradients are taken under
	want      []array  // the value, then the gradients
	names     []string // what want is
}

// checkAll compares each layer's value, and its gradients for all inputs and
// trained variables, with the reference and its central differences, on every
// engine. All are in one graph, since compiling is what takes the time.
func checkAll(t *testing.T, trials ...trial) {
	t.Helper()
	whole := &trialGraph{variables: map[string]array{}}
	for i := range trials {
		whole.add(&trials[i], i)
	}
	for _, eng := range testEngines {
		got := whole.run(t, eng, trials)
		for i, c := range trials {
			for j, w := range c.want {
				if err := near(got[0], w, c.tolerance); err != nil {
					t.Errorf("%s on engine %s: %s: %v", c.name, eng.Kind, c.names[j], err)
				}
				got = got[1:]
			}
			if len(got) == 0 && i < len(trials)-1 {
				t.Fatalf("results are missing from %s on", trials[i+1].name)
			}
		}
	}
}

// expect works out the layer's value and gradients from the reference.
func (c *trial) expect(net *Graph, variables map[string]array) {
	value := c.reference(c.in, variables)
	c.cotangent = filled(99, -1, 1, value.dims...)
	c.want, c.names = []array{value}, []string{"value"}
	slope := func(a array, name string) {
		const step = 1e-4
		d := zeros(a.dims...)
		for i, v := range a.v {
			a.v[i] = v + step
			up := dot(c.reference(c.in, variables), c.cotangent)
			a.v[i] = v - step
			down := dot(c.reference(c.in, variables), c.cotangent)
			a.v[i] = v
			d.v[i] = (up - down) / (2 * step)
		}
		c.want, c.names = append(c.want, d), append(c.names, "gradient of "+name)
	}
	for i, in := range c.in {
		slope(in, fmt.Sprintf("input %d", i))
	}
	for _, v := range net.Variables() {
		if v.Trainable {
			slope(variables[v.Name], v.Name)
		}
	}
}

// trialGraph is several trials side by side in one network.
type trialGraph struct {
	net       Graph
	variables map[string]array // by path
}

// add the trial's layer as number i.
func (g *trialGraph) add(c *trial, i int) {
	alone, variables := Graph{}, map[string]array{}
	var inputs []string
	for j, in := range c.in {
		inputs = append(inputs, alone.Add(fmt.Sprintf("x%d_%d", i, j), Input{Dims: in.dims[1:]}))
		g.net.Add(inputs[j], Input{Dims: in.dims[1:]})
	}
	layer := alone.Add(fmt.Sprintf("layer%d", i), c.op, inputs...)
	g.net.Add(layer, c.op, inputs...)
	for j, v := range alone.Variables() {
		value, given := c.variables[v.Name]
		if !given {
			value = filled(uint64(50+j), -1, 1, v.Shape...)
		}
		variables[v.Name], g.variables[v.Path()] = value, value
	}
	c.expect(&alone, variables)
}

// store holds the values of the variables.
func (g *trialGraph) store(t *testing.T) *model.Store {
	t.Helper()
	store := model.NewStore()
	for _, v := range g.net.Variables() {
		if err := SetVariable(store, v, g.variables[v.Path()].floats()); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

// run gives, trial by trial, the value and the gradients of inputs and
// variables.
func (g *trialGraph) run(t *testing.T, eng *engine.Engine, trials []trial) []array {
	t.Helper()
	store := g.store(t)
	args := []any{}
	for _, c := range trials {
		for _, in := range c.in {
			args = append(args, in.tensor())
		}
		args = append(args, c.cotangent.tensor())
	}
	exec, err := model.NewExec(eng.Backend, store, func(_ *model.Scope, in []*Node) []*Node {
		inputs := map[string]*Node{}
		var wanted, cotangents []*Node
		sizes := []int{}
		for i, c := range trials {
			for j := range c.in {
				inputs[fmt.Sprintf("x%d_%d", i, j)] = in[j]
			}
			wanted = append(wanted, in[:len(c.in)]...)
			cotangents = append(cotangents, in[len(c.in)])
			in = in[len(c.in)+1:]
			layer := g.net.Layer(fmt.Sprintf("layer%d", i))
			before := len(wanted)
			for _, v := range layer.Op.Variables(g.net.InputShapes(layer)...) {
				if v.Trainable {
					v.Layer = layer.Name
					wanted = append(wanted, store.GetVariable(v.Path()).NodeValue(wanted[0].Graph()))
				}
			}
			sizes = append(sizes, len(c.in)+len(wanted)-before)
		}
		outputs := (&Builder{Store: store, Training: trials[0].training}).Build(&g.net, inputs)
		var loss *Node
		for i, cotangent := range cotangents {
			part := graph.ReduceAllSum(graph.Mul(outputs[fmt.Sprintf("layer%d", i)], cotangent))
			if loss == nil {
				loss = part
			} else {
				loss = graph.Add(loss, part)
			}
		}
		gradients := graph.Gradient(loss, wanted...)
		var results []*Node
		for i, size := range sizes {
			results = append(append(results, outputs[fmt.Sprintf("layer%d", i)]), gradients[:size]...)
			gradients = gradients[size:]
		}
		return results
	})
	if err != nil {
		t.Fatalf("engine %s: %v", eng.Kind, err)
	}
	defer exec.Finalize()
	results, err := exec.Call(args...)
	if err != nil {
		t.Fatalf("engine %s: %v", eng.Kind, err)
	}
	got := make([]array, len(results))
	for i, r := range results {
		got[i] = arrayOf(r)
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

// shapeOf is a float32 shape.
func shapeOf(dims ...int) shapes.Shape { return shapes.Make(dtypes.Float32, dims...) }
