package layers

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/arraytest"
)

type array = arraytest.Array

var zeros, filled, arrayOf, near = arraytest.Zeros, arraytest.Filled, arraytest.Of, arraytest.Near

// distinct has the values of a shuffled, even grid in -1..1: no two are close.
func distinct(seed uint64, dims ...int) array {
	a := zeros(dims...)
	for i, j := range rand.New(rand.NewPCG(seed, 8)).Perm(len(a.V)) {
		a.V[i] = float64(float32(2*(float64(j)+.5)/float64(len(a.V)) - 1))
	}
	return a
}

// ramp is 1, 2, 3, ...
func ramp(dims ...int) array {
	a := zeros(dims...)
	for i := range a.V {
		a.V[i] = float64(i + 1)
	}
	return a
}

// dot is the sum of the products of a's and b's values.
func dot(a, b array) float64 {
	sum := 0.
	for i := range a.V {
		sum += a.V[i] * b.V[i]
	}
	return sum
}

// trial is a layer on given inputs (with batch axis), and a reference for its output: loops over float64. Variables
// without a given value are random.
type trial struct {
	name      string
	op        Op
	in        []array
	variables map[string]array
	training  bool
	reference func(in []array, variables map[string]array) array
	tolerance float64 // relative to the largest value; 0 means 1e-5

	// The rest is worked out by expect.
	cotangent array    // of the output
	want      []array  // output, gradients of the inputs and of the trained variables
	names     []string // names for want
}

// checkAll compares each layer's output with the reference, and the gradients of all inputs and trained variables with
// central differences of the reference, on every engine. All layers are in one graph, since most of the time goes into
// compiling.
func checkAll(t *testing.T, trials ...trial) {
	t.Helper()
	whole := &trialGraph{variables: map[string]array{}}
	for i := range trials {
		whole.add(&trials[i], i)
	}
	for _, eng := range testengine.Both(t) {
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

// expect works out the layer's output and gradients from the reference.
func (c *trial) expect(net *Graph, variables map[string]array) {
	value := c.reference(c.in, variables)
	c.cotangent = filled(99, -1, 1, value.Dims...)
	c.want, c.names = []array{value}, []string{"value"}
	slope := func(a array, name string) {
		const step = 1e-4
		d := zeros(a.Dims...)
		for i, v := range a.V {
			a.V[i] = v + step
			up := dot(c.reference(c.in, variables), c.cotangent)
			a.V[i] = v - step
			down := dot(c.reference(c.in, variables), c.cotangent)
			a.V[i] = v
			d.V[i] = (up - down) / (2 * step)
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

// trialGraph has several trials side by side in one network.
type trialGraph struct {
	net       Graph
	variables map[string]array // by path
}

// add adds the trial's layer as number i.
func (g *trialGraph) add(c *trial, i int) {
	alone, variables := Graph{}, map[string]array{}
	var inputs []string
	for j, in := range c.in {
		inputs = append(inputs, alone.Add(fmt.Sprintf("x%d_%d", i, j), Input{Dims: in.Dims[1:]}))
		g.net.Add(inputs[j], Input{Dims: in.Dims[1:]})
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

// store returns a store with the values of the variables.
func (g *trialGraph) store(t *testing.T) *model.Store {
	t.Helper()
	store := model.NewStore()
	for _, v := range g.net.Variables() {
		if err := SetVariable(store, v, g.variables[v.Path()].Floats()); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

// run returns, trial by trial, the output and the gradients of inputs and trained variables.
func (g *trialGraph) run(t *testing.T, eng *engine.Engine, trials []trial) []array {
	t.Helper()
	store := g.store(t)
	args := []any{}
	for _, c := range trials {
		for _, in := range c.in {
			args = append(args, in.Tensor())
		}
		args = append(args, c.cotangent.Tensor())
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
