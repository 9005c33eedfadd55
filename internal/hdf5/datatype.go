package hdf5

import (
	"fmt"
	"math"

	"github.com/skinattn/skinattn/internal/numbers"
)

// class is the class of a datatype (section IV.A.2.d).
type class uint8

const (
	classInteger  class = 0
	classFloat    class = 1
	classString   class = 3
	classOpaque   class = 5
	classEnum     class = 8
	classVariable class = 9
)

var classNames = map[class]string{
	classInteger: "integer", classFloat: "float", 2: "time", classString: "string", 4: "bit field", classOpaque: "opaque",
	6: "compound", 7: "reference", classEnum: "enumeration", classVariable: "variable length", 10: "array",
}

// datatype describes one element.
type datatype struct {
	class     class
	size      uint64 // bytes in the file
	bigEndian bool
	signed    bool
	text      bool // the variable-length type is a string
	brain     bool // the opaque type is bfloat16
}

// String gives the type's name in the manner of NumPy, such as "float32" or "int64 big-endian".
func (t datatype) String() string {
	name := classNames[t.class]
	switch {
	case t.brain:
		name = "bfloat16"
	case t.isNumber():
		if t.class != classFloat {
			name = "uint"
			if t.signed {
				name = "int"
			}
		}
		name = fmt.Sprintf("%s%d", name, t.size*8)
		if t.bigEndian && t.size > 1 {
			name += " big-endian"
		}
	case t.class == classString:
		name = fmt.Sprintf("string of %d bytes", t.size)
	case t.text:
		name = "string of variable length"
	}
	return name
}

func (t datatype) isNumber() bool {
	return t.class == classInteger || t.class == classEnum || t.class == classFloat || t.brain
}

// number is the type for package numbers.
func (t datatype) number() numbers.Type {
	return numbers.Type{Float: t.class == classFloat || t.brain, Brain: t.brain, Signed: t.signed, BigEndian: t.bigEndian, Size: int(t.size)}
}

// readDatatype decodes a datatype message. Other types than the package's give an error
// that wraps ErrUnsupported.
func readDatatype(c *cursor) (datatype, error) {
	head := c.u8()
	bits := c.uint(3)
	t := datatype{class: class(head & 0x0f), size: uint64(c.u32())}
	if c.err != nil {
		return t, c.err
	}
	if version := head >> 4; version < 1 || version > 5 {
		return t, c.errorf(0, "datatype version %d: %w", version, ErrUnsupported)
	}
	if t.size == 0 {
		return t, c.errorf(4, "a type of 0 bytes")
	}
	switch t.class {
	case classInteger:
		return t, t.readInteger(c, bits)
	case classFloat:
		return t, t.readFloat(c, bits)
	case classString:
		return t, nil
	case classOpaque:
		// h5py writes the element types that NumPy has from elsewhere as opaque, without a
		// tag. Of Keras's types those of two bytes are bfloat16 alone.
		if t.size == 2 && bits&0xff == 0 {
			t.brain = true
			return t, nil
		}
	case classEnum:
		base, err := readDatatype(c)
		if err == nil && (base.class != classInteger || base.size != t.size) {
			err = c.errorf(8, "an enumeration that is not based on an integer of its size")
		}
		base.class = classEnum
		return base, err
	case classVariable:
		t.text = bits&0x0f == 1
		if t.size != 16 {
			return t, c.errorf(4, "a variable-length element of %d bytes instead of 16", t.size)
		}
		if t.text {
			return t, nil
		}
	}
	return t, c.errorf(0, "type %s: %w", t, ErrUnsupported)
}

func (t *datatype) readInteger(c *cursor, bits uint64) error {
	t.bigEndian, t.signed = bits&1 != 0, bits&(1<<3) != 0
	offset, precision := c.u16(), c.u16()
	if c.err != nil {
		return c.err
	}
	if t.size > 8 || t.size&(t.size-1) != 0 || offset != 0 || uint64(precision) != t.size*8 {
		return c.errorf(0, "an integer of %d bits in %d bytes: %w", precision, t.size, ErrUnsupported)
	}
	return nil
}

// floatLayout says where the parts of a float lie, in bits.
type floatLayout struct {
	exponentAt, exponentBits, mantissaBits uint8
	bias                                   uint32
}

// ieee has the binary formats of IEEE 754, by their size in bytes.
var ieee = map[uint64]floatLayout{2: {10, 5, 10, 15}, 4: {23, 8, 23, 127}, 8: {52, 11, 52, 1023}}

// readFloat accepts the formats of ieee only.
func (t *datatype) readFloat(c *cursor, bits uint64) error {
	t.bigEndian = bits&1 != 0
	offset, precision := c.u16(), c.u16()
	exponentAt, exponentBits := c.u8(), c.u8()
	mantissaAt, mantissaBits := c.u8(), c.u8()
	bias := c.u32()
	if c.err != nil {
		return c.err
	}
	got := floatLayout{exponentAt, exponentBits, mantissaBits, bias}
	vaxOrder := bits&(1<<6) != 0
	if want, ok := ieee[t.size]; !ok || got != want || mantissaAt != 0 || offset != 0 || uint64(precision) != t.size*8 || vaxOrder {
		return c.errorf(0, "a %d-byte float that is not IEEE 754 binary16, 32 or 64: %w", t.size, ErrUnsupported)
	}
	return nil
}

// maxRank is H5S_MAX_RANK.
const maxRank = 32

// readDataspace returns the dimensions: none for a scalar, a single 0 for the null
// dataspace (section IV.A.2.b). Their product fits in an int.
func readDataspace(c *cursor) ([]int, error) {
	version, rank, flags := c.u8(), c.u8(), c.u8()
	kind := uint8(1)
	switch {
	case c.err != nil:
		return nil, c.err
	case version == 1:
		c.skip(5)
	case version == 2:
		kind = c.u8()
	default:
		return nil, c.errorf(0, "dataspace version %d: %w", version, ErrUnsupported)
	}
	if flags&^1 != 0 {
		return nil, c.errorf(2, "dataspace flags %#x: %w", flags, ErrUnsupported)
	}
	if kind == 2 {
		return []int{0}, nil
	}
	if rank > maxRank {
		return nil, c.errorf(1, "rank %d", rank)
	}
	shape := make([]int, rank)
	product := uint64(1)
	for i := range shape {
		n := c.u64()
		if n > math.MaxInt32 || product > math.MaxInt64/max(n, 1) {
			return nil, c.errorf(c.pos-8, "a dimension of %d elements is too large", n)
		}
		shape[i] = int(n)
		product *= max(n, 1)
	}
	return shape, c.err
}

// count returns the number of elements of a shape that readDataspace made.
func count(shape []int) uint64 {
	n := uint64(1)
	for _, d := range shape {
		n *= uint64(d)
	}
	return n
}
