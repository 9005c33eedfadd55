package kernels

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
)

// loopPrograms has the smallest programs that need newClosure: a loop adds 1 to its counter until the counter is 4, then
// the same addition follows outside of the loop. graph.NewClosure of GoMLX v0.28.3 and go-xla v0.4.3 can build neither:
//
//	a scalar: cannot add operation Add after returning, in function "closure1"
//	a reduction: cannot add operation Reduce because reductionFn is not a StableHLO closure of main
var loopPrograms = []struct {
	name string
	add  func(x *Node) *Node
}{
	{"a scalar", func(x *Node) *Node { return graph.Add(x, graph.Scalar(x.Graph(), dtypes.Float32, 1)) }},
	{"a reduction", func(x *Node) *Node {
		return graph.Add(x, graph.ReduceAllSum(graph.IotaFull(x.Graph(), like(x, 2))))
	}},
}

// TestNewClosure runs the programs with newClosure, and fails if graph.NewClosure can run them: then remove newClosure.
func TestNewClosure(t *testing.T) {
	type closure func(*graph.Graph, func(*graph.Graph) []*Node) *graph.Function
	for _, eng := range testengine.Both(t) {
		if !hasLoops(begun(eng)) {
			continue
		}
		for _, p := range loopPrograms {
			run := func(newClosure closure) (result float32, err error) {
				exec, err := graph.NewExec(eng.Backend, func(x *Node) *Node {
					parameter := func(g *graph.Graph) *Node { return graph.Parameter(g, "x", like(x)) }
					more := newClosure(x.Graph(), func(g *graph.Graph) []*Node {
						return []*Node{graph.LessThan(parameter(g), graph.Const(g, float32(4)))}
					})
					once := newClosure(x.Graph(), func(g *graph.Graph) []*Node { return []*Node{p.add(parameter(g))} })
					return p.add(graph.While(more, once, x)[0])
				})
				if err != nil {
					return 0, err
				}
				defer exec.Finalize()
				results, err := exec.Call(float32(0))
				if err != nil {
					return 0, err
				}
				return results[0].Value().(float32), nil
			}
			if got, err := run(newClosure); err != nil || got != 5 {
				t.Errorf("engine %s, %s in and behind a loop: %g, %v; want 5", eng.Kind, p.name, got, err)
			}
			if _, err := run(graph.NewClosure); err == nil {
				t.Errorf("engine %s, %s: GoMLX does it by itself now; remove newClosure", eng.Kind, p.name)
			} else {
				t.Logf("engine %s, %s with graph.NewClosure: %v", eng.Kind, p.name, err)
			}
		}
	}
}

// begun is a graph with a node.
func begun(eng *engine.Engine) *graph.Graph {
	return graph.Parameter(graph.NewGraph(eng.Backend, "begun"), "x", shapes.Make(dtypes.Float32, 1)).Graph()
}

// TestWrongVersion: a GoMLX or go-xla without the fields is an error with the field and the versions, not a panic.
func TestWrongVersion(t *testing.T) {
	type kept = map[string]int
	type builder struct{ cacheReductions kept }
	for _, c := range []struct {
		field string // the missing field
		graph any
	}{
		{"", &struct {
			scalars kept
			builder any
		}{builder: &builder{cacheReductions: kept{}}}},
		{"scalars", &struct{ builder any }{&builder{}}},
		{"scalars", &struct {
			scalars []int
			builder any
		}{builder: &builder{cacheReductions: kept{}}}},
		{"cacheReductions", &struct{ scalars kept }{}},
		{"cacheReductions", &struct {
			scalars kept
			builder any
		}{}},
		{"cacheReductions", &struct {
			scalars kept
			builder any
		}{builder: &struct{}{}}},
		{"cacheReductions", &struct {
			scalars kept
			builder any
		}{builder: &struct{ cacheReductions int }{}}},
	} {
		_, err := sharedCaches(reflect.ValueOf(c.graph).Elem())
		if c.field == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), `"`+c.field+`"`) || !strings.Contains(err.Error(), writtenFor) {
			t.Errorf("%T: %v; want one that names %s and %s", c.graph, err, c.field, writtenFor)
		}
	}
	for _, eng := range testengine.Both(t) {
		if err := CheckVersion(begun(eng)); err != nil {
			t.Error(err)
		}
	}
}

// TestWrittenFor: go.mod has the versions in writtenFor. After an upgrade, TestNewClosure shows whether the workaround is
// still needed and right; then change writtenFor.
func TestWrittenFor(t *testing.T) {
	mod, err := os.ReadFile("../../../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := func(module string) string {
		return string(regexp.MustCompile(regexp.QuoteMeta(module) + ` (v\S+)`).FindSubmatch(mod)[1])
	}
	want := "GoMLX " + version("github.com/gomlx/gomlx") + " with go-xla " + version("github.com/gomlx/go-xla")
	if writtenFor != want {
		t.Errorf("the workaround is written for %s, go.mod has %s", writtenFor, want)
	}
}
