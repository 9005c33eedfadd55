// Package numbers reads and writes the elements of arrays in files of other programs:
// floats and integers of either byte order.
package numbers

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
)

// Type is the type of an array's elements.
type Type struct {
	Float     bool // IEEE 754 of 2, 4 or 8 bytes, or Brain; otherwise an integer of 1 to 8 bytes
	Brain     bool // bfloat16: the upper half of a float32
	Signed    bool // of an integer: two's complement
	BigEndian bool
	Size      int // bytes of an element
}

// Float32s decodes the first n elements of raw, which must hold them. Floats are rounded
// to the nearest float32; an integer that float32 cannot hold is an error.
func (t Type) Float32s(raw []byte, n int) ([]float32, error) {
	values := make([]float32, n)
	if t == (Type{Float: true, Size: 4}) { // nearly all weights
		_, err := binary.Decode(raw, binary.LittleEndian, values)
		return values, err
	}
	for i := range values {
		bits, exact := t.bits(raw[i*t.Size:(i+1)*t.Size]), true
		switch {
		case t.Brain:
			values[i] = math.Float32frombits(uint32(bits) << 16)
		case t.Float && t.Size == 2:
			values[i] = half(uint16(bits))
		case t.Float && t.Size == 4:
			values[i] = math.Float32frombits(uint32(bits))
		case t.Float:
			values[i] = float32(math.Float64frombits(bits))
		case t.Signed:
			shift := 64 - 8*t.Size
			number := int64(bits<<shift) >> shift
			values[i] = float32(number)
			exact = values[i] < 1<<63 && int64(values[i]) == number
		default:
			values[i] = float32(bits)
			exact = values[i] < 1<<64 && uint64(values[i]) == bits
		}
		if !exact {
			return nil, fmt.Errorf("element %d is an integer that float32 cannot hold", i)
		}
	}
	return values, nil
}

// bits assembles one element.
func (t Type) bits(element []byte) uint64 {
	var v uint64
	for i, b := range element {
		if t.BigEndian {
			i = len(element) - 1 - i
		}
		v |= uint64(b) << (8 * i)
	}
	return v
}

// half widens an IEEE 754 binary16 number, which is always exact.
func half(bits uint16) float32 {
	magnitude := uint32(bits&0x7fff) << 13
	value := math.Float32frombits(magnitude) * 0x1p112 // the exponent's bias is 127 in place of 15
	if magnitude >= 0x1f<<23 {                         // infinity or NaN
		value = math.Float32frombits(magnitude | 0xff<<23)
	}
	return math.Float32frombits(uint32(bits>>15)<<31 | math.Float32bits(value))
}

// Write writes values in little-endian order, block by block: the bytes of all values
// are never in memory at once.
func Write[T any](w io.Writer, values []T) error {
	const block = 1 << 14
	for part := range slices.Chunk(values, block) {
		if err := binary.Write(w, binary.LittleEndian, part); err != nil {
			return err
		}
	}
	return nil
}

// Count returns the number of elements of a shape. A dimension below 0 is an error, and
// so are a dimension and a number above 2^31 - 1.
func Count(shape []int) (int, error) {
	n := 1
	for _, dim := range shape {
		if dim < 0 || dim > math.MaxInt32 || dim > 0 && n > math.MaxInt32/dim {
			return 0, fmt.Errorf("shape %v is too large", shape)
		}
		n *= dim
	}
	return n, nil
}
