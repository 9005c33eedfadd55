package jpeg

import (
	"bytes"
	"testing"
)

// TestLongestCodes reads codes of 16 bits with numbers of 15 bits behind them,
// across stuffed bytes (T.81 F.1.2.3).
func TestLongestCodes(t *testing.T) {
	table, err := newHuffmanTable([]uint8{15: 1}, []uint8{15})
	if err != nil {
		t.Fatal(err)
	}
	const count = 201
	var data []byte
	bits, n := uint64(0), 0
	for i := range count {
		bits, n = bits<<31|uint64(1<<14+81*i), n+31
		for ; n >= 8; n -= 8 {
			b := uint8(bits >> (n - 8))
			if data = append(data, b); b == 0xFF {
				data = append(data, 0)
			}
		}
	}
	data = append(data, uint8(bits<<(8-n)), 0xFF, markerEOI)
	if !bytes.Contains(data, []byte{0xFF, 0}) {
		t.Fatal("no stuffed byte")
	}
	r := bitReader{data: data}
	for i := range count {
		symbol, err := r.symbol(table)
		if err != nil || symbol != 15 {
			t.Fatalf("code %d: symbol %d, %v", i, symbol, err)
		}
		if v := r.number(15); v != int32(1<<14+81*i) {
			t.Fatalf("number %d is %d", i, v)
		}
	}
	if r.n < 0 || r.n > 7 {
		t.Errorf("%d bits left", r.n)
	}
	if r.symbol(table); r.n >= 0 {
		t.Errorf("%d bits left behind the end", r.n)
	}
}

// TestNumber: T.81 table F.1.
func TestNumber(t *testing.T) {
	for _, tc := range []struct {
		bits uint64
		size int
		want int32
	}{{0, 1, -1}, {1, 1, 1}, {0, 2, -3}, {1, 2, -2}, {2, 2, 2}, {3, 2, 3}, {0, 11, -2047}, {1023, 11, -1024}, {1024, 11, 1024}, {2047, 11, 2047}} {
		r := bitReader{bits: tc.bits << (64 - tc.size), n: 64}
		if got := r.number(tc.size); got != tc.want || r.n != 64-tc.size {
			t.Errorf("number %d of %d bits: %d, want %d", tc.bits, tc.size, got, tc.want)
		}
	}
}
