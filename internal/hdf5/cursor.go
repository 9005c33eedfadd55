package hdf5

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// FormatError says what is wrong with a file and where.
type FormatError struct {
	Object string // path of the object being read, or the name of a structure
	Offset uint64 // byte offset in the file, after any user block
	Err    error
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s: %v (at byte %d)", e.Object, e.Err, e.Offset)
}

// Unwrap returns the cause.
func (e *FormatError) Unwrap() error { return e.Err }

// cursor decodes little-endian fields one after the other. It keeps its first error in
// err and gives zero for every later field, so that a caller checks once.
type cursor struct {
	b      []byte
	pos    int
	object string
	offset uint64 // place of b[0] in the file
	err    error
}

// errorf makes an error at the given position of the buffer.
func (c *cursor) errorf(pos int, format string, args ...any) error {
	return &FormatError{Object: c.object, Offset: c.offset + uint64(pos), Err: fmt.Errorf(format, args...)}
}

func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		c.err = c.errorf(c.pos, format, args...)
	}
}

func (c *cursor) left() int { return len(c.b) - c.pos }

// bytes returns the next n bytes without copying them.
func (c *cursor) bytes(n uint64) []byte {
	if c.err == nil && n > uint64(c.left()) {
		c.fail("%d bytes wanted, %d left in this block", n, c.left())
	}
	if c.err != nil {
		return nil
	}
	part := c.b[c.pos : c.pos+int(n) : c.pos+int(n)]
	c.pos += int(n)
	return part
}

func (c *cursor) skip(n uint64) { c.bytes(n) }

// align skips to the next multiple of n, counted from the start of the buffer.
func (c *cursor) align(n int) {
	if rest := c.pos % n; rest != 0 {
		c.skip(uint64(n - rest))
	}
}

// uint decodes an unsigned number of n bytes, n at most 8.
func (c *cursor) uint(n int) uint64 {
	var v uint64
	for i, b := range c.bytes(uint64(n)) {
		v |= uint64(b) << (8 * i)
	}
	return v
}

func (c *cursor) u8() uint8   { return uint8(c.uint(1)) }
func (c *cursor) u16() uint16 { return uint16(c.uint(2)) }
func (c *cursor) u32() uint32 { return uint32(c.uint(4)) }
func (c *cursor) u64() uint64 { return c.uint(8) }

// magic checks a four-letter signature.
func (c *cursor) magic(want string) {
	at := c.pos
	if got := c.bytes(4); got != nil && string(got) != want {
		c.err = c.errorf(at, "signature %q instead of %q", got, want)
	}
}

// sub returns a cursor over the next n bytes.
func (c *cursor) sub(n uint64) *cursor {
	start := c.pos
	return &cursor{b: c.bytes(n), object: c.object, offset: c.offset + uint64(start), err: c.err}
}

// checkSum verifies the lookup3 checksum in the last four bytes of a
// version-2 metadata block.
func (f *File) checkSum(block []byte, what string, address uint64, object string) error {
	if f.skipChecksums {
		return nil
	}
	n := len(block) - 4
	if n < 0 || binary.LittleEndian.Uint32(block[n:]) != lookup3(block[:n]) {
		return &FormatError{Object: object, Offset: address, Err: fmt.Errorf("%s is damaged: its checksum does not match", what)}
	}
	return nil
}

// readSummed reads a version-2 metadata block of n bytes, verifies its checksum and
// returns a cursor behind its signature.
func (o *object) readSummed(what, signature string, address, n uint64) (*cursor, error) {
	c, err := o.file.read(o.path, address, n)
	if err != nil {
		return nil, err
	}
	c.magic(signature)
	return c, o.file.checkSum(c.b, what, address, o.path)
}

// lookup3 is Bob Jenkins's public-domain hash "hashlittle" with initial value
// 0, the checksum of all HDF5 metadata since version 1.8.
func lookup3(data []byte) uint32 {
	a := 0xdeadbeef + uint32(len(data))
	b, c := a, a
	for len(data) > 12 {
		a += binary.LittleEndian.Uint32(data)
		b += binary.LittleEndian.Uint32(data[4:])
		c += binary.LittleEndian.Uint32(data[8:])
		a = (a - c) ^ bits.RotateLeft32(c, 4)
		c += b
		b = (b - a) ^ bits.RotateLeft32(a, 6)
		a += c
		c = (c - b) ^ bits.RotateLeft32(b, 8)
		b += a
		a = (a - c) ^ bits.RotateLeft32(c, 16)
		c += b
		b = (b - a) ^ bits.RotateLeft32(a, 19)
		a += c
		c = (c - b) ^ bits.RotateLeft32(b, 4)
		b += a
		data = data[12:]
	}
	if len(data) == 0 {
		return c
	}
	var tail [12]byte
	copy(tail[:], data)
	a += binary.LittleEndian.Uint32(tail[0:])
	b += binary.LittleEndian.Uint32(tail[4:])
	c += binary.LittleEndian.Uint32(tail[8:])
	c = (c ^ b) - bits.RotateLeft32(b, 14)
	a = (a ^ c) - bits.RotateLeft32(c, 11)
	b = (b ^ a) - bits.RotateLeft32(a, 25)
	c = (c ^ b) - bits.RotateLeft32(b, 16)
	a = (a ^ c) - bits.RotateLeft32(c, 4)
	b = (b ^ a) - bits.RotateLeft32(a, 14)
	c = (c ^ b) - bits.RotateLeft32(b, 24)
	return c
}
