package layers

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
)

// TestTry: mistakes in a network's code come out of Try as errors, runtime errors included.
func TestTry(t *testing.T) {
	cause := errors.New("cause")
	for _, c := range []struct {
		want  string
		build func(net *Graph)
	}{
		{`layer "x" is already in the graph`, func(net *Graph) { net.Add("x", ReLU{}, "x") }},
		{`layer "y": input "none" is not in the graph`, func(net *Graph) { net.Add("y", ReLU{}, "none") }},
		{`layer "y": needs one input`, func(net *Graph) { net.Add("y", ReLU{}) }},
		{"index out of range", func(net *Graph) { net.At(7) }},
		{"nil pointer", func(net *Graph) { net.Add("y", ReLU{}, net.Layer("none").Name) }},
		{"cause", func(*Graph) { panic(cause) }},
	} {
		net := &Graph{}
		net.Add("x", Input{Dims: Shape{2}})
		err := Try(func() { c.build(net) })
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want an error with %q", err, c.want)
		}
		if c.want == "cause" && !errors.Is(err, cause) {
			t.Errorf("%v does not wrap its cause", err)
		}
	}
	if err := Try(func() {}); err != nil {
		t.Error(err)
	}
}

// TestBuildErrors: mistakes that Build finds come out of GoMLX as errors.
func TestBuildErrors(t *testing.T) {
	for _, c := range []struct {
		want   string
		op     Op
		inputs []string
	}{
		{`no value is given for the input layer "other"`, Add{}, []string{"x", "other"}},
		{"variable y/kernel has no value yet", Dense{Units: 3}, []string{"x"}},
	} {
		net := &Graph{}
		for _, name := range c.inputs {
			net.Add(name, Input{Dims: Shape{2}})
		}
		net.Add("y", c.op, c.inputs...)
		store := model.NewStore()
		_, err := model.CallOnce(testengine.Named(t, engine.Go).Backend, store, func(_ *model.Scope, x *Node) *Node {
			return (&Builder{Store: store}).Build(net, map[string]*Node{"x": x})["y"]
		}, zeros(1, 2).Tensor())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want an error with %q", err, c.want)
		}
	}
}

// TestPanicsCarryErrors: Try and GoMLX recover only from panics with an error, so the packages that build graphs may
// panic with nothing else.
func TestPanicsCarryErrors(t *testing.T) {
	found := 0
	for _, folder := range []string{".", "internal/kernels", "../backbone", "..", "../training"} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			fset := token.NewFileSet()
			parsed, err := parser.ParseFile(fset, file, source, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				if name, ok := call.Fun.(*ast.Ident); !ok || name.Name != "panic" {
					return true
				}
				found++
				arg := string(source[fset.Position(call.Args[0].Pos()).Offset:fset.Position(call.Args[0].End()).Offset])
				if arg != "err" && !strings.HasPrefix(arg, "fmt.Errorf(") && !strings.HasPrefix(arg, "errors.New(") {
					t.Errorf("%s: panic(%s) carries no error", fset.Position(n.Pos()), arg)
				}
				return true
			})
		}
	}
	if found < 5 {
		t.Errorf("found %d panics, there are more", found)
	}
}
