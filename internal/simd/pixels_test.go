package simd

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestTurn holds the loops against the formula in plain Go, for photos and parts of awkward sizes, up to the last pixel.
func TestTurn(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for range 400 {
		rows, columns, n := 1+r.IntN(9), 1+r.IntN(9), 1+r.IntN(60)
		atEnd := r.IntN(2) == 0
		photo := random(r, guarded(t, 3*rows*columns, atEnd))
		bytes := guardedBytes(t, r, len(photo), atEnd)
		taps, truth, truthOfBytes := make([]Tap, n), make([]float32, 3*n), make([]float32, 3*n)
		for i := range taps {
			row, column := r.IntN(rows), r.IntN(columns)
			tap := Tap{Above: int32(3 * (row*columns + column)), Right: r.Float32(), Down: r.Float32()}
			below, next := columns, 1
			if row == rows-1 {
				below, tap.Down = 0, 0
			}
			if column == columns-1 {
				next, tap.Right = 0, 0
			}
			tap.Below = tap.Above + int32(3*below)
			taps[i] = tap
			for k := range 3 {
				place := func(dy, dx int) int { return int(tap.Above) + 3*(dy*below+dx*next) + k }
				value := func(at func(dy, dx int) float32) float32 {
					upper := at(0, 0) + float32((at(0, 1)-at(0, 0))*tap.Right)
					lower := at(1, 0) + float32((at(1, 1)-at(1, 0))*tap.Right)
					return upper + float32((lower-upper)*tap.Down)
				}
				truth[3*i+k] = value(func(dy, dx int) float32 { return photo[place(dy, dx)] })
				truthOfBytes[3*i+k] = value(func(dy, dx int) float32 { return float32(bytes[place(dy, dx)]) })
			}
		}
		turn := NewTurn(slices.Clone(taps), len(photo))
		from := r.IntN(n)
		part := from + r.IntN(n-from+1)
		for _, level := range Levels() {
			for _, p := range [][2]int{{0, n}, {from, part}} {
				dst := guarded(t, 3*(p[1]-p[0]), atEnd)
				turn.Compute(level, dst, photo, p[0])
				if at := sameBits(dst, truth[3*p[0]:3*p[1]]); at >= 0 {
					t.Fatalf("%v: %d x %d, pixels %v: %v at %d, want %v", level, rows, columns, p, dst[at], at, truth[3*p[0]+at])
				}
				turn.ComputeBytes(level, dst, bytes, p[0])
				if at := sameBits(dst, truthOfBytes[3*p[0]:3*p[1]]); at >= 0 {
					t.Fatalf("%v: %d x %d of bytes, pixels %v: %v at %d, want %v", level, rows, columns, p, dst[at], at, truthOfBytes[3*p[0]+at])
				}
			}
		}
	}
}

// TestTurnOutside: a tap outside of the photo, and photos of another size, are refused.
func TestTurnOutside(t *testing.T) {
	turn := NewTurn(make([]Tap, 4), 12)
	for name, work := range map[string]func(){
		"above": func() { NewTurn([]Tap{{Above: 10}}, 12) }, "below": func() { NewTurn([]Tap{{Below: -1}}, 12) },
		"short": func() { turn.Compute(Generic, make([]float32, 3), make([]float32, 11), 0) },
		"many":  func() { turn.Compute(Generic, make([]float32, 9), make([]float32, 12), 2) },
	} {
		if !refuses(work) {
			t.Errorf("%s: not refused", name)
		}
	}
}

// refuses says whether work panics.
func refuses(work func()) (refused bool) {
	defer func() { refused = recover() != nil }()
	work()
	return false
}

func TestWidenAndScale(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for range 300 {
		n := r.IntN(200)
		atEnd := r.IntN(2) == 0
		bytes := guardedOf[uint8](t, max(n, 1), atEnd)[:n]
		var scale, shift [3]float32
		random(r, scale[:])
		random(r, shift[:])
		values := random(r, make([]float32, n))
		widened, scaled := make([]float32, n), slices.Clone(values)
		for i := range bytes {
			bytes[i] = uint8(r.Uint32())
			widened[i] = float32(bytes[i])
			if i < n/3*3 {
				scaled[i] = float32(values[i]*scale[i%3]) + shift[i%3]
			}
		}
		for _, level := range Levels() {
			dst := guarded(t, max(n, 1), atEnd)[:n]
			level.Widen(dst, bytes)
			if at := sameBits(dst, widened); at >= 0 {
				t.Fatalf("%v: %d bytes: %v at %d, want %v", level, n, dst[at], at, widened[at])
			}
			copy(dst, values)
			NewScale(scale, shift).Apply(level, dst, dst)
			if at := sameBits(dst, scaled); at >= 0 {
				t.Fatalf("%v: %d values scaled: %v at %d, want %v", level, n, dst[at], at, scaled[at])
			}
		}
	}
}
