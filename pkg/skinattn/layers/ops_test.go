package layers

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// each is the reference that applies f to every value.
func each(f func(float64) float64) func([]array, map[string]array) array {
	return func(in []array, _ map[string]array) array {
		y := zeros(in[0].Dims...)
		for i, x := range in[0].V {
			y.V[i] = f(x)
		}
		return y
	}
}

func TestElementwise(t *testing.T) {
	x, r := distinct(1, 2, 3, 4, 5), distinct(2, 2, 3, 4, 5)
	scale := distinct(3, 2, 1, 1, 5)
	checkAll(t,
		trial{name: "AddScalar", op: AddScalar{Value: 3}, in: []array{x}, reference: each(func(x float64) float64 { return x + 3 })},
		trial{name: "MulScalar", op: MulScalar{Value: 1. / 6}, in: []array{x}, reference: each(func(x float64) float64 { return x / 6 })},
		trial{name: "Rescaling", op: Rescaling{Scale: 1 / 127.5, Offset: -1}, in: []array{ramp(1, 3, 4, 2)},
			reference: each(func(x float64) float64 { return x/127.5 - 1 })},
		trial{name: "ReLU", op: ReLU{}, in: []array{x}, reference: each(func(x float64) float64 { return max(x, 0) })},
		trial{name: "ReLU to .5", op: ReLU{Max: .5}, in: []array{x}, reference: each(func(x float64) float64 { return min(max(x, 0), .5) })},
		trial{name: "ScaledAdd", op: ScaledAdd{Scale: .17}, in: []array{x, r}, reference: func(in []array, _ map[string]array) array {
			y := zeros(in[0].Dims...)
			for i := range y.V {
				y.V[i] = in[0].V[i] + .17*in[1].V[i]
			}
			return y
		}},
		trial{name: "Add of three", op: Add{}, in: []array{x, r, distinct(5, 2, 3, 4, 5)}, reference: func(in []array, _ map[string]array) array {
			y := zeros(in[0].Dims...)
			for i := range y.V {
				y.V[i] = in[0].V[i] + in[1].V[i] + in[2].V[i]
			}
			return y
		}},
		trial{name: "Multiply by channel", op: Multiply{}, in: []array{x, scale}, reference: multiplyReference},
		trial{name: "Multiply by channel, turned round", op: Multiply{}, in: []array{scale, x}, reference: func(in []array, v map[string]array) array {
			return multiplyReference([]array{in[1], in[0]}, v)
		}},
		trial{name: "Softmax", op: Softmax{}, in: []array{filled(4, -3, 3, 2, 7)}, reference: softmaxReference},
	)
}

// multiplyReference multiplies [B H W C] by [B 1 1 C].
func multiplyReference(in []array, _ map[string]array) array {
	x, scale := in[0], in[1]
	y := zeros(x.Dims...)
	for n := range x.Dims[0] {
		for i := range x.Dims[1] {
			for j := range x.Dims[2] {
				for c := range x.Dims[3] {
					y.Set(x.At(n, i, j, c)*scale.At(n, 0, 0, c), n, i, j, c)
				}
			}
		}
	}
	return y
}

// softmaxReference is the softmax of each row of [B C].
func softmaxReference(in []array, _ map[string]array) array {
	y := zeros(in[0].Dims...)
	for n := range y.Dims[0] {
		sum := 0.
		for c := range y.Dims[1] {
			sum += math.Exp(in[0].At(n, c))
		}
		for c := range y.Dims[1] {
			y.Set(math.Exp(in[0].At(n, c))/sum, n, c)
		}
	}
	return y
}

func TestShapeChanges(t *testing.T) {
	x := distinct(1, 2, 5, 4, 3)
	// window is the rows x cols part of the input from (top, left) on, with zeros outside of the input.
	window := func(top, left, rows, cols int) func([]array, map[string]array) array {
		return func(in []array, _ map[string]array) array {
			x := in[0]
			y := zeros(x.Dims[0], rows, cols, x.Dims[3])
			for n := range x.Dims[0] {
				for i := range rows {
					for j := range cols {
						for c := range x.Dims[3] {
							if r, s := i+top, j+left; r >= 0 && s >= 0 && r < x.Dims[1] && s < x.Dims[2] {
								y.Set(x.At(n, r, s, c), n, i, j, c)
							}
						}
					}
				}
			}
			return y
		}
	}
	means := func(dims ...int) func([]array, map[string]array) array {
		return func(in []array, _ map[string]array) array {
			x := in[0]
			y := zeros(dims...)
			for i, v := range x.V {
				n, c := i/(x.Dims[1]*x.Dims[2]*x.Dims[3]), i%x.Dims[3]
				y.V[n*x.Dims[3]+c] += v / float64(x.Dims[1]*x.Dims[2])
			}
			return y
		}
	}
	reshaped := func(dims ...int) func([]array, map[string]array) array {
		return func(in []array, _ map[string]array) array {
			return array{Dims: dims, V: append([]float64{}, in[0].V...)}
		}
	}
	checkAll(t,
		trial{name: "Cropping2D", op: Cropping2D{Crop: Padding{{1, 0}, {1, 2}}}, in: []array{x}, reference: window(1, 1, 4, 1)},
		trial{name: "Cropping2D of nothing", op: Cropping2D{}, in: []array{x}, reference: window(0, 0, 5, 4)},
		trial{name: "ZeroPadding2D", op: ZeroPadding2D{Pad: Padding{{0, 1}, {2, 1}}}, in: []array{x}, reference: window(0, -2, 6, 7)},
		trial{name: "GlobalAveragePooling2D", op: GlobalAveragePooling2D{}, in: []array{x}, reference: means(2, 3)},
		trial{name: "GlobalAveragePooling2D keeping axes", op: GlobalAveragePooling2D{KeepDims: true}, in: []array{x}, reference: means(2, 1, 1, 3)},
		trial{name: "Reshape", op: Reshape{Dims: Shape{2, 30}}, in: []array{x}, reference: reshaped(2, 2, 30)},
		trial{name: "Flatten", op: Flatten{}, in: []array{x}, reference: reshaped(2, 60)},
		trial{name: "Concatenate", op: Concatenate{}, in: []array{distinct(2, 1, 1, 2, 2), distinct(3, 1, 1, 2, 1)},
			reference: func(in []array, _ map[string]array) array {
				a, b := in[0].V, in[1].V
				return array{Dims: []int{1, 1, 2, 3}, V: []float64{a[0], a[1], b[0], a[2], a[3], b[1]}}
			}},
	)
}

// TestShapeErrors: inputs that do not fit are errors of Shape.
func TestShapeErrors(t *testing.T) {
	square := [2]int{3, 3}
	for _, c := range []struct {
		op Op
		in []Shape
	}{
		{Conv2D{Filters: 4, Kernel: square, Stride: 1, Padding: Valid}, []Shape{{2, 5, 3}}},
		{Conv2D{Filters: 4, Kernel: square, Stride: 1, Padding: "full"}, []Shape{{5, 5, 3}}},
		{Conv2D{Filters: 4, Kernel: square, Stride: 1, Padding: Same}, []Shape{{5}}},
		{DepthwiseConv2D{Kernel: square, Stride: 1, Padding: Valid}, []Shape{{5, 2, 3}}},
		{SeparableConv2D{Filters: 4, Kernel: square, Stride: 1, Padding: Valid}, []Shape{{5, 2, 3}}},
		{MaxPooling2D{Window: 3, Padding: Valid}, []Shape{{2, 2, 3}}},
		{AveragePooling2D{Padding: Same}, []Shape{{2, 2, 3}}},
		{AveragePooling2D{Window: 2, Padding: Same}, []Shape{{2, 2, 3}, {2, 2, 3}}},
		{GlobalAveragePooling2D{}, []Shape{{5}}},
		{Add{}, []Shape{{2, 2, 3}, {2, 2, 4}}},
		{Multiply{}, []Shape{{2, 2, 3}}},
		{Multiply{}, []Shape{{2, 2, 3}, {3}}},
		{Multiply{}, []Shape{{2, 2, 3}, {1, 1, 4}}},
		{ScaledAdd{Scale: 1}, []Shape{{2, 2, 3}}},
		{ScaledAdd{Scale: 1}, []Shape{{2, 2, 3}, {1, 1, 3}}},
		{AddScalar{}, []Shape{{3}, {3}}},
		{MulScalar{}, nil},
		{Rescaling{}, nil},
		{Softmax{}, nil},
		{Reshape{Dims: Shape{5}}, []Shape{{2, 3}}},
		{Cropping2D{Crop: Padding{{1, 1}, {0, 0}}}, []Shape{{2, 2, 3}}},
		{Cropping2D{Crop: Padding{{-1, 0}, {0, 0}}}, []Shape{{2, 2, 3}}},
		{Concatenate{}, []Shape{{2, 2, 3}, {2, 3, 3}}},
		{Dense{Units: 7}, []Shape{{2, 2, 3}}},
		{SoftAttention{Heads: 2}, []Shape{{4}}},
		{Input{Dims: Shape{3}}, []Shape{{3}}},
	} {
		name := fmt.Sprintf("%T%+v on %v", c.op, c.op, c.in)
		if shape, err := c.op.Shape(c.in...); err == nil {
			t.Errorf("%s gives %v and no error", name, shape)
		}
	}
}

// TestHeNormal compares values with Keras's distribution: the standard deviation is sqrt(2/fanIn), and no value is
// further from 0 than two deviations of the normal distribution before its cut, 2/.8796 times the deviation after it.
func TestHeNormal(t *testing.T) {
	values := HeNormal(Shape{3, 3, 16, 512}, rand.New(rand.NewPCG(1, 2)))
	want := math.Sqrt(2. / (3 * 3 * 16))
	var mean, square, largest float64
	for _, v := range values {
		mean += float64(v) / float64(len(values))
		square += float64(v) * float64(v) / float64(len(values))
		largest = max(largest, math.Abs(float64(v)))
	}
	if math.Abs(mean) > .02*want || math.Abs(math.Sqrt(square)/want-1) > .01 {
		t.Errorf("mean %.4g and deviation %.4g, want 0 and %.4g", mean, math.Sqrt(square), want)
	}
	if ratio := largest / want; ratio > 2.2737 || ratio < 2.26 {
		t.Errorf("the largest value is %.4f deviations away, want just below 2.2737", ratio)
	}
}
