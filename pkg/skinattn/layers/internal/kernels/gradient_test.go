package kernels

import (
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/internal/testengine"
)

// TestWithGradient: the output is the computation's, each input takes its given gradient (wrong here on purpose, so that
// no other gradient can pass), also if it is used elsewhere, and the chain rule applies before and after.
func TestWithGradient(t *testing.T) {
	a, b := array{Dims: []int{3}, V: []float64{1, 2, 3}}, array{Dims: []int{2, 1}, V: []float64{5, 7}}
	for _, eng := range testengine.Both(t) {
		exec := graph.MustNewExec(eng.Backend, func(in []*Node) []*Node {
			a, b := in[0], in[1]
			y := withGradient(
				func(in ...*Node) *Node { return graph.Add(graph.ExpandAxes(in[0], 0), in[1]) }, // [2 3]
				func(cotangent *Node) []*Node {
					return []*Node{
						graph.MulScalar(graph.ReduceSum(cotangent, 0), 100),
						graph.MulScalar(graph.ReduceAndKeep(cotangent, graph.ReduceSum, 1), -1000)}
				}, graph.MulScalar(a, 2), b)
			loss := graph.Add(graph.ReduceAllSum(graph.MulScalar(y, 3)), graph.ReduceAllSum(b))
			return append([]*Node{y}, graph.Gradient(loss, a, b)...)
		})
		results := exec.MustCall(a.Tensor(), b.Tensor())
		for i, want := range []array{
			{Dims: []int{2, 3}, V: []float64{7, 9, 11, 9, 11, 13}},
			{Dims: []int{3}, V: []float64{1200, 1200, 1200}}, // 3 (after), twice by the sum, 100, 2 (before)
			{Dims: []int{2, 1}, V: []float64{-8999, -8999}},  // 3, three times by the sum, -1000; and 1 from elsewhere
		} {
			if err := near(arrayOf(results[i]), want, 1e-6); err != nil {
				t.Errorf("engine %s, result %d: %v", eng.Kind, i, err)
			}
		}
		exec.Finalize()
	}
}
