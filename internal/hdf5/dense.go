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

// storage says how an object keeps its links or its attributes: one message each in its
// header, or, when they are many, in a fractal heap that an info message names.
type storage struct {
	what          string
	kind, info    uint16 // types of the messages
	creationOrder uint64 // bytes of the highest creation order in the info message
	record        uint8  // type of the records in the heap's index
}

var (
	linkStorage      = storage{"link", msgLink, msgLinkInfo, 8, recordLinkName}
	attributeStorage = storage{"attribute", msgAttribute, msgAttributeInfo, 2, recordAttributeName}
)

// each calls visit with every link message or attribute message of the object (sections
// IV.A.2.c and IV.A.2.v).
func (o *object) each(s storage, visit func(*cursor) error) error {
	for i := range o.messages {
		m := &o.messages[i]
		if m.kind != s.kind {
			continue
		}
		if m.flags&messageShared != 0 {
			return o.errorf(m.at, "a shared %s: %w", s.what, ErrUnsupported)
		}
		if err := visit(o.cursor(m)); err != nil {
			return err
		}
	}
	m := o.find(s.info)
	if m == nil {
		return nil
	}
	c := o.cursor(m)
	version, flags := c.u8(), c.u8()
	if version != 0 {
		return c.errorf(0, "%s info version %d: %w", s.what, version, ErrUnsupported)
	}
	if flags&1 != 0 {
		c.skip(s.creationOrder)
	}
	address, index := c.u64(), c.u64()
	if c.err != nil || address == undefined {
		return c.err
	}
	heap, err := o.openFractalHeap(address)
	if err != nil {
		return err
	}
	return o.btree2(index, s.record, func(c *cursor) error {
		if s.record == recordLinkName {
			c.skip(4) // hash of the name
		}
		id := c.sub(heap.idLength)
		if s.record == recordAttributeName {
			if flags := c.u8(); flags&messageShared != 0 {
				return c.errorf(c.pos-1, "a shared %s: %w", s.what, ErrUnsupported)
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

// btree2 holds the properties of a version-2 B-tree's nodes, from its header.
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
	c, err := o.readSummed("B-tree header", "BTHD", address, 38)
	if err != nil {
		return err
	}
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
	// The widths of the counts follow from the greatest counts (section III.A.2).
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
	signature := "BTLF"
	if depth > 0 {
		signature = "BTIN"
	}
	c, err := t.readSummed("B-tree node", signature, address, length)
	if err != nil {
		return err
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
