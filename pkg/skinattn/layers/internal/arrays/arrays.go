// Package arrays has arrays of float64 for the tests of layers and kernels: what operations must give
// is worked out with them by plain loops. Only tests import it.
package arrays

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"sync"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/skinattn/skinattn/internal/allocator"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
)

// Engines are the engine that $SKINATTN_ENGINE names (the best there is without it) and the pure Go one.
var Engines = sync.OnceValue(func() []*engine.Engine {
	allocator.Use() // as the command does
	var all []*engine.Engine
	for _, name := range []string{"", engine.Go} {
		eng, err := engine.Open(context.Background(), name, engine.Options{Log: func(line string) { fmt.Fprintln(os.Stderr, line) }})
		if err != nil {
			panic(err)
		}
		if name == "" || all[0].Kind != eng.Kind {
			all = append(all, eng)
		}
	}
	return all
})

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

// Filled has uniform values in low..high.
func Filled(seed uint64, low, high float64, dims ...int) Array {
	rng := rand.New(rand.NewPCG(seed, 7))
	a := Zeros(dims...)
	for i := range a.V {
		// As float32, so that engine and reference see the same numbers.
		a.V[i] = float64(float32(low + (high-low)*rng.Float64()))
	}
	return a
}

// Distinct has the values of a shuffled, even grid in -1..1: no two are close.
func Distinct(seed uint64, dims ...int) Array {
	a := Zeros(dims...)
	for i, j := range rand.New(rand.NewPCG(seed, 8)).Perm(len(a.V)) {
		a.V[i] = float64(float32(2*(float64(j)+.5)/float64(len(a.V)) - 1))
	}
	return a
}

// Ramp is 1, 2, 3, ...
func Ramp(dims ...int) Array {
	a := Zeros(dims...)
	for i := range a.V {
		a.V[i] = float64(i + 1)
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
			panic(fmt.Sprintf("index %v is outside of %v", at, a.Dims))
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

// Dot is the sum of the products of a's and b's values.
func Dot(a, b Array) float64 {
	sum := 0.
	for i := range a.V {
		sum += a.V[i] * b.V[i]
	}
	return sum
}

// Near says where got differs from want by more than the tolerance (0: 1e-5) times want's largest value.
func Near(got, want Array, tolerance float64) error {
	if fmt.Sprint(got.Dims) != fmt.Sprint(want.Dims) {
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

// Agree says which of the tensors differ by more than 1e-3 of their spread: several ways to compute the
// same large values.
func Agree(got, want []*tensors.Tensor) error {
	for i := range want {
		g, w := Of(got[i]), Of(want[i])
		if len(g.V) != len(w.V) {
			return fmt.Errorf("%d and %d values", len(g.V), len(w.V))
		}
		var off float64
		for j := range w.V {
			off = max(off, math.Abs(g.V[j]-w.V[j]))
		}
		if spread := math.Sqrt(Dot(w, w) / float64(len(w.V))); !(off <= 1e-3*spread) {
			return fmt.Errorf("output %d differs by %.2g, where values are about %.2g", i, off, spread)
		}
	}
	return nil
}

// Shape is a shape of float32.
func Shape(dims ...int) shapes.Shape { return shapes.Make(dtypes.Float32, dims...) }
