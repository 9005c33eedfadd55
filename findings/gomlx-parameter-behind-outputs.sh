#!/usr/bin/env bash
# GoMLX v0.28.3 (pure Go backend, compute v0.1.5): a computation fails where a variable or input that nothing wanted needs
# comes after the last node that is wanted.
#
# A network of two dense layers is built, each with its own weights, and only the output of the first is returned, as one
# does for features. The weights of the second layer become a parameter behind that output in the backend's list of nodes.
# Expected: the first layer's output; a graph with unused nodes runs (XLA drops them).
# Seen: the graph compiles; executing it fails with "index out of range", since the backend has room for the nodes up to the
# last output and puts the values of all parameters into it. With the second layer's output returned beside the first, the same program runs.
# Exits with 0 while that is so, and with 1 when it changes.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// run builds both layers and returns the first one's output, alone or with the second one's.
func run(backend compute.Backend, both bool) ([]float32, error) {
	store := model.NewStore()
	scope := store.RootScope()
	first := scope.VariableWithValue("first", [][]float32{{1, 2}, {3, 4}})
	second := scope.VariableWithValue("second", [][]float32{{5}, {6}})
	exec, err := model.NewExec(backend, store, func(_ *model.Scope, x *graph.Node) []*graph.Node {
		features := graph.Dot(x, first.NodeValue(x.Graph())).Product()
		logits := graph.Dot(features, second.NodeValue(x.Graph())).Product()
		if both {
			return []*graph.Node{features, logits}
		}
		return []*graph.Node{features}
	})
	if err != nil {
		return nil, err
	}
	out, err := exec.Call([][]float32{{1, 1}})
	if err != nil {
		return nil, err
	}
	return tensors.CopyFlatData[float32](out[0])
}

func main() {
	backend, err := compute.NewWithConfig("go")
	if err != nil {
		panic(err)
	}
	control, err := run(backend, true)
	fmt.Println("both outputs:", control, err)
	if err != nil || fmt.Sprint(control) != "[4 6]" {
		fmt.Println("the control does not hold: the program asks in a wrong way")
		os.Exit(1)
	}
	got, err := run(backend, false)
	fmt.Println("first output:", got, err)
	if err == nil || !strings.Contains(err.Error(), "index out of range") {
		fmt.Println("CHANGED")
		os.Exit(1)
	}
}
GO
cat > go.mod <<'MOD'
module finding

go 1.26.5
MOD
export GOFLAGS=-mod=mod
go get github.com/gomlx/gomlx@v0.28.3 github.com/gomlx/compute@v0.1.5 >/dev/null 2>&1
go run .
