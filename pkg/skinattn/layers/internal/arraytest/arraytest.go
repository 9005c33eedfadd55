// Package arraytest has arrays of float64, in which the tests of layers and kernels work out by plain loops what
// operations must give. Only tests import it.
package arraytest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"
)

// Array has its values V in row-major order.
type Array struct {
	Dims []int
	V    []float64
}

// Zeros is an array of zeros.
func Zeros(dims ...int) Array {
	size := 1
	for _, dim := range dims {
		size *= dim
	}
	return Array{dims, make([]float64, size)}
}

// Filled has uniform values in low..high, rounded to float32, so that engine and reference see the same numbers.
func Filled(seed uint64, low, high float64, dims ...int) Array {
	rng := rand.New(rand.NewPCG(seed, 7))
	a := Zeros(dims...)
	for i := range a.V {
		a.V[i] = float64(float32(low + (high-low)*rng.Float64()))
	}
	return a
}

// Of has the values of a tensor of float32.
func Of(t *tensors.Tensor) Array {
	a := Zeros(t.Shape().Dimensions...)
	for i, v := range tensors.MustCopyFlatData[float32](t) {
		a.V[i] = float64(v)
	}
	return a
}

// Index is the place of an element in V.
func (a Array) Index(at ...int) int {
	i := 0
	for axis, dim := range a.Dims {
		if at[axis] < 0 || at[axis] >= dim {
			panic(fmt.Errorf("index %v is outside of %v", at, a.Dims))
		}
		i = i*dim + at[axis]
	}
	return i
}

// At is an element.
func (a Array) At(at ...int) float64 { return a.V[a.Index(at...)] }

// Set sets an element.
func (a Array) Set(value float64, at ...int) { a.V[a.Index(at...)] = value }

// Floats are the values as float32.
func (a Array) Floats() []float32 {
	values := make([]float32, len(a.V))
	for i, v := range a.V {
		values[i] = float32(v)
	}
	return values
}

// Tensor is the array as a tensor of float32.
func (a Array) Tensor() *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(a.Floats(), a.Dims...)
}

// Near says where got differs from want by more than the tolerance (0: 1e-5) times want's largest value.
func Near(got, want Array, tolerance float64) error {
	if !slices.Equal(got.Dims, want.Dims) {
		return fmt.Errorf("shape %v, want %v", got.Dims, want.Dims)
	}
	if tolerance == 0 {
		tolerance = 1e-5
	}
	largest := 1e-3
	for _, w := range want.V {
		largest = max(largest, math.Abs(w))
	}
	for i, w := range want.V {
		if !(math.Abs(got.V[i]-w) <= tolerance*largest) {
			return fmt.Errorf("value %d of %v is %.8g, want %.8g (the largest is %.3g)", i, want.Dims, got.V[i], w, largest)
		}
	}
	return nil
}
