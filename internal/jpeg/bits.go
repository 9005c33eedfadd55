package jpeg

import "encoding/binary"

// bitReader reads the bits of an entropy-coded segment (T.81 B.1.1.5, F.2.2.5). Behind
// the end of the segment it reads zeros, and n becomes negative.
type bitReader struct {
	data  []byte
	pos   int    // of the next byte to go into bits
	bits  uint64 // the next n bits, from the left, then zeros
	n     int
	ended bool // pos is at a marker or at the end of data
}

// enough bits hold the longest code, 16 bits, and the number behind it, 15 bits.
const enough = 32

// ones has a 1 in each byte.
const ones = 0x0101010101010101

// fill reads bits until there are enough or the segment ends.
func (r *bitReader) fill() {
	if r.n >= 0 && r.pos+8 <= len(r.data) && !r.ended {
		next := binary.BigEndian.Uint64(r.data[r.pos:])
		// A byte of 0xFF is a byte of zero in the complement.
		if (^next-ones)&next&(ones<<7) == 0 {
			whole := (64 - r.n) &^ 7
			r.bits |= next >> (64 - uint(whole)) << (64 - uint(whole)) >> uint(r.n)
			r.pos += whole / 8
			r.n += whole
			return
		}
	}
	for r.n <= 56 && !r.ended {
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
			r.pos++ // over the zero that tells the byte from a marker
		}
		r.pos++
		r.bits |= uint64(b) << (56 - uint(r.n))
		r.n += 8
	}
}

// skip goes over n bits.
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

// symbol reads a Huffman code and leaves enough bits for the longest number behind it.
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

// number reads the signed value of size bits (1 to 15) that follows a Huffman code
// (T.81 F.2.2.1, EXTEND).
func (r *bitReader) number(size int) int32 {
	v := int32(r.bits >> (64 - uint(size)&63))
	if r.bits>>63 == 0 {
		v -= 1<<(uint(size)&31) - 1
	}
	r.skip(size)
	return v
}

// short returns the error for a segment that ends before its last block.
func (r *bitReader) short() error {
	if r.pos+1 < len(r.data) {
		return invalid("damaged data: less than the blocks of a scan or restart interval before marker %#02x", r.data[r.pos+1])
	}
	return truncated("a scan")
}
