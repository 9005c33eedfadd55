package hdf5

import (
	"math/bits"
)

// fractalHeap is the heap of dense links and attributes (section III.G). Its
// managed objects lie in blocks of one linear address space: rows of width blocks each.
// Blocks of the first two rows have the starting size, blocks of every later row twice
// the size of the row before. From some row on, tables of the same kind stand in place
// of blocks.
type fractalHeap struct {
	*object
	idLength   uint64
	offsetSize int // bytes of an offset in the heap's address space
	lengthSize int // bytes of a managed object's length
	width      uint64
	startSize  uint64
	maxDirect  uint64
	root       uint64
	rootRows   uint64 // 0: the root is a direct block
	hugeIndex  uint64
	huge       map[uint64]block
}

func (o *object) openFractalHeap(address uint64) (*fractalHeap, error) {
	c, err := o.file.read(o.path, address, 146)
	if err != nil {
		return nil, err
	}
	c.magic("FRHP")
	version := c.u8()
	h := &fractalHeap{object: o, idLength: uint64(c.u16())}
	filters := c.u16()
	c.skip(1) // flags
	maxManaged := uint64(c.u32())
	c.skip(8) // next huge identifier
	h.hugeIndex = c.u64()
	c.skip(10 * 8) // free space and statistics
	h.width = uint64(c.u16())
	h.startSize, h.maxDirect = c.u64(), c.u64()
	maxBits := uint64(c.u16())
	c.skip(2) // starting rows
	h.root = c.u64()
	h.rootRows = uint64(c.u16())
	if c.err != nil {
		return nil, c.err
	}
	if version != 0 || filters != 0 {
		return nil, c.errorf(4, "a fractal heap of version %d with %d bytes of filters: %w", version, filters, ErrUnsupported)
	}
	if err := o.file.checkSum(c.b, "fractal heap", address, o.path); err != nil {
		return nil, err
	}
	power := func(n uint64) bool { return bits.OnesCount64(n) == 1 }
	if h.width == 0 || !power(h.width) || !power(h.startSize) || !power(h.maxDirect) || h.startSize > h.maxDirect ||
		h.maxDirect > 1<<40 || maxBits == 0 || maxBits > 64 || maxManaged == 0 || h.rootRows > 64 || h.idLength == 0 {
		return nil, c.errorf(9, "a fractal heap of impossible dimensions")
	}
	h.offsetSize = int(maxBits+7) / 8
	h.lengthSize = encodedSize(min(h.maxDirect, maxManaged))
	return h, nil
}

// get returns the object that a heap identifier names.
func (h *fractalHeap) get(id *cursor) (*cursor, error) {
	head := id.u8()
	switch kind := head >> 4 & 3; {
	case head>>6 != 0:
		return nil, id.errorf(0, "a heap identifier of version %d: %w", head>>6, ErrUnsupported)
	case kind == 0:
		offset, length := id.uint(h.offsetSize), id.uint(h.lengthSize)
		if id.err != nil {
			return nil, id.err
		}
		return h.managed(offset, length)
	case kind == 1:
		key := id.uint(int(min(h.idLength-1, 8)))
		if h.huge == nil {
			if err := h.readHuge(); err != nil {
				return nil, err
			}
		}
		b, ok := h.huge[key]
		if !ok {
			return nil, id.errorf(0, "a huge object %d that is not in the heap", key)
		}
		return h.file.read(h.path, b.address, b.length)
	case kind == 2 && h.idLength <= 17:
		c := id.sub(uint64(head&0x0f) + 1)
		return c, c.err
	}
	return nil, id.errorf(0, "a heap identifier of another kind: %w", ErrUnsupported)
}

// readHuge reads the index of the objects that are too large for the heap's blocks and
// therefore lie outside of them.
func (h *fractalHeap) readHuge() error {
	h.huge = map[uint64]block{}
	return h.btree2(h.hugeIndex, recordHuge, func(c *cursor) error {
		b := block{address: c.u64(), length: c.u64()}
		h.huge[c.u64()] = b
		return c.err
	})
}

// managed returns length bytes at an offset of the heap's address space.
func (h *fractalHeap) managed(offset, length uint64) (*cursor, error) {
	at, size := h.root, h.startSize
	base := uint64(0) // heap offset of the block's first byte
	for rows, depth := h.rootRows, 0; rows > 0; depth++ {
		if depth > maxDepth {
			return nil, h.errorf(at, "the fractal heap points back to itself")
		}
		child, err := h.child(at, rows, offset-base)
		if err != nil {
			return nil, err
		}
		at, base, size = child.address, base+child.base, child.size
		rows = 0
		if size > h.maxDirect {
			// A nested table has rows for exactly size bytes.
			rows = uint64(bits.Len64(size) - bits.Len64(h.startSize*h.width) + 1)
		}
	}
	if offset-base > size || length > size-(offset-base) {
		return nil, h.errorf(at, "an object of %d bytes at %d that reaches beyond its heap block", length, offset)
	}
	if err := h.checkDirect(at); err != nil {
		return nil, err
	}
	return h.file.read(h.path, at+offset-base, length)
}

// child is an entry of an indirect block.
type child struct{ address, base, size uint64 }

// child finds the entry of the indirect block at address that covers an
// offset relative to the block.
func (h *fractalHeap) child(address, rows, offset uint64) (child, error) {
	head := uint64(5 + 8 + h.offsetSize)
	c, err := h.readSummed("fractal heap table", "FHIB", address, head+rows*h.width*8+4)
	if err != nil {
		return child{}, err
	}
	c.skip(head - 4)
	var start uint64
	for row := range rows {
		size := h.startSize
		if row > 1 {
			size <<= row - 1
		}
		if size == 0 || size > 1<<56/h.width {
			break
		}
		if offset-start < size*h.width {
			column := (offset - start) / size
			c.skip((row*h.width + column) * 8)
			return child{c.u64(), start + column*size, size}, c.err
		}
		start += size * h.width
	}
	return child{}, h.errorf(address, "an offset beyond the end of the fractal heap")
}

// checkDirect verifies the header of a direct block.
func (h *fractalHeap) checkDirect(address uint64) error {
	c, err := h.file.read(h.path, address, 5)
	if err != nil {
		return err
	}
	c.magic("FHDB")
	return c.err
}
