package layers

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	benchmarks "github.com/janpfeifer/go-benchmarks"

	"github.com/skinattn/skinattn/pkg/skinattn/engine"
)

// BenchmarkConvolution compares the forms of ordinary convolutions, from the
// networks that the rule in choose is for, on the engine that $SKINATTN_ENGINE
// names. A star marks the form that the rule takes.
func BenchmarkConvolution(b *testing.B) {
	const batch = 8
	eng, err := engine.Open(context.Background(), "", engine.Options{Log: func(line string) { b.Log(line) }})
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range []struct {
		side     int
		window   [2]int
		stride   int
		channels [2]int
	}{
		{56, [2]int{3, 3}, 1, [2]int{64, 64}}, {28, [2]int{3, 3}, 1, [2]int{128, 128}},
		{14, [2]int{3, 3}, 1, [2]int{256, 256}}, {7, [2]int{3, 3}, 1, [2]int{512, 512}},
		{56, [2]int{3, 3}, 2, [2]int{128, 128}}, {14, [2]int{3, 3}, 1, [2]int{128, 32}},
		{17, [2]int{7, 1}, 1, [2]int{160, 192}}, {224, [2]int{7, 7}, 2, [2]int{3, 64}},
		{56, [2]int{1, 1}, 1, [2]int{64, 256}}, {14, [2]int{1, 1}, 1, [2]int{1024, 256}},
		{56, [2]int{1, 1}, 2, [2]int{256, 512}},
		// MobileNetV2's
		{224, [2]int{3, 3}, 2, [2]int{3, 32}}, {112, [2]int{1, 1}, 1, [2]int{16, 96}}, {56, [2]int{1, 1}, 1, [2]int{24, 144}},
		{56, [2]int{1, 1}, 1, [2]int{144, 24}}, {28, [2]int{1, 1}, 1, [2]int{32, 192}}, {14, [2]int{1, 1}, 1, [2]int{384, 64}},
		// DenseNet's and InceptionResNetV2's
		{28, [2]int{1, 1}, 1, [2]int{256, 128}}, {35, [2]int{1, 1}, 1, [2]int{320, 32}}, {17, [2]int{1, 1}, 1, [2]int{1088, 192}},
	} {
		pad, err := resolvePadding(Same, s.side, s.side, s.window, s.stride)
		if err != nil {
			b.Fatal(err)
		}
		out := windowOut(s.side, s.window[0], s.stride, pad[0])
		c := convolution{batch: batch, in: [2]int{s.side, s.side}, out: [2]int{out, windowOut(s.side, s.window[1], s.stride, pad[1])},
			channels: s.channels, window: s.window, stride: s.stride, pad: pad}
		chosen := c.choose(platformOf(eng.Backend))
		x := filled(1, -1, 1, batch, c.in[0], c.in[1], s.channels[0]).tensor()
		kernel := filled(2, -1, 1, s.window[0], s.window[1], s.channels[0], s.channels[1]).tensor()
		cotangent := filled(3, -1, 1, batch, c.out[0], c.out[1], s.channels[1]).tensor()
		kernelForms := []form{library, columns, shifts, rows}
		if c.taps() == 1 {
			kernelForms = []form{library, shifts}
		}
		var functions []benchmarks.NamedFunction
		for _, part := range []struct {
			name   string
			forms  []form
			chosen form
			build  func(x, kernel, cotangent *Node, f form) *Node
		}{
			{"forward", []form{library, columns}, chosen.forward, func(x, kernel, _ *Node, f form) *Node { return c.forward(x, kernel, f) }},
			{"input's gradient", []form{library, columns}, chosen.input, func(_, kernel, cotangent *Node, f form) *Node {
				return c.inputGradient(cotangent, kernel, f)
			}},
			{"kernel's gradient", kernelForms, chosen.kernel, func(x, _, cotangent *Node, f form) *Node {
				return c.kernelGradient(x, cotangent, f)
			}},
		} {
			var forms []namedForm
			for _, f := range part.forms {
				star := ""
				if f == part.chosen {
					star = " *"
				}
				forms = append(forms, namedForm{string(f) + star, func(in []*Node) *Node { return part.build(in[0], in[1], in[2], f) }})
			}
			name := fmt.Sprintf("%dx%d/%d %d->%d on %d, %s", s.window[0], s.window[1], s.stride, s.channels[0], s.channels[1], s.side, part.name)
			functions = append(functions, compareForms(b, eng, name, []*tensors.Tensor{x, kernel, cotangent}, forms...)...)
		}
		benchmarks.New(functions...).WithWarmUps(2).WithDuration(time.Second).WithQuantiles(5, 95).Done()
	}
}

// namedForm is one of several ways to compute a value.
type namedForm struct {
	name  string
	build func(in []*Node) *Node
}

// compareForms compiles the forms of a value, which must agree.
func compareForms(b *testing.B, eng *engine.Engine, what string, in []*tensors.Tensor, forms ...namedForm) (functions []benchmarks.NamedFunction) {
	b.Helper()
	args := make([]any, len(in))
	for i, x := range in {
		args[i] = x
	}
	var first []*tensors.Tensor
	for _, f := range forms {
		exec := graph.MustNewExec(eng.Backend, f.build)
		b.Cleanup(exec.Finalize)
		results := exec.MustCall(args...)
		if first == nil {
			first = results
		}
		agree(b, what, results, first)
		functions = append(functions, benchmarks.NamedFunction{
			Name: fmt.Sprintf("%-48s %-11s", what, f.name),
			Func: func() {
				for _, r := range exec.MustCall(args...) {
					r.MustFinalizeAll()
				}
			},
		})
	}
	return functions
}
