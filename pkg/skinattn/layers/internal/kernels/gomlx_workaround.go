package kernels

import (
	"fmt"
	"reflect"
	"unsafe"

	"github.com/gomlx/gomlx/core/graph"
)

// writtenFor are the versions whose unexported fields this file uses.
const writtenFor = "GoMLX v0.28.3 with go-xla v0.4.3"

// newClosure is graph.NewClosure with empty caches of scalars and reductions while define builds the closure's body.
//
// GoMLX caches the scalar constants of a graph, and go-xla the functions that reductions call. But a value from inside of
// one closure can't be used in another function, so the next use of the same scalar or reduction fails. The smallest
// programs that show it are in gomlx_workaround_test.go.
func newClosure(g *graph.Graph, define func(g *graph.Graph) []*Node) *graph.Function {
	caches, err := sharedCaches(reflect.ValueOf(g).Elem())
	if err != nil {
		panic(err)
	}
	for _, cache := range caches {
		kept := reflect.ValueOf(cache.Interface())
		cache.Set(reflect.MakeMap(cache.Type()))
		defer cache.Set(kept)
	}
	return graph.NewClosure(g, define)
}

// CheckVersion is an error if loops can be used in g and GoMLX or go-xla is not the version that newClosure was written
// for. Builder.Build calls it first, so that an upgrade fails before anything is computed.
func CheckVersion(g *graph.Graph) (err error) {
	if hasLoops(g) {
		_, err = sharedCaches(reflect.ValueOf(g).Elem())
	}
	return err
}

// sharedCaches are the caches of a graph.Graph and of its XLA builder, settable.
func sharedCaches(inGraph reflect.Value) ([]reflect.Value, error) {
	var caches []reflect.Value
	for _, path := range [][]string{{"scalars"}, {"builder", "cacheReductions"}} {
		at := inGraph
		for _, name := range path {
			for at.Kind() == reflect.Interface || at.Kind() == reflect.Pointer {
				at = at.Elem()
			}
			if at.Kind() != reflect.Struct {
				at = reflect.Value{}
				break
			}
			at = at.FieldByName(name)
		}
		if at.Kind() != reflect.Map {
			return nil, fmt.Errorf("loops of the engine need the unexported field %q, as it is in %s; the version that is linked "+
				"has none: adapt pkg/skinattn/layers/internal/kernels/gomlx_workaround.go", path[len(path)-1], writtenFor)
		}
		caches = append(caches, reflect.NewAt(at.Type(), unsafe.Pointer(at.UnsafeAddr())).Elem())
	}
	return caches, nil
}
