package jpeg

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// plainly runs work without internal/simd.
func plainly(work func()) {
	before := vectors
	vectors = false
	defer func() { vectors = before }()
	work()
}

func randomBytes(r *rand.Rand, n int) []uint8 {
	s := make([]uint8, n)
	for i := range s {
		s[i] = uint8(r.Uint32())
	}
	return s
}

// TestInverseDCTVectors wants the bits of plain Go, of photos' coefficients and of those of
// damaged files, whose sums overflow.
func TestInverseDCTVectors(t *testing.T) {
	if !vectors {
		t.Skip("this processor has no loops for JPEG")
	}
	r := rand.New(rand.NewPCG(5, 1))
	for round := range 50000 {
		var b block
		var quant [64]uint16
		for i := range quant {
			quant[i] = uint16(1 + r.IntN(60))
			if round%3 == 0 {
				quant[i] = uint16(r.Uint32())
			}
		}
		for range r.IntN(30) {
			i := r.IntN(64)
			if r.IntN(2) == 0 {
				i %= 8 // some columns have no more
			}
			b[i] = int16(r.IntN(400) - 200)
			if round%2 == 0 {
				b[i] = int16(r.Uint32())
			}
		}
		stride := 8 + r.IntN(30)
		got := bytes.Repeat([]uint8{7}, 7*stride+8)
		want := bytes.Clone(got)
		inverseDCT(got, stride, &b, &quant)
		inverseDCTPlain(want, stride, &b, &quant)
		if !bytes.Equal(got, want) {
			t.Fatalf("round %d: %d of %d with %d, want %d", round, got, b, quant, want)
		}
	}
}

// TestConvertVectors compares all chroma with some luma.
func TestConvertVectors(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 1))
	for n := range 100 {
		compareConversions(t, randomBytes(r, n), randomBytes(r, n), randomBytes(r, n))
	}
	cb, cr := make([]uint8, 1<<16), make([]uint8, 1<<16)
	for i := range cb {
		cb[i], cr[i] = uint8(i), uint8(i>>8)
	}
	for _, luma := range [][]uint8{randomBytes(r, 1<<16), make([]uint8, 1<<16), bytes.Repeat([]uint8{255}, 1<<16)} {
		compareConversions(t, luma, cb, cr)
	}
}

func compareConversions(t *testing.T, luma, cb, cr []uint8) {
	t.Helper()
	got, want := make([]uint8, 3*len(luma)), make([]uint8, 3*len(luma))
	convertYCbCr(got, luma, cb, cr)
	plainly(func() { convertYCbCr(want, luma, cb, cr) })
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%d pixels: channel %d of %d, %d, %d is %d, want %d", len(luma), i%3, luma[i/3], cb[i/3], cr[i/3], got[i], want[i])
		}
	}
}

// TestUpsampleVectors: rows of every width, of factors two in either direction.
func TestUpsampleVectors(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	for width := 3; width < 100; width++ {
		for _, scaleY := range []int{1, 2} {
			p := &component{width: width, height: 3, scaleX: 2, scaleY: scaleY, blocksX: ceilDiv(width, 8), blocksY: 1}
			p.pix = randomBytes(r, 64*p.blocksX)
			picture := 2*width - r.IntN(2)
			for y := range 3 * scaleY {
				got := bytes.Clone(newUpsampler(p, picture).row(y))
				plainly(func() {
					if want := newUpsampler(p, picture).row(y); !bytes.Equal(got, want) {
						t.Fatalf("%d samples, row %d: %d, want %d", width, y, got, want)
					}
				})
			}
		}
	}
}
