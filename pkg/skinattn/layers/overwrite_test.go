package layers

import (
	"testing"
	"unsafe"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
)

// TestOverwriteVariables: the new values of variables have the memory of the old ones, and are the right ones also where
// a graph reads an old value after the new one of another variable.
func TestOverwriteVariables(t *testing.T) {
	for _, eng := range testengine.Both(t) {
		store := model.NewStore()
		paths := []string{"/a", "/fixed", "/b"}
		for i, path := range paths {
			value := tensors.FromShape(shapes.Make(dtypes.Float32, 5000))
			tensors.MustMutableFlatData(value, func(flat []float32) { flat[0] = float32(i + 1) })
			if _, err := store.CreateVariable(path, value); err != nil {
				t.Fatal(err)
			}
		}
		exec := model.MustNewExec(eng.Backend, store, func(_ *model.Scope, x *graph.Node) *graph.Node {
			a, fixed, b := store.GetVariable("/a"), store.GetVariable("/fixed"), store.GetVariable("/b")
			oldA, oldB := a.NodeValue(x.Graph()), b.NodeValue(x.Graph())
			a.SetNodeValue(graph.Add(graph.Add(oldA, oldB), x))
			b.SetNodeValue(graph.Sub(graph.Reverse(oldA, 0), graph.Reverse(graph.Add(oldB, fixed.NodeValue(x.Graph())), 0)))
			if err := OverwriteVariables(store, x.Graph()); err != nil {
				panic(err)
			}
			return graph.ReduceAllSum(oldA)
		})
		var before [3]unsafe.Pointer
		a, b := []float32{1, 0}, []float32{3, 0} // the first and the last value of each
		for step := range 4 {
			exec.MustCall(float32(1))
			a, b = []float32{a[0] + b[0] + 1, a[1] + b[1] + 1}, []float32{a[1] - b[1], a[0] - b[0] - 2}
			var at [3]unsafe.Pointer
			for i, path := range paths {
				tensors.MustConstFlatData(store.GetVariable(path).MustValue(), func(flat []float32) {
					at[i] = unsafe.Pointer(&flat[0])
					if want := [][]float32{a, {2, 0}, b}[i]; flat[0] != want[0] || flat[4999] != want[1] {
						t.Errorf("engine %s, step %d: %s is %g ... %g, want %g", eng.Kind, step, path, flat[0], flat[4999], want)
					}
				})
			}
			if step > 1 && eng.Kind == engine.CPU && at != before {
				t.Errorf("step %d: the variables are at %v, were at %v", step, at, before)
			}
			before = at
		}
		exec.Finalize()
	}
}
