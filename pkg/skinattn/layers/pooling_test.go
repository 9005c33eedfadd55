package layers

import (
	"fmt"
	"math"
	"testing"

	"github.com/skinattn/skinattn/internal/testengine"
)

// poolReference is pooling as loops, with TensorFlow's padding after its documentation (documentedWindow).
func poolReference(window, stride int, padding string, mean bool) func([]array, map[string]array) array {
	return func(in []array, _ map[string]array) array {
		x := in[0]
		batch, channels := x.Dims[0], x.Dims[3]
		rows, top := documentedWindow(x.Dims[1], window, stride, padding)
		cols, left := documentedWindow(x.Dims[2], window, stride, padding)
		y := zeros(batch, rows, cols, channels)
		for n := range batch {
			for i := range rows {
				for j := range cols {
					for c := range channels {
						sum, count, largest := 0., 0., math.Inf(-1)
						for di := range window {
							for dj := range window {
								r, s := i*stride+di-top, j*stride+dj-left
								if r < 0 || s < 0 || r >= x.Dims[1] || s >= x.Dims[2] {
									continue
								}
								sum, count, largest = sum+x.At(n, r, s, c), count+1, max(largest, x.At(n, r, s, c))
							}
						}
						if mean {
							largest = sum / count
						}
						y.Set(largest, n, i, j, c)
					}
				}
			}
		}
		return y
	}
}

// documentedWindow is the number of outputs and the padding before, as
// TensorFlow documents them (tf.nn: "Notes on padding").
func documentedWindow(in, window, stride int, padding string) (out, before int) {
	if padding == Valid {
		return int(math.Ceil(float64(in-window+1) / float64(stride))), 0
	}
	along := max(window-stride, 0)
	if in%stride != 0 {
		along = max(window-in%stride, 0)
	}
	return int(math.Ceil(float64(in) / float64(stride))), along / 2
}

func TestPooling(t *testing.T) {
	var trials []trial
	for _, c := range []struct{ rows, cols, window, stride int }{
		{6, 7, 2, 2}, {6, 7, 2, 1}, {7, 8, 3, 2}, {8, 7, 3, 1}, {5, 6, 3, 3}, {9, 8, 2, 3}, {5, 6, 1, 2}, {7, 5, 5, 2},
	} {
		for _, padding := range []string{Same, Valid} {
			in := []array{distinct(1, 2, c.rows, c.cols, 3)}
			name := fmt.Sprintf("pooling %d/%d %s on %dx%d", c.window, c.stride, padding, c.rows, c.cols)
			largest := MaxPooling2D{Window: c.window, Stride: c.stride, Padding: padding}
			trials = append(trials,
				trial{name: "max " + name, op: largest, in: in, reference: poolReference(c.window, c.stride, padding, false)},
				trial{name: "average " + name, op: AveragePooling2D(largest), in: in, reference: poolReference(c.window, c.stride, padding, true)})
		}
	}
	checkAll(t, trials...)
}

// TestMaxPoolingTies: the first of equal values takes the whole gradient.
// By hand: the windows of 3 with stride 2 on 5 rows start at 0 and 2.
func TestMaxPoolingTies(t *testing.T) {
	op := MaxPooling2D{Window: 3, Stride: 2, Padding: Valid}
	x := zeros(1, 5, 5, 1)
	x.Set(1, 0, 1, 1, 0)
	x.Set(1, 0, 2, 0, 0) // as large, but later in the first window
	c := trial{name: "ties", op: op, in: []array{x}, reference: poolReference(3, 2, Valid, false)}
	whole := &trialGraph{variables: map[string]array{}}
	whole.add(&c, 0)
	c.cotangent = ramp(1, 2, 2, 1)
	want := zeros(1, 5, 5, 1)
	want.Set(1, 0, 1, 1, 0)
	want.Set(2, 0, 0, 2, 0)
	want.Set(3, 0, 2, 0, 0)
	want.Set(4, 0, 2, 2, 0)
	for _, eng := range testengine.Both(t) {
		got := whole.run(t, eng, []trial{c})
		if err := near(got[1], want, 0); err != nil {
			t.Errorf("engine %s: %v", eng.Kind, err)
		}
	}
}
