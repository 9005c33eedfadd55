package infer

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/skinattn/skinattn/internal/simd"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// cutNetwork is a backbone up to its cut, with weights filled by name.
func cutNetwork(b testing.TB, name string) (*layers.Graph, Weights, *backbone.Backbone) {
	b.Helper()
	row, err := backbone.Find(name)
	if err != nil {
		b.Fatal(err)
	}
	whole, err := row.Graph(0)
	if err != nil {
		b.Fatal(err)
	}
	g, err := whole.Cut(row.Cuts[0].Layer)
	if err != nil {
		b.Fatal(err)
	}
	shapes := map[string]layers.Variable{}
	for _, v := range g.Variables() {
		shapes[v.Path()] = v
	}
	return g, func(path string) ([]float32, error) {
		v := shapes[path]
		return keras.FillByName(v.Layer+"/"+v.Name, v.Shape), nil
	}, row
}

// BenchmarkSteps times each step of a network for one image: SKINATTN_STEPS=mobilenet_v2 prints them, the best of all rounds. The parts of two threads
// are computed one after the other, and the longer one counts, so that it measures the division of the work on a busy machine, too.
func BenchmarkSteps(b *testing.B) {
	name := os.Getenv("SKINATTN_STEPS")
	if name == "" {
		b.Skip("SKINATTN_STEPS names no network")
	}
	g, weights, row := cutNetwork(b, name)
	level, _ := simd.Best()
	plan, err := Compile(g, weights, []string{row.Cuts[0].Layer}, Options{Level: level, Threads: 2})
	if err != nil {
		b.Fatal(err)
	}
	input := make([]float32, row.Input*row.Input*3)
	for i := range input {
		input[i] = float32(i%255)/127 - 1
	}
	e := &execution{plan: plan, images: 1, inputs: map[string]Input{backbone.InputLayer: {Floats: input}}}
	steps := plan.each.steps
	best := make([][2][]time.Duration, len(steps)) // by step and threads less one: each phase and part
	for threads := 1; threads <= 2; threads++ {
		f := plan.frame(&plan.each, 1, threads)
		f.execution = e
		for i, s := range steps {
			best[i][threads-1] = slices.Repeat([]time.Duration{time.Hour}, s.phases(threads)*threads)
		}
		for range b.N {
			for i, s := range steps {
				for at := range best[i][threads-1] {
					start := time.Now()
					s.run(f, at/threads, at%threads, threads)
					best[i][threads-1][at] = min(best[i][threads-1][at], time.Since(start))
				}
			}
		}
	}
	var alone, both time.Duration
	for i, s := range steps {
		var one, two time.Duration
		for _, d := range best[i][0] {
			one += d
		}
		for parts := range slices.Chunk(best[i][1], 2) {
			two += slices.Max(parts)
		}
		alone, both = alone+one, both+two
		what, work := describeStep(s)
		fmt.Printf("%9.1f us %6.1f GFLOP/s %9.1f us by two  %s\n", float64(one.Nanoseconds())/1e3, 2*work/float64(one.Nanoseconds()), float64(two.Nanoseconds())/1e3, what)
	}
	fmt.Printf("%9.1f us, %9.1f us by two, arena %.1f MB\n", float64(alone.Nanoseconds())/1e3, float64(both.Nanoseconds())/1e3, float64(plan.each.arena)*4/1e6)
}

func describeStep(s step) (string, float64) {
	macs := func(p *packed) float64 {
		return float64(p.conv.Taps*p.conv.Channels*p.conv.Filters) * float64(p.positions())
	}
	text := func(n *node) string {
		return fmt.Sprintf("%s %dx%dx%d", n.layer, n.node().rows, n.node().cols, n.channels)
	}
	switch s := s.(type) {
	case *convStep:
		return fmt.Sprintf("conv %s of %d, window %v/%d, tiles of %d", text(s.node), s.conv.Channels, s.window.size, s.window.stride, s.most), macs(&s.packed)
	case *bottleneckStep:
		work := float64(s.d.size() * s.d.window.size[0] * s.d.window.size[1])
		what := "depthwise " + text(s.d)
		if s.widen != nil {
			work += macs(s.widen)
			what = fmt.Sprintf("widen %d, ", s.widen.conv.Channels) + what
		}
		if s.project != nil {
			work += macs(s.project)
			what += fmt.Sprintf(", project %d", s.project.channels)
		}
		return fmt.Sprintf("%s, window %v/%d, strip %d", what, s.d.window.size, s.d.window.stride, s.strip), work
	case *loopStep:
		return fmt.Sprintf("loop %s", text(s.node)), float64(s.size())
	case *poolStep:
		return fmt.Sprintf("pool %s", text(s.node)), float64(s.size())
	}
	return fmt.Sprintf("%T", s), 0
}

func (n *node) node() shape { return n.shape }
