package kernels

import (
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/skinattn/skinattn/internal/testengine"
)

// BenchmarkLimits measures what no training step exceeds: the rates of the engine's matrix product and convolution, and
// the bytes that one pass over large maps reads and writes.
func BenchmarkLimits(b *testing.B) {
	ones := func(dims ...int) *tensors.Tensor {
		t := tensors.FromShape(shapes.Make(dtypes.Float32, dims...))
		tensors.MustMutableFlatData(t, func(flat []float32) {
			for i := range flat {
				flat[i] = 1
			}
		})
		return t
	}
	for _, c := range []struct {
		name   string
		inputs []*tensors.Tensor
		work   float64 // of a call
		unit   string
		build  func(in []*Node) *Node
	}{
		{"matrix product", []*tensors.Tensor{ones(2048, 2048), ones(2048, 2048)}, 2 * 2048 * 2048 * 2048, "FLOP",
			func(in []*Node) *Node { return MatMul(in[0], in[1]) }},
		{"3x3 convolution", []*tensors.Tensor{ones(8, 28, 28, 256), ones(3, 3, 256, 256)}, 2 * 8 * 28 * 28 * 9 * 256 * 256, "FLOP",
			func(in []*Node) *Node { return graph.Convolve(in[0], in[1]).PadSame().Done() }},
		{"memory", []*tensors.Tensor{ones(64, 1<<20), ones(64, 1<<20)}, 3 * 4 * 64 * (1 << 20), "B",
			func(in []*Node) *Node { return graph.Add(in[0], in[1]) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			exec, err := graph.NewExec(testengine.Open(b).Backend, c.build)
			if err != nil {
				b.Fatal(err)
			}
			defer exec.Finalize()
			call := func() { exec.MustCall(c.inputs[0], c.inputs[1])[0].MustFinalizeAll() }
			call()
			for b.Loop() {
				call()
			}
			b.ReportMetric(c.work/float64(b.Elapsed().Nanoseconds())*float64(b.N), "G"+c.unit+"/s")
		})
	}
}
