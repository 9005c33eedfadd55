package kernels

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/internal/convolve"
	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
)

// TestCallsAgree compares convolutions that the engine leaves to internal/convolve, and both gradients, with loops over float64.
func TestCallsAgree(t *testing.T) {
	eng := testengine.Named(t, engine.CPU)
	if !convolve.Active() {
		t.Skip("this engine computes all convolutions itself")
	}
	defer func(n int) { convolve.LeastWork = n }(convolve.LeastWork)
	convolve.LeastWork = 1
	for _, s := range []struct {
		batch, rows, cols, in, out int
		window                     [2]int
		stride                     int
		pad                        Padding
	}{
		{3, 20, 21, 30, 41, [2]int{1, 1}, 1, Padding{}},
		{4, 29, 28, 33, 70, [2]int{1, 1}, 2, Padding{}},
		{3, 14, 15, 37, 33, [2]int{3, 3}, 1, Padding{{1, 1}, {1, 1}}},
		{3, 28, 29, 33, 50, [2]int{3, 3}, 1, Padding{{1, 1}, {1, 1}}}, // Winograd's form
		{3, 28, 29, 33, 50, [2]int{3, 3}, 1, Padding{}},
		{3, 29, 28, 33, 40, [2]int{3, 3}, 2, Padding{{1, 1}, {0, 1}}},
		{3, 30, 29, 33, 30, [2]int{3, 3}, 2, Padding{}},
		{2, 46, 45, 3, 32, [2]int{7, 7}, 2, Padding{}},
		{3, 17, 18, 33, 40, [2]int{7, 1}, 1, Padding{{3, 3}, {0, 0}}},
		{3, 17, 18, 33, 40, [2]int{1, 7}, 1, Padding{{0, 0}, {3, 3}}},
		{3, 17, 18, 33, 40, [2]int{5, 5}, 1, Padding{{2, 2}, {2, 2}}},
		{3, 17, 18, 33, 40, [2]int{5, 5}, 3, Padding{{2, 2}, {2, 1}}},
		{3, 17, 18, 33, 40, [2]int{2, 2}, 2, Padding{{0, 1}, {0, 0}}},
	} {
		c := convolution{batch: s.batch, in: [2]int{s.rows, s.cols}, channels: [2]int{s.in, s.out}, Window: Window{s.window, s.stride, s.pad}}
		c.out = c.Out(c.in)
		x, k := filled(1, -1, 1, s.batch, s.rows, s.cols, s.in), filled(2, -1, 1, s.window[0], s.window[1], s.in, s.out)
		ct := filled(3, -1, 1, s.batch, c.out[0], c.out[1], s.out)
		y, dx, dk := convolved(x, k, ct, s.stride, s.pad)
		exec := graph.MustNewExec(eng.Backend, func(in []*Node) []*Node {
			return []*Node{c.forward(in[0], in[1], native), c.inputGradient(in[2], in[1], native), c.nativeKernelGradient(in[0], in[2])}
		})
		got := exec.MustCall(x.Tensor(), k.Tensor(), ct.Tensor())
		for i, want := range []array{y, dx, dk} {
			name := fmt.Sprintf("%+v, %s", s, []string{"forward", "input's gradient", "kernel's gradient"}[i])
			if !c.geometry(convolve.Kind(i)).Pays() && !(i == 1 && s.in == 3) {
				t.Errorf("%s: the engine computes it", name)
			}
			if err := near(arrayOf(got[i]), want, 2e-5); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// Convolutions that several programs ask for at the same time have the values that they have alone, whatever becomes of GOMAXPROCS meanwhile.
func TestCallsAtTheSameTime(t *testing.T) {
	eng := testengine.Named(t, engine.CPU)
	if !convolve.Active() {
		t.Skip("this engine computes all convolutions itself")
	}
	s := Window{[2]int{3, 3}, 1, Padding{{1, 1}, {1, 1}}}
	c := convolution{batch: 4, in: [2]int{28, 28}, channels: [2]int{64, 96}, Window: s}
	c.out = c.Out(c.in)
	x, k := filled(1, -1, 1, c.batch, 28, 28, 64), filled(2, -1, 1, 3, 3, 64, 96)
	results := func() []float64 {
		exec := graph.MustNewExec(eng.Backend, func(in []*Node) *Node { return c.forward(in[0], in[1], native) })
		return arrayOf(exec.MustCall(x.Tensor(), k.Tensor())[0]).V
	}
	want := results()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var group sync.WaitGroup
	for program := range 4 {
		group.Go(func() {
			for round := range 25 {
				if program == 0 {
					runtime.GOMAXPROCS(1 + round%7)
				}
				if got := results(); !slices.Equal(got, want) {
					t.Errorf("round %d of program %d has other values", round, program)
				}
			}
		})
	}
	group.Wait()
}

// TestCallsFlushDenormals: numbers too small for a normal float32 are zero in calls, as in the engine's own loops, whatever thread computes them.
func TestCallsFlushDenormals(t *testing.T) {
	eng := testengine.Named(t, engine.CPU)
	if !convolve.Active() {
		t.Skip("this engine computes all convolutions itself")
	}
	defer func(n int) { convolve.LeastWork = n }(convolve.LeastWork)
	for _, least := range []int{1, 1 << 40} {
		convolve.LeastWork = least
		x := make([][][][]float32, 4)
		for b := range x {
			x[b] = make([][][]float32, 32)
			for y := range x[b] {
				x[b][y] = make([][]float32, 32)
				for c := range x[b][y] {
					x[b][y][c] = slices.Repeat([]float32{1e-39}, 32)
				}
			}
		}
		kernel := [][][][]float32{{slices.Repeat([][]float32{slices.Repeat([]float32{1}, 40)}, 32)}}
		exec := graph.MustNewExec(eng.Backend, func(x, kernel *Node) *Node { return graph.ReduceAllMax(Conv2D(x, kernel, 1, Padding{})) })
		if got := exec.MustCall(x, kernel)[0].Value().(float32); got != 0 {
			t.Errorf("from %d multiplications on: 32 times 1e-39 is %g", least, got)
		}
	}
}
