package simd

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// guardedBytes are random bytes beside a page that nobody may touch.
func guardedBytes(t *testing.T, r *rand.Rand, n int, atEnd bool) []uint8 {
	s := guardedOf[uint8](t, max(n, 1), atEnd)[:n]
	for i := range s {
		s[i] = uint8(r.Uint32())
	}
	return s
}

// TestJPEGRows holds the loops over rows against their formulas, in slices of every length that end or begin where memory does. That they are libjpeg's is
// tested in internal/jpeg and package imaging.
func TestJPEGRows(t *testing.T) {
	if !HasJPEG() {
		t.Skip("no loops for JPEG")
	}
	r := rand.New(rand.NewPCG(15, 16))
	for n := range 70 {
		for _, atEnd := range []bool{false, true} {
			near, far, luma := guardedBytes(t, r, n, atEnd), guardedBytes(t, r, n, atEnd), guardedBytes(t, r, n, atEnd)
			whole := n / 16 * 16
			sums := guardedOf[uint16](t, n+2, atEnd)
			if done := SumRows(sums[1:n+1], near, far); done != whole {
				t.Fatalf("%d of %d sums", done, n)
			}
			for i := range whole {
				if want := 3*uint16(near[i]) + uint16(far[i]); sums[i+1] != want {
					t.Fatalf("sum %d of %d is %d, want %d", i, n, sums[i+1], want)
				}
			}
			for i := range sums {
				sums[i] = uint16(r.IntN(4*255 + 1))
			}
			doubled := guardedOf[uint8](t, max(2*n, 1), atEnd)[:2*n]
			for _, add := range [][2]int{{8, 7}, {4, 8}} {
				if done := DoubleRow(doubled, sums, add[0], add[1]); done != whole {
					t.Fatalf("%d of %d doubled", done, n)
				}
				for i := range 2 * whole {
					at := i/2 + 1
					want := (3*int(sums[at]) + int(sums[at-1+i%2*2]) + add[i%2]) / 16
					if int(doubled[i]) != want {
						t.Fatalf("sample %d of %d is %d, want %d", i, n, doubled[i], want)
					}
				}
			}
			pixels := guardedOf[uint8](t, max(3*n, 1), atEnd)[:3*n]
			if done := ConvertYCbCr(pixels, luma, near, far); done != whole {
				t.Fatalf("%d of %d converted", done, n)
			}
			for i := range whole { // JFIF's formula, within the rounding of its two products
				y, cb, cr := float64(luma[i]), float64(near[i])-128, float64(far[i])-128
				for k, want := range []float64{y + 1.402*cr, y - .344136*cb - .714136*cr, y + 1.772*cb} {
					if got := float64(pixels[3*i+k]); got < min(want, 255)-.51 || got > max(want, 0)+.51 {
						t.Fatalf("channel %d of %d, %v, %v is %v, want %v", k, luma[i], cb, cr, got, want)
					}
				}
			}
		}
	}
}

// TestJPEGBlock: the transform of a block writes its rows and nothing else. A DC coefficient of 8 is one grey level.
func TestJPEGBlock(t *testing.T) {
	if !HasJPEG() {
		t.Skip("no loops for JPEG")
	}
	r := rand.New(rand.NewPCG(17, 18))
	for range 500 {
		stride := 8 + r.IntN(20)
		atEnd := r.IntN(2) == 0
		out := guardedBytes(t, r, 7*stride+8, atEnd)
		before := slices.Clone(out)
		block, quant := (*[64]int16)(guardedOf[int16](t, 64, atEnd)), (*[64]uint16)(guardedOf[uint16](t, 64, atEnd))
		block[0], quant[0] = int16(r.IntN(400)-200), 8
		InverseDCT(out, stride, block, quant)
		for i, got := range out {
			want := before[i]
			if i%stride < 8 {
				want = uint8(min(max(int(block[0])+128, 0), 255))
			}
			if got != want {
				t.Fatalf("byte %d at a stride of %d is %d, want %d", i, stride, got, want)
			}
		}
	}
}
