package jpeg

import "encoding/binary"

// bitReader reads the bits of an entropy-coded segment (T.81 B.1.1.5, F.2.2.5).
// Behind its end it reads zeros and n becomes negative.
type bitReader struct {
	data  []byte
	pos   int    // of the next byte to go into bits
	bits  uint64 // the next bits, from the left
	n     int    // how many of bits are read
	ended bool   // pos is at a marker or at the end of data
}

// enough is the number of bits that the longest code, 16 bits, and the number
// behind it, 15 bits, take.
const enough = 32

// fill reads bits until there are enough or the segment ends.
func (r *bitReader) fill() {
	if r.ended {
		return
	}
	// Eight bytes at once if none of them is 0xFF. Bits beyond n are there already;
	// reading their byte again does not change them.
	if r.pos+8 <= len(r.data) {
		if v := binary.BigEndian.Uint64(r.data[r.pos:]); !hasByteFF(v) {
			r.bits |= v >> (uint(r.n) & 63)
			bytes := (63 - r.n) / 8
			r.pos += bytes
			r.n += 8 * bytes
			return
		}
	}
	for r.n <= 56 {
		if r.pos == len(r.data) {
			r.ended = true
			return
		}
		b := r.data[r.pos]
		if b == 0xFF {
			if r.pos+1 == len(r.data) || r.data[r.pos+1] != 0 {
				r.ended = true
				return
			}
			r.pos++ // the zero that tells it from a marker
		}
		r.pos++
		r.bits |= uint64(b) << (56 - uint(r.n)&63)
		r.n += 8
	}
}

func hasByteFF(v uint64) bool {
	const ones = 0x0101010101010101
	return (^v-ones)&v&(0x80*ones) != 0
}

// skip goes over bits that were there.
func (r *bitReader) skip(n int) {
	r.bits <<= uint(n) & 63
	r.n -= n
}

// bit reads one bit.
func (r *bitReader) bit() bool {
	if r.n < 1 {
		r.fill()
	}
	one := r.bits>>63 != 0
	r.skip(1)
	return one
}

var errBadCode = invalid("damaged data: no such Huffman code")

// symbol reads a Huffman code and leaves the bits of the longest number behind it.
func (r *bitReader) symbol(t *huffmanTable) (uint8, error) {
	if r.n < enough {
		r.fill()
	}
	symbol, length := t.decode(r.bits)
	if length == 0 {
		return 0, errBadCode
	}
	r.skip(length)
	return symbol, nil
}

// short returns the error for a segment that ends before its last block.
func (r *bitReader) short() error {
	if r.pos+1 < len(r.data) {
		return invalid("damaged data: less than the blocks of a scan or restart interval before marker %#02x", r.data[r.pos+1])
	}
	return truncated("a scan")
}
