package hdf5

import (
	"bytes"
	"encoding/binary"
)

// msgFillValue is a message type that only Write needs.
const msgFillValue = 0x05

// Sizes of the parts of version-1 groups, which the superblock states (section II.A).
const (
	groupLeafK     = 4  // half the entries of a symbol node
	groupInternalK = 16 // half the children of a B-tree node

	superblockLength = 96
)

// encoder writes little-endian fields one after the other.
type encoder struct{ bytes.Buffer }

func newEncoder() *encoder { return &encoder{} }

func (e *encoder) u16(values ...uint16) {
	for _, v := range values {
		e.Write(binary.LittleEndian.AppendUint16(nil, v))
	}
}

func (e *encoder) u32(values ...uint32) {
	for _, v := range values {
		e.Write(binary.LittleEndian.AppendUint32(nil, v))
	}
}

func (e *encoder) u64(values ...uint64) {
	for _, v := range values {
		e.Write(binary.LittleEndian.AppendUint64(nil, v))
	}
}

// pad adds zeros up to a multiple of 8.
func (e *encoder) pad() {
	if rest := e.Len() % 8; rest != 0 {
		e.Write(make([]byte, 8-rest))
	}
}

// superblock writes version 0 of the superblock for the planned file.
func (e *encoder) superblock(root uint64, p *plan) {
	e.Write(signature)
	e.Write([]byte{0, 0, 0, 0, 0, 8, 8, 0}) // versions; bytes of offsets and lengths
	e.u16(groupLeafK, groupInternalK)
	e.u32(0)
	e.u64(0, undefined, p.at, undefined) // base, free space, end, driver information
	e.u64(0, root)                       // the root's symbol table entry, with its table cached
	e.u32(1, 0)
	e.u64(p.rootTree, p.rootHeap)
}

// message appends a version-1 header message, padded to 8 bytes.
func (e *encoder) message(kind uint16, body func(e *encoder)) {
	content := newEncoder()
	body(content)
	content.pad()
	e.u16(kind, uint16(content.Len()))
	e.u32(0) // flags, reserved
	e.Write(content.Bytes())
}

// objectHeader is a version-1 object header with the messages in e.
func (e *encoder) objectHeader() []byte {
	messages := 0
	for at := 0; at < e.Len(); messages++ {
		at += 8 + int(binary.LittleEndian.Uint16(e.Bytes()[at+2:]))
	}
	head := newEncoder()
	head.u16(1, uint16(messages))
	head.u32(1, uint32(e.Len()), 0) // reference count, length, reserved
	head.Write(e.Bytes())
	return head.Bytes()
}

// dataspace writes version 1 of the message, without maximal dimensions.
func (e *encoder) dataspace(shape []int) {
	e.Write([]byte{1, byte(len(shape)), 0, 0, 0, 0, 0, 0})
	for _, dim := range shape {
		e.u64(uint64(dim))
	}
}

// datatype writes version 1 of the message (section IV.A.2.d).
func (e *encoder) datatype(data any) {
	const version = 1 << 4
	switch data := data.(type) {
	case []float32, []float64:
		size := (&Array{Data: data}).elementSize()
		bits, layout := 8*size, ieee[size]
		e.Write([]byte{version | byte(classFloat), 0x20, byte(bits - 1), 0}) // implied first bit; where the sign is
		e.u32(uint32(size))
		e.u16(0, uint16(bits))
		e.Write([]byte{layout.exponentAt, layout.exponentBits, 0, layout.mantissaBits})
		e.u32(layout.bias)
	case []int64:
		e.Write([]byte{version | byte(classInteger), 0x08, 0, 0}) // signed
		e.u32(8)
		e.u16(0, 64)
	case FixedStrings:
		e.Write([]byte{version | byte(classString), 1 | charset(data...)<<4, 0, 0}) // padded with zeros
		e.u32(uint32((&Array{Data: data}).elementSize()))
	case VariableStrings:
		e.Write([]byte{version | byte(classVariable), 1, charset(data...), 0}) // of characters
		e.u32(16)
		e.Write([]byte{version | byte(classInteger), 0, 0, 0})
		e.u32(1)
		e.u16(0, 8)
	}
}

// charset is HDF5's number of a character set: 1, UTF-8, if a text is not ASCII, else 0.
func charset(texts ...string) byte {
	for _, text := range texts {
		for i := range len(text) {
			if text[i] >= 0x80 {
				return 1
			}
		}
	}
	return 0
}

// symbolTable plans a version-1 group of links, which are sorted by name: a local heap
// with the names, symbol nodes, and a B-tree over the nodes (sections III.A.1, III.B
// and III.D).
func (p *plan) symbolTable(links []link) (tree, heap uint64) {
	names := newEncoder()
	names.u64(0) // the empty name
	offsets := make([]uint64, len(links))
	for i, l := range links {
		offsets[i] = uint64(names.Len())
		names.WriteString(l.name + "\x00")
		names.pad()
	}
	data := p.place(names.Bytes())
	e := newEncoder()
	e.WriteString("HEAP")
	e.u32(0)
	e.u64(uint64(names.Len()), 1, data) // 1: no free space
	heap = p.place(e.Bytes())

	// Every node but the last is full, which the library accepts.
	var nodes []treeNode
	for start := 0; start < len(links); start += 2 * groupLeafK {
		end := min(start+2*groupLeafK, len(links))
		e := newEncoder()
		e.WriteString("SNOD")
		e.Write([]byte{1, 0})
		e.u16(uint16(end - start))
		for i := start; i < end; i++ {
			e.u64(offsets[i], links[i].address)
			e.u64(0, 0, 0) // nothing cached
		}
		e.Write(make([]byte, 8+2*groupLeafK*40-e.Len()))
		nodes = append(nodes, treeNode{p.place(e.Bytes()), offsets[end-1]})
	}
	return p.btree(nodes, 0), heap
}

// treeNode is a child of a B-tree node: its address and the heap offset of the
// greatest name below it.
type treeNode struct{ address, last uint64 }

// btree plans the nodes of one level over the given children, then the levels above, and
// returns the root. Every node has the full size, however many children it has: the
// library reads the full size.
func (p *plan) btree(children []treeNode, level uint8) uint64 {
	const most, length = 2 * groupInternalK, 24 + (4*groupInternalK+1)*8
	count := max(1, (len(children)+most-1)/most)
	first := p.at
	var nodes []treeNode
	previous := uint64(0) // the key left of everything: the empty name
	for i := range count {
		part := children[i*most : min((i+1)*most, len(children))]
		left, right := uint64(undefined), uint64(undefined)
		if i > 0 {
			left = p.at - length
		}
		if i < count-1 {
			right = p.at + length
		}
		e := newEncoder()
		e.WriteString("TREE")
		e.Write([]byte{0, level})
		e.u16(uint16(len(part)))
		e.u64(left, right, previous)
		for _, child := range part {
			e.u64(child.address, child.last)
			previous = child.last
		}
		e.Write(make([]byte, length-e.Len()))
		nodes = append(nodes, treeNode{p.place(e.Bytes()), previous})
	}
	if count == 1 {
		return first
	}
	return p.btree(nodes, level+1)
}
