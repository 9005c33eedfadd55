#!/usr/bin/env bash
# GoMLX v0.28.3 (pure Go backend, compute v0.1.5): the gradient of a convolution with respect to its input is wrong for a
# kernel with an even side and a stride above 1.
#
# The loss is the sum of a 2x2 convolution with stride 2 over a 4x4 map, without padding, with the weights 1 2 / 3 4. Each
# pixel of the map meets one weight, so the gradient must repeat the kernel: 1 2 1 2 / 3 4 3 4 / 1 2 1 2 / 3 4 3 4.
# Seen: 4 3 4 0 / 2 1 2 0 / 4 3 4 0 / 0 0 0 0, without an error. The kernel is turned round and shifted by a pixel, and the
# last row and column get nothing. A 3x3 kernel with stride 1 gets its right gradient from the same program.
# Exits with 0 while that is so, and with 1 when it changes.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// gradient is d(sum of the convolution)/dx for a map [1 side side 1] of ones, or why there is none.
func gradient(backend compute.Backend, kernel [][]float32, side, stride int) (values []float32, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	flat := make([]float32, 0, 9)
	for _, row := range kernel {
		flat = append(flat, row...)
	}
	x := tensors.FromFlatDataAndDimensions(ones(side*side), 1, side, side, 1)
	w := tensors.FromFlatDataAndDimensions(flat, len(kernel), len(kernel[0]), 1, 1)
	exec, err := graph.NewExec(backend, func(x, w *graph.Node) *graph.Node {
		y := graph.Convolve(x, w).Strides(stride).NoPadding().Done()
		return graph.Gradient(graph.ReduceAllSum(y), x)[0]
	})
	if err != nil {
		return nil, err
	}
	out, err := exec.Exec(x, w)
	if err != nil {
		return nil, err
	}
	return tensors.CopyFlatData[float32](out[0])
}

func ones(n int) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = 1
	}
	return values
}

func main() {
	backend, err := compute.NewWithConfig("go")
	if err != nil {
		panic(err)
	}
	// The control: one window covers the whole map, and each pixel meets its own weight.
	odd, err := gradient(backend, [][]float32{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}, 3, 1)
	fmt.Println("3x3, stride 1:", odd, err)
	if err != nil || fmt.Sprint(odd) != "[1 2 3 4 5 6 7 8 9]" {
		fmt.Println("the control does not hold: the program asks in a wrong way")
		os.Exit(1)
	}
	got, err := gradient(backend, [][]float32{{1, 2}, {3, 4}}, 4, 2)
	fmt.Println("2x2, stride 2:", got, err)
	fmt.Println("right        : [1 2 1 2 3 4 3 4 1 2 1 2 3 4 3 4]")
	if err != nil || fmt.Sprint(got) != "[4 3 4 0 2 1 2 0 4 3 4 0 0 0 0 0]" {
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
