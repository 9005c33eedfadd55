package numbers

import (
	"bytes"
	"math"
	"testing"
)

// The limits of IEEE 754 binary16.
func TestHalf(t *testing.T) {
	for bits, want := range map[uint16]float64{
		0: 0, 0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x0400: 1.0 / 16384, 0x0001: 1.0 / 16777216, 0x03ff: 1023.0 / 16777216, 0x3555: 0.333251953125,
		0x7c00: math.Inf(1), 0xfc00: math.Inf(-1),
	} {
		if got := half(bits); float64(got) != want {
			t.Errorf("%#04x: %v, want %v", bits, got, want)
		}
	}
	if got := half(0x7e00); got == got {
		t.Errorf("0x7e00: %v, want NaN", got)
	}
	if got := half(0x8000); got != 0 || !math.Signbit(float64(got)) {
		t.Errorf("0x8000: %v, want -0", got)
	}
}

// The largest integers below the limits of their types that float32 holds, and the
// limits, which it does not hold.
func TestFloat32sOfIntegers(t *testing.T) {
	for _, c := range []struct {
		kind  Type
		raw   []byte
		want  float32
		exact bool
	}{
		{Type{Size: 1}, []byte{255}, 255, true},
		{Type{Size: 1, Signed: true}, []byte{255}, -1, true},
		{Type{Size: 2, Signed: true, BigEndian: true}, []byte{0x80, 0}, -32768, true},
		{Type{Size: 4}, []byte{0, 0, 0, 1}, 1 << 24, true},
		{Type{Size: 4}, []byte{1, 0, 0, 1}, 0, false},
		{Type{Size: 8}, []byte{0, 0, 0, 0, 0, 0, 0, 0x80}, 1 << 63, true},
		{Type{Size: 8}, bytes.Repeat([]byte{255}, 8), 0, false},
		{Type{Size: 8, Signed: true}, []byte{0, 0, 0, 0, 0, 0, 0, 0x80}, -1 << 63, true},
		{Type{Size: 8, Signed: true, BigEndian: true}, []byte{0x7f, 255, 255, 255, 255, 255, 255, 255}, 0, false},
	} {
		got, err := c.kind.Float32s(c.raw, 1)
		if (err == nil) != c.exact || err == nil && got[0] != c.want {
			t.Errorf("%+v of % x: %v, %v, want %v", c.kind, c.raw, got, err, c.want)
		}
	}
}

func TestCount(t *testing.T) {
	for _, c := range []struct {
		shape []int
		n     int
		ok    bool
	}{
		{nil, 1, true}, {[]int{2, 3}, 6, true}, {[]int{0, 3}, 0, true}, {[]int{math.MaxInt32}, math.MaxInt32, true},
		{[]int{-1}, 0, false}, {[]int{65536, 65536, 0}, 0, false}, {[]int{0, 1 << 31}, 0, false},
	} {
		if n, err := Count(c.shape); n != c.n || (err == nil) != c.ok {
			t.Errorf("%v: %d, %v", c.shape, n, err)
		}
	}
}
