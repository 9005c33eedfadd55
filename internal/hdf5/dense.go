package hdf5

import (
	"math/bits"
)

// Record types of the version-2 B-trees that index dense storage (section
// III.A.2).
const (
	recordHuge          = 1
	recordLinkName      = 5
	recordAttributeName = 8
)

// denseRecords calls visit with each link or attribute message that dense
// storage holds: the B-tree of the given record type names objects of a
// fractal heap.
func (o *object) denseRecords(heapAddress, index uint64, record uint8, visit func(*cursor) error) error {
	heap, err := o.openFractalHeap(heapAddress)
	if err != nil {
		return err
	}
	return o.btree2(index, record, func(c *cursor) error {
		if record == recordLinkName {
			c.skip(4) // hash of the name
		}
		id := c.sub(heap.idLength)
		if record == recordAttributeName {
			if flags := c.u8(); flags&messageShared != 0 {
				return c.errorf(c.pos-1, "a shared attribute: %w", ErrUnsupported)
			}
		}
		if c.err != nil {
			return c.err
		}
		message, err := heap.get(id)
		if err != nil {
			return err
		}
		return visit(message)
	})
}

// encodedSize is the number of bytes that HDF5 uses for numbers up to limit.
func encodedSize(limit uint64) int { return (bits.Len64(limit)-1)/8 + 1 }

// btree2 holds what the header of a version-2 B-tree says of its nodes.
type btree2 struct {
	*object
	kind        uint8
	nodeSize    uint64
	recordSize  uint64
	countSize   int   // bytes of a node's record count
	totalSizes  []int // by depth: bytes of a subtree's record count
	seen        map[uint64]bool
	visitRecord func(*cursor) error
}

// btree2 calls visit with each record of a version-2 B-tree in its order.
func (o *object) btree2(address uint64, kind uint8, visit func(*cursor) error) error {
	c, err := o.file.read(o.path, address, 38)
	if err != nil {
		return err
	}
	if err := o.file.checkSum(c.b, "B-tree header", address, o.path); err != nil {
		return err
	}
	c.magic("BTHD")
	version := c.u8()
	t := &btree2{object: o, kind: c.u8(), seen: map[uint64]bool{}, visitRecord: visit}
	t.nodeSize, t.recordSize = uint64(c.u32()), uint64(c.u16())
	depth := int(c.u16())
	c.skip(2) // split and merge percent
	root, rootCount := c.u64(), uint64(c.u16())
	if c.err != nil {
		return c.err
	}
	const overhead = 4 + 1 + 1 + 4 // signature, version, type, checksum
	if version != 0 || t.kind != kind {
		return c.errorf(4, "B-tree of version %d and type %d: %w", version, t.kind, ErrUnsupported)
	}
	if t.recordSize == 0 || t.nodeSize < overhead+t.recordSize || t.nodeSize > o.file.size || depth > maxDepth {
		return c.errorf(6, "B-tree with nodes of %d bytes, records of %d bytes and depth %d", t.nodeSize, t.recordSize, depth)
	}
	if rootCount == 0 {
		return nil
	}
	// Section III.A.2 leaves the widths of the counts to these maxima.
	leafMost := (t.nodeSize - overhead) / t.recordSize
	t.countSize = encodedSize(leafMost)
	t.totalSizes = []int{0}
	most := leafMost
	for d := 1; d <= depth; d++ {
		pointer := uint64(8 + t.countSize + t.totalSizes[d-1])
		if t.nodeSize < overhead+pointer {
			return c.errorf(6, "B-tree nodes of %d bytes are too small", t.nodeSize)
		}
		n := (t.nodeSize - overhead - pointer) / (t.recordSize + pointer)
		high, low := bits.Mul64(n+1, most)
		if high != 0 || low+n < low {
			return c.errorf(10, "B-tree of depth %d is too deep", depth)
		}
		most = low + n
		t.totalSizes = append(t.totalSizes, encodedSize(most))
	}
	return t.node(root, rootCount, depth)
}

// node visits the records of a node and of all nodes below it.
func (t *btree2) node(address, count uint64, depth int) error {
	if t.seen[address] {
		return t.errorf(address, "the B-tree points back to itself")
	}
	t.seen[address] = true
	length := 6 + count*t.recordSize + 4
	if depth > 0 {
		length += (count + 1) * uint64(8+t.countSize+t.totalSizes[depth-1])
	}
	if length > t.nodeSize {
		return t.errorf(address, "%d records in a B-tree node of %d bytes", count, t.nodeSize)
	}
	c, err := t.file.read(t.path, address, length)
	if err != nil {
		return err
	}
	if err := t.file.checkSum(c.b, "B-tree node", address, t.path); err != nil {
		return err
	}
	if depth > 0 {
		c.magic("BTIN")
	} else {
		c.magic("BTLF")
	}
	c.skip(1) // version
	if kind := c.u8(); c.err == nil && kind != t.kind {
		c.fail("B-tree node of type %d instead of %d", kind, t.kind)
	}
	records := make([]*cursor, count)
	for i := range records {
		records[i] = c.sub(t.recordSize)
	}
	if c.err != nil {
		return c.err
	}
	for i := range count + 1 {
		if depth > 0 {
			child, n := c.u64(), c.uint(t.countSize)
			c.skip(uint64(t.totalSizes[depth-1]))
			if c.err != nil {
				return c.err
			}
			if err := t.node(child, n, depth-1); err != nil {
				return err
			}
		}
		if i < count {
			if err := t.visitRecord(records[i]); err != nil {
				return err
			}
		}
	}
	return nil
}
