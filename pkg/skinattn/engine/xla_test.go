//go:build cgo && linux && !asan && !msan

package engine

import (
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/internal/allocator"
	"github.com/skinattn/skinattn/internal/allocator/alloctest"
)

// The plug-in finds the program's malloc through the dynamic linker: if the program did
// not export it, XLA would silently be slower.
func TestXLAUsesTheAllocator(t *testing.T) {
	if !alloctest.Replaced {
		t.Skip("this C library's malloc is not replaced")
	}
	allocator.Use()
	eng, err := Open(t.Context(), CPU, Options{Offline: true})
	if err != nil {
		t.Skipf("no XLA: %v", err)
	}
	const side = 4096
	before := allocator.Mapped()
	result := graph.MustExecOnce(eng.Backend, func(g *graph.Graph) *graph.Node {
		return graph.IotaFull(g, shapes.Make(dtypes.Float32, side, side))
	})
	if got := allocator.Mapped() - before; got < side*side*4 {
		t.Errorf("%d x %[1]d numbers from XLA map only %d bytes", side, got)
	}
	result.MustFinalizeAll()
}
