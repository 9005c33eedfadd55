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

// CheckVersion is an error if loops can be used in g and GoMLX or go-xla is not the version that this file was written for.
// Builder.Build calls it first, so that an upgrade fails before anything is computed.
func CheckVersion(g *graph.Graph) (err error) {
	if hasLoops(g) {
		if _, err = sharedCaches(reflect.ValueOf(g).Elem()); err == nil {
			_, err = parameterAttributes(reflect.ValueOf(g).Elem())
		}
	}
	return err
}

// sharedCaches are the caches of a graph.Graph and of its XLA builder, settable.
func sharedCaches(inGraph reflect.Value) ([]reflect.Value, error) {
	var caches []reflect.Value
	for _, path := range [][]string{{"scalars"}, {"builder", "cacheReductions"}} {
		cache, err := unexported(inGraph, reflect.Map, path...)
		if err != nil {
			return nil, err
		}
		caches = append(caches, cache)
	}
	return caches, nil
}

// Overwrite lets XLA write results of g over its parameters: results has the index of a result for each such parameter.
// XLA does so only where nothing reads the parameter's old value afterwards, and the caller gives its memory away, as
// model.Exec does for variables that a graph changes.
//
// GoMLX's executors give the memory of such variables to XLA, but go-xla v0.4.3 does not tell XLA's compiler, which
// therefore puts the results elsewhere. Overwrite adds what jax.jit's donate_argnums adds.
func Overwrite(g *graph.Graph, results map[graph.ParameterHandle]int) error {
	if platformOf(g.Backend()) != xlaCPU {
		return nil
	}
	attributes, err := parameterAttributes(reflect.ValueOf(g).Elem())
	if err != nil {
		return err
	}
	for parameter, result := range results {
		attributes[parameter].Set(reflect.ValueOf(map[string]any{"tf.aliasing_output": int32(result)}))
	}
	return nil
}

// parameterAttributes are the attributes of the parameters of a graph.Graph's main function in StableHLO, settable.
func parameterAttributes(inGraph reflect.Value) ([]reflect.Value, error) {
	parameters, err := unexported(inGraph, reflect.Slice, "builder", "mainFn", "fn", "Inputs")
	if err != nil {
		return nil, err
	}
	attributes := make([]reflect.Value, parameters.Len())
	for i := range attributes {
		if attributes[i], err = unexported(parameters.Index(i), reflect.Map, "Attributes"); err != nil {
			return nil, err
		}
	}
	return attributes, nil
}

// unexported goes along a path of fields, through pointers and interfaces, to a field of a kind: settable.
func unexported(at reflect.Value, kind reflect.Kind, path ...string) (reflect.Value, error) {
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
	if at.Kind() != kind {
		return at, fmt.Errorf("the engine needs the unexported field %q, as it is in %s; the version that is linked "+
			"has none: adapt pkg/skinattn/layers/internal/kernels/gomlx_workaround.go", path[len(path)-1], writtenFor)
	}
	return reflect.NewAt(at.Type(), unsafe.Pointer(at.UnsafeAddr())).Elem(), nil
}
