package kernels

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
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

// TestGoroutinesAreAsManyAsParts: where a process may use a few of many cores, as in a container, the others' goroutines would wake up for nothing at each convolution.
func TestGoroutinesAreAsManyAsParts(t *testing.T) {
	if os.Getenv("GOMAXPROCS") != "1" {
		again := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		again.Env = append(os.Environ(), "GOMAXPROCS=1")
		if out, err := again.CombinedOutput(); err != nil {
			t.Errorf("with one core: %v\n%s", err, out)
		}
	}
	testengine.Named(t, engine.CPU)
	if !convolve.Active() {
		t.Skip("this engine computes all convolutions itself")
	}
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	if n := strings.Count(string(stacks), "created by github.com/skinattn/skinattn/internal/programs.registerConvolutions"); n != convolve.Cores() {
		t.Errorf("%d goroutines wait for convolutions, want %d", n, convolve.Cores())
	}
}
