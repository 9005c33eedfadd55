package kernels

import (
	"fmt"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/internal/testengine"
)

// TestGradientsReadTheLastBuffer: XLA writes a block's buffer over the one before only where nothing reads that one later; else it would copy the whole buffer for each layer.
// So every buffer but the last is read by the forward pass alone, which slices it, and by the next update.
func TestGradientsReadTheLastBuffer(t *testing.T) {
	g := graph.NewGraph(testengine.Open(t).Backend, "block")
	parameter := func(name string, dims ...int) *Node {
		return graph.Parameter(g, name, shapes.Make(dtypes.Float32, dims...))
	}
	x := parameter("x", 2, 6, 6, 16)
	of, collected := []*Node{x}, Collect(x, 64)
	for _, channels := range []int{16, 32, 48} {
		scale, shift, kernel := parameter(fmt.Sprint("scale", channels), channels), parameter(fmt.Sprint("shift", channels), channels), parameter(fmt.Sprint("kernel", channels), 1, 1, channels, 16)
		of = append(of, scale, shift, kernel)
		collected = collected.Add(collected.Pointwise(scale, shift, 0, kernel))
	}
	graph.Gradient(graph.ReduceAllSum(graph.Square(collected.Maps())), of...)
	updates, barriers := 0, 0
	for _, n := range g.Nodes() {
		switch n.Type() {
		case graph.NodeTypeDynamicUpdateSlice:
			updates++
			continue
		case graph.NodeTypeOptimizationBarrier:
			barriers++
		case graph.NodeTypeSlice:
			continue
		}
		for _, read := range n.Inputs() {
			if read.Type() == graph.NodeTypeDynamicUpdateSlice && read != collected.block.buffer {
				t.Errorf("%v reads a buffer that is not the last", n)
			}
		}
	}
	if updates != 3 || barriers == 0 {
		t.Errorf("%d updates and %d barriers", updates, barriers)
	}
}
