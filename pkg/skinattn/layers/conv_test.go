package layers

import (
	"fmt"
	"testing"
)

// convReference is keras.layers.Conv2D as loops.
func convReference(c Conv2D) func([]array, map[string]array) array {
	return func(in []array, variables map[string]array) array {
		x, kernel := in[0], variables["kernel"]
		rows, top := documentedWindow(x.Dims[1], c.Kernel[0], c.Stride, c.Padding)
		cols, left := documentedWindow(x.Dims[2], c.Kernel[1], c.Stride, c.Padding)
		y := zeros(x.Dims[0], rows, cols, c.Filters)
		for n := range x.Dims[0] {
			for i := range rows {
				for j := range cols {
					for f := range c.Filters {
						sum := 0.
						if c.Bias {
							sum = variables["bias"].At(f)
						}
						for di := range c.Kernel[0] {
							for dj := range c.Kernel[1] {
								r, s := i*c.Stride+di-top, j*c.Stride+dj-left
								if r < 0 || s < 0 || r >= x.Dims[1] || s >= x.Dims[2] {
									continue
								}
								for channel := range x.Dims[3] {
									sum += x.At(n, r, s, channel) * kernel.At(di, dj, channel, f)
								}
							}
						}
						y.Set(sum, n, i, j, f)
					}
				}
			}
		}
		return y
	}
}

// depthwiseReference is keras.layers.DepthwiseConv2D as loops.
func depthwiseReference(window [2]int, stride int, padding string) func([]array, map[string]array) array {
	return func(in []array, variables map[string]array) array {
		x, kernel := in[0], variables["depthwise_kernel"]
		rows, top := documentedWindow(x.Dims[1], window[0], stride, padding)
		cols, left := documentedWindow(x.Dims[2], window[1], stride, padding)
		y := zeros(x.Dims[0], rows, cols, x.Dims[3])
		for n := range x.Dims[0] {
			for i := range rows {
				for j := range cols {
					for c := range x.Dims[3] {
						sum := 0.
						for di := range window[0] {
							for dj := range window[1] {
								if r, s := i*stride+di-top, j*stride+dj-left; r >= 0 && s >= 0 && r < x.Dims[1] && s < x.Dims[2] {
									sum += x.At(n, r, s, c) * kernel.At(di, dj, c, 0)
								}
							}
						}
						y.Set(sum, n, i, j, c)
					}
				}
			}
		}
		return y
	}
}

// windows has odd and even maps, windows that do not reach the last rows, and the 1x7 windows of Inception networks.
var windows = []struct {
	rows, cols int
	window     [2]int
	stride     int
}{
	{6, 5, [2]int{1, 1}, 1}, {6, 5, [2]int{1, 1}, 2}, {7, 4, [2]int{1, 1}, 3},
	{6, 5, [2]int{3, 3}, 1}, {6, 5, [2]int{3, 3}, 2}, {7, 8, [2]int{3, 3}, 3},
	{8, 7, [2]int{5, 5}, 2}, {5, 6, [2]int{5, 5}, 1}, {9, 10, [2]int{7, 7}, 2}, {7, 8, [2]int{7, 7}, 3},
	{4, 8, [2]int{1, 7}, 1}, {8, 4, [2]int{7, 1}, 1}, {7, 6, [2]int{2, 2}, 2}, {1, 1, [2]int{3, 3}, 1},
}

func TestConv2D(t *testing.T) {
	var trials []trial
	for i, w := range windows {
		// One padding for each window is enough: TestAlgorithmsAgree compares all algorithms with loops.
		for _, padding := range []string{Same, Valid}[i%2 : i%2+1] {
			if padding == Valid && (w.rows < w.window[0] || w.cols < w.window[1]) {
				continue
			}
			op := Conv2D{Filters: 3, Kernel: w.window, Stride: w.stride, Padding: padding, Bias: i%3 == 0}
			trials = append(trials, trial{name: fmt.Sprintf("%+v on %dx%d", op, w.rows, w.cols), op: op,
				in: []array{filled(1, -1, 1, 2, w.rows, w.cols, 2)}, reference: convReference(op)})
		}
	}
	checkAll(t, trials...)
}

func TestDepthwiseConv2D(t *testing.T) {
	var trials []trial
	for _, w := range windows {
		for _, padding := range []string{Same, Valid} {
			if padding == Valid && (w.rows < w.window[0] || w.cols < w.window[1]) {
				continue
			}
			op := DepthwiseConv2D{Kernel: w.window, Stride: w.stride, Padding: padding}
			trials = append(trials, trial{name: fmt.Sprintf("%+v on %dx%d", op, w.rows, w.cols), op: op,
				in: []array{filled(1, -1, 1, 2, w.rows, w.cols, 2)}, reference: depthwiseReference(w.window, w.stride, padding)})
		}
	}
	checkAll(t, trials...)
}

func TestSeparableConv2D(t *testing.T) {
	var trials []trial
	for _, w := range []struct{ rows, cols, window, stride int }{{6, 5, 3, 1}, {6, 5, 5, 2}, {7, 8, 7, 2}} {
		op := SeparableConv2D{Filters: 4, Kernel: [2]int{w.window, w.window}, Stride: w.stride, Padding: Same}
		trials = append(trials, trial{name: fmt.Sprintf("%+v on %dx%d", op, w.rows, w.cols), op: op,
			in: []array{filled(1, -1, 1, 2, w.rows, w.cols, 3)},
			reference: func(in []array, variables map[string]array) array {
				middle := depthwiseReference(op.Kernel, op.Stride, op.Padding)(in, variables)
				return convReference(Conv2D{Filters: 4, Kernel: [2]int{1, 1}, Stride: 1, Padding: Same})(
					[]array{middle}, map[string]array{"kernel": variables["pointwise_kernel"]})
			}})
	}
	checkAll(t, trials...)
}
