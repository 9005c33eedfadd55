package layers

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/kernels"
)

// benchBatch is the batch of the benchmarks.
const benchBatch = 32

// contest compares the speed of a layer in this package with GoMLX's own operation, on the same input and weights. Both
// must compute the same values.
type contest struct {
	name string
	op   Op
	in   Shape
	// layers, in place of op, adds several layers behind "x".
	layers func(net *Graph)
	// native computes the layer with GoMLX's own operation from the trained variables of op, in their order. If it is nil,
	// the other form is the layers one by one, each for the whole batch.
	native func(x *Node, variables []*Node) *Node
	// forwardOnly leaves out the gradient of the native form.
	forwardOnly bool
}

// run times the forward pass, and the gradients of input and variables with the parts of the forward pass that they need,
// on testengine.Open's engine.
func (c contest) run(b *testing.B) {
	b.Helper()
	net := &Graph{}
	net.Add("x", Input{Dims: c.in})
	if c.op != nil {
		net.Add("layer", c.op, "x")
	} else {
		c.layers(net)
	}
	store := model.NewStore()
	if err := Initialize(store, net.Variables(), 1); err != nil {
		b.Fatal(err)
	}
	build := func(wideBytes int) func(x *Node, _ []*Node) *Node {
		return func(x *Node, _ []*Node) *Node {
			b := &Builder{Store: store, Training: true, limits: kernels.Limits{Cache: wideBytes}}
			return b.Build(net, map[string]*Node{"x": x})[net.Last().Name]
		}
	}
	other := "native"
	if c.native == nil {
		other, c.native = "apart", build(math.MaxInt)
	}
	x, cotangent := noise(c.in, 1), noise(net.Last().Out, 2)

	for _, gradient := range []bool{false, true} {
		what := "forward"
		if gradient {
			what = "gradients"
		}
		var first []*tensors.Tensor
		for _, form := range []struct {
			name  string
			build func(*Node, []*Node) *Node
		}{{"ours", build(0)}, {other, c.native}} {
			if gradient && c.forwardOnly && form.name == "native" {
				continue
			}
			exec := c.compile(b, store, net, form.build, gradient)
			results := exec.MustCall(x, cotangent)
			if first == nil {
				first = results
			}
			for i, r := range results {
				if err := near(arrayOf(r), arrayOf(first[i]), 2e-4); err != nil {
					b.Fatalf("%s, %s: output %d: %v", c.name, what, i, err)
				}
			}
			b.Run(fmt.Sprintf("%s/%s/%s", c.name, what, form.name), func(b *testing.B) {
				for b.Loop() {
					for _, r := range exec.MustCall(x, cotangent) {
						r.MustFinalizeAll()
					}
				}
			})
			exec.Finalize()
		}
	}
}

// compile prepares the layer's value, or its gradients under a cotangent.
func (c contest) compile(b *testing.B, store *model.Store, net *Graph, build func(*Node, []*Node) *Node, gradient bool) *model.Exec {
	b.Helper()
	exec, err := model.NewExec(testengine.Open(b).Backend, store, func(_ *model.Scope, in []*Node) []*Node {
		x, cotangent := in[0], in[1]
		var variables []*Node
		for _, v := range net.Variables() {
			if v.Trainable {
				variables = append(variables, store.GetVariable(v.Path()).NodeValue(x.Graph()))
			}
		}
		y := build(x, variables)
		if !gradient {
			return []*Node{y}
		}
		return graph.Gradient(graph.ReduceAllSum(graph.Mul(y, cotangent)), append([]*Node{x}, variables...)...)
	})
	if err != nil {
		b.Fatal(err)
	}
	return exec
}

// noise is a batch of uniform values in -1..1.
func noise(shape Shape, seed uint64) *tensors.Tensor {
	rng := rand.New(rand.NewPCG(seed, 0))
	batch := append(Shape{benchBatch}, shape...)
	return tensors.FromFlatDataAndDimensions(uniform(batch, 1, rng), batch...)
}
