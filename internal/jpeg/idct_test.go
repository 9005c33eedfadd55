package jpeg

import (
	"math"
	"math/rand/v2"
	"testing"
)

// reference is the inverse DCT of T.81 A.3.3 in float64, before rounding.
func reference(b *block, quant *[64]uint16) (samples [64]float64) {
	for i := range samples {
		x, y := float64(i%8), float64(i/8)
		sum := 0.0
		for j, v := range b {
			u, w := float64(j%8), float64(j/8)
			term := float64(v) * float64(quant[j]) * math.Cos((2*x+1)*u*math.Pi/16) * math.Cos((2*y+1)*w*math.Pi/16)
			if u == 0 {
				term *= math.Sqrt2 / 2
			}
			if w == 0 {
				term *= math.Sqrt2 / 2
			}
			sum += term / 4
		}
		samples[i] = min(max(sum+128, 0), 255)
	}
	return samples
}

// TestInverseDCT holds it against the formula; that it rounds as libjpeg does is
// what the pictures in package imaging are for.
func TestInverseDCT(t *testing.T) {
	random := rand.New(rand.NewPCG(2022, 8))
	sum, worst := 0.0, 0.0
	const rounds = 2000
	for range rounds {
		var b block
		var quant [64]uint16
		for i := range quant {
			quant[i] = uint16(1 + random.IntN(40))
		}
		b[0] = int16((random.IntN(2048) - 1024) / int(quant[0]))
		for range random.IntN(20) {
			i := random.IntN(64)
			b[i] = int16((random.IntN(400) - 200) / int(quant[i]))
		}
		want := reference(&b, &quant)
		const stride = 11
		out := make([]uint8, 8*stride)
		inverseDCT(out, stride, &b, &quant)
		for i, w := range want {
			d := math.Abs(float64(out[i/8*stride+i%8]) - w)
			sum += d
			worst = max(worst, d)
		}
	}
	if mean := sum / (64 * rounds); worst > 0.75 || mean > 0.26 { // perfect rounding: 0.5 and 0.25
		t.Errorf("differs from the formula by %.3f at most, %.3f on average", worst, mean)
	}
}

// TestFillDC: the short cut, far beyond the range of 8-bit pictures (1024*8).
func TestFillDC(t *testing.T) {
	for _, step := range []uint16{1, 3, 16, 255} {
		quant := [64]uint16{step}
		for dc := -1 << 15 / int(step); dc < 1<<15/int(step); dc++ {
			var want, got [64]uint8
			inverseDCT(want[:], 8, &block{int16(dc)}, &quant)
			fillDC(got[:], 8, int16(dc), &quant)
			if got != want {
				t.Fatalf("%d with step %d: %d, want %d", dc, step, got[0], want[0])
			}
		}
	}
}
