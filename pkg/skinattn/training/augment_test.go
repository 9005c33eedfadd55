package training

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"gonum.org/v1/gonum/stat"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// warped moves the second of two photos of 3x3 pixels, whose red channel is 10
// times the row plus the column.
func warped(t *testing.T, transform Transform) (red [9]float32) {
	t.Helper()
	flat := make([]uint8, 2*27)
	for i := range 9 {
		flat[27+3*i] = uint8(10*(i/3) + i%3)
	}
	matrix := transform.Affine(3, 3)
	out, err := graph.CallOnce(testengine.Open(t).Backend, warpTo(3),
		tensors.FromFlatDataAndDimensions(flat, 2, 3, 3, 3), []int32{1}, [][]float32{matrix[:]})
	if err != nil {
		t.Fatal(err)
	}
	values, err := tensors.CopyFlatData[float32](out)
	if err != nil {
		t.Fatal(err)
	}
	for i := range red {
		red[i] = values[3*i]
	}
	return red
}

// The expected photos are worked out by hand.
func TestWarp(t *testing.T) {
	one := Transform{ZX: 1, ZY: 1}
	with := func(change func(*Transform)) Transform { t := one; change(&t); return t }
	for _, tc := range []struct {
		name      string
		transform Transform
		want      [9]float32
	}{
		{"unchanged", one, [9]float32{0, 1, 2, 10, 11, 12, 20, 21, 22}},
		// Row r of the result is row r+1 of the photo, the last one repeated.
		{"a row down", with(func(t *Transform) { t.TX = 1 }), [9]float32{10, 11, 12, 20, 21, 22, 20, 21, 22}},
		{"half a column", with(func(t *Transform) { t.TY = .5 }), [9]float32{.5, 1.5, 2, 10.5, 11.5, 12, 20.5, 21.5, 22}},
		{"mirror", with(func(t *Transform) { t.FlipH = true }), [9]float32{2, 1, 0, 12, 11, 10, 22, 21, 20}},
		{"upside down", with(func(t *Transform) { t.FlipV = true }), [9]float32{20, 21, 22, 10, 11, 12, 0, 1, 2}},
		// (row, column) is turned by the angle: the result at (0, 0), which is
		// (-1, -1) from the centre, comes from (1, -1): row 2, column 0.
		{"90 degrees", with(func(t *Transform) { t.Theta = 90 }), [9]float32{20, 10, 0, 21, 11, 1, 22, 12, 2}},
		// Zoom .5 halves the distance of the rows from the centre.
		{"zoom of the rows", with(func(t *Transform) { t.ZX = .5 }), [9]float32{5, 6, 7, 10, 11, 12, 15, 16, 17}},
		{"flip after shift", with(func(t *Transform) { t.TX, t.FlipV = 1, true }), [9]float32{20, 21, 22, 20, 21, 22, 10, 11, 12}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := warped(t, tc.transform)
			for i := range got {
				if math.Abs(float64(got[i]-tc.want[i])) > 1e-4 {
					t.Fatalf("got %v, want %v", got, tc.want)
				}
			}
		})
	}
}

// The expected colours are worked out by hand for photos of two pixels.
func TestColourJitter(t *testing.T) {
	photo := []float32{100, 100, 100, 200, 200, 200} // mean grey 150
	red := []float32{100, 0, 0, 100, 0, 0}           // grey 29.9
	for _, tc := range []struct {
		name          string
		photo, factor []float32
		want          []float32
	}{
		{"none", photo, []float32{1, 1, 1}, photo},
		{"brightness", photo, []float32{1.5, 1, 1}, []float32{150, 150, 150, 255, 255, 255}},
		{"contrast", photo, []float32{1, .5, 1}, []float32{125, 125, 125, 175, 175, 175}},
		{"saturation", red, []float32{1, 1, 0}, []float32{29.9, 29.9, 29.9, 29.9, 29.9, 29.9}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, err := graph.CallOnce(testengine.Open(t).Backend, colourJitter,
				tensors.FromFlatDataAndDimensions(tc.photo, 1, 1, 2, 3), [][]float32{tc.factor})
			if err != nil {
				t.Fatal(err)
			}
			got, err := tensors.CopyFlatData[float32](out)
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				if math.Abs(float64(got[i]-tc.want[i])) > 1e-3 {
					t.Fatalf("got %v, want %v", got, tc.want)
				}
			}
		})
	}
}

// A photo's transform in an epoch does not depend on its place in the order.
func TestTransformsBelongToTheExample(t *testing.T) {
	reg, err := spec.Find("modern")
	if err != nil {
		t.Fatal(err)
	}
	whole := transforms(&reg, 64, 1, 3, []entry{{id: 5}, {id: 9}, {id: 2}})
	if rest := transforms(&reg, 64, 1, 3, []entry{{id: 9}, {id: 2}}); rest[0] != whole[1] || rest[1] != whole[2] {
		t.Error("the rest of an epoch draws other transforms")
	}
	if whole[0] == whole[1] || whole[0] == transforms(&reg, 64, 1, 4, []entry{{id: 5}})[0] || whole[0] == transforms(&reg, 64, 2, 3, []entry{{id: 5}})[0] {
		t.Error("two examples, epochs or seeds draw the same transform")
	}
	var flips, hidden, absent int
	const n = 2000
	rng := rand.New(rand.NewPCG(1, 2))
	for range n {
		drawn := draw(&reg, 64, rng)
		if drawn.FlipH {
			flips++
		}
		if drawn.dropAge {
			hidden++
		}
		if drawn.dropAge && drawn.dropSex && drawn.dropLocalization {
			absent++
		}
		if math.Abs(drawn.Theta) > 180 || math.Abs(drawn.TX) > 6.4 || drawn.ZX < .85 || drawn.ZX > 1.15 || drawn.Contrast < .85 || drawn.Contrast > 1.15 {
			t.Fatalf("out of range: %+v", drawn)
		}
	}
	// Five standard deviations. All metadata are hidden in .3 of the draws, and each by
	// itself in .1 of them.
	if math.Abs(float64(flips)-n/2) > 112 || math.Abs(float64(hidden)-n*(.3+.7*.1)) > 108 || math.Abs(float64(absent)-n*(.3+.7*.001)) > 103 {
		t.Errorf("%d flips, %d hidden ages, %d photos without metadata in %d draws", flips, hidden, absent, n)
	}
}

// Warm-up rises evenly to the rate, the cosine then falls to 0.
func TestScheduled(t *testing.T) {
	reg := spec.Regime{Epochs: 5, Schedule: spec.Cosine, WarmUp: 1}
	for update, want := range map[int]float64{0: .1, 4: .5, 9: 1, 10: 1, 30: .5, 20: (1 + math.Sqrt2/2) / 2} {
		if got := scheduled(&reg, 1, update, 10); math.Abs(got-want) > 1e-12 {
			t.Errorf("update %d: %g, want %g", update, got, want)
		}
	}
	if got := scheduled(&spec.Regime{Epochs: 5}, .3, 40, 10); got != .3 {
		t.Errorf("without a schedule the rate is %g", got)
	}
}

// Predictions turn photos on the host, training turns them in the graph.
func TestTurnIsWarp(t *testing.T) {
	const size = 9
	for _, tc := range []struct {
		source  int
		degrees float64
		mirror  bool
	}{{9, 0, false}, {9, 0, true}, {9, 22.5, false}, {9, 67.5, true}, {9, -180, false}, {9, 301, true},
		{13, 0, false}, {13, 67.5, true}, {14, 301, true}, {18, -90, false}} {
		photo := noise(tc.source)
		matrix := Transform{Theta: tc.degrees, ZX: 1, ZY: 1, FlipH: tc.mirror}.Affine(tc.source, size)
		out, err := graph.CallOnce(testengine.Open(t).Backend,
			warpTo(size),
			tensors.FromFlatDataAndDimensions(photo, 1, tc.source, tc.source, 3), []int32{0}, [][]float32{matrix[:]})
		if err != nil {
			t.Fatal(err)
		}
		want := tensors.MustCopyFlatData[float32](out)
		got := make([]float32, size*size*3)
		imaging.NewRotation(tc.source, size, tc.degrees, tc.mirror).Bytes(got, photo)
		for i := range got {
			if math.Abs(float64(got[i]-want[i])) > .01 {
				t.Fatalf("%+v: value %d is %g, in the graph %g", tc, i, got[i], want[i])
			}
		}
	}
}

// noise is a photo of independent pixels, [size size 3].
func noise(size int) []uint8 {
	rng := rand.New(rand.NewPCG(3, 4))
	photo := make([]uint8, size*size*3)
	for i := range photo {
		photo[i] = uint8(rng.IntN(256))
	}
	return photo
}

// A network is trained on turned views and shown upright photos. Sampled from photos one
// and a half times as wide, both keep the same share of the variance of independent pixels:
// per axis .625 upright (the weights of the two pixels are .25 and .75) and 2/3 turned (the
// weights are equally distributed). Sampled from photos of the input's width, turned views
// keep as little, and upright photos keep all.
func TestTurnedViewsAreAsSharpAsUprightOnes(t *testing.T) {
	const size = 64
	for _, tc := range []struct {
		source          int
		upright, turned float64
	}{{96, .625 * .625, 4. / 9}, {64, 1, 4. / 9}} {
		photo := noise(tc.source)
		variance := stat.Variance(floats(photo), nil)
		for degrees, want := range map[float64]float64{0: tc.upright, 40: tc.turned} {
			view := make([]float32, size*size*3)
			imaging.NewRotation(tc.source, size, degrees, false).Bytes(view, photo)
			// The middle, because pixels beyond the edge repeat the edge.
			var inner []float64
			for row := 16; row < 48; row++ {
				inner = append(inner, floats(view[3*(row*size+16):][:3*32])...)
			}
			if kept := stat.Variance(inner, nil) / variance; math.Abs(kept-want) > .04 {
				t.Errorf("from %d pixels, turned by %g degrees: %.3f of the variance is kept, want %.3f", tc.source, degrees, kept, want)
			}
		}
	}
}

func floats[T uint8 | float32](values []T) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v)
	}
	return out
}

// warpTo is warp to views of a size.
func warpTo(size int) func(pixels, rows, affine *graph.Node) *graph.Node {
	return func(pixels, rows, affine *graph.Node) *graph.Node { return warp(pixels, rows, affine, size) }
}
