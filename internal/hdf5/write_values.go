package hdf5

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// reference points to an object of the global heap, in file form.
type reference [16]byte

// check makes sure that the elements fill the shape.
func (a *Array) check() error {
	n := 1
	for _, dim := range a.Shape {
		if dim < 0 || dim > math.MaxInt32 || dim > 0 && n > math.MaxInt32/dim {
			return fmt.Errorf("shape %v", a.Shape)
		}
		n *= dim
	}
	var texts []string
	var have int
	switch data := a.Data.(type) {
	case []float32:
		have = len(data)
	case []float64:
		have = len(data)
	case []int64:
		have = len(data)
	case FixedStrings:
		have, texts = len(data), data
	case VariableStrings:
		have, texts = len(data), data
	default:
		return fmt.Errorf("values of type %T can't be written", a.Data)
	}
	if have != n {
		return fmt.Errorf("%d values for shape %v", have, a.Shape)
	}
	if len(a.Shape) > 32 { // H5S_MAX_RANK
		return fmt.Errorf("rank %d", len(a.Shape))
	}
	if slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, "\x00") }) {
		return errors.New("a text holds a zero byte")
	}
	return nil
}

// elementSize is the number of bytes of one stored element.
func (a *Array) elementSize() uint64 {
	switch data := a.Data.(type) {
	case []float32:
		return 4
	case VariableStrings, []reference:
		return 16
	case FixedStrings:
		width := 1
		for _, text := range data {
			width = max(width, len(text))
		}
		return uint64(width)
	}
	return 8
}

// bytes is the stored length.
func (a *Array) bytes() uint64 { return count(a.Shape) * a.elementSize() }

// writeElements writes the elements in file form, in blocks.
func writeElements(w io.Writer, a *Array) error {
	switch data := a.Data.(type) {
	case FixedStrings:
		width := int(a.elementSize())
		for _, text := range data {
			if _, err := io.WriteString(w, text+strings.Repeat("\x00", width-len(text))); err != nil {
				return err
			}
		}
		return nil
	case []float32:
		return inBlocks(w, data)
	case []float64:
		return inBlocks(w, data)
	case []int64:
		return inBlocks(w, data)
	case []reference:
		return inBlocks(w, data)
	}
	panic(fmt.Sprintf("hdf5: elements of type %T", a.Data)) // check has seen to it
}

func inBlocks[T any](w io.Writer, values []T) error {
	const block = 1 << 14
	for part := range slices.Chunk(values, block) {
		if err := binary.Write(w, binary.LittleEndian, part); err != nil {
			return err
		}
	}
	return nil
}

// The global heap's collections (section III.E).
const (
	collectionHead = 16
	heapObjectHead = 16
	// minCollection is the smallest that the library accepts.
	minCollection = 4096
)

// references puts texts into the global heap. An empty text needs no place.
func (p *plan) references(texts []string) []reference {
	refs := make([]reference, len(texts))
	for i, text := range texts {
		if text == "" {
			continue
		}
		need := heapObjectHead + (len(text)+7)&^7
		if p.heap != nil && collectionHead+p.heap.Len()+need > minCollection {
			p.closeHeap()
		}
		if p.heap == nil {
			p.heap, p.stored = newEncoder(), 0
			p.heapAt = p.reserve(uint64(max(minCollection, collectionHead+need)))
		}
		p.stored++
		p.heap.u16(uint16(p.stored), 1) // index, reference count
		p.heap.u32(0)
		p.heap.u64(uint64(len(text)))
		p.heap.WriteString(text)
		p.heap.pad()
		binary.LittleEndian.PutUint32(refs[i][0:], uint32(len(text)))
		binary.LittleEndian.PutUint64(refs[i][4:], p.heapAt)
		binary.LittleEndian.PutUint32(refs[i][12:], uint32(p.stored))
	}
	return refs
}

// closeHeap finishes the collection that is being filled. What is left of it is
// object 0, the free space; less than an object's head is left without.
func (p *plan) closeHeap() {
	if p.heap == nil {
		return
	}
	length := max(minCollection, collectionHead+p.heap.Len())
	e := newEncoder()
	e.WriteString("GCOL")
	e.Write([]byte{1, 0, 0, 0})
	e.u64(uint64(length))
	e.Write(p.heap.Bytes())
	if free := length - e.Len(); free >= heapObjectHead {
		e.u64(0, uint64(free))
	}
	e.Write(make([]byte, length-e.Len()))
	// Its place was reserved when it was begun; pieces are kept in file order.
	i, _ := slices.BinarySearchFunc(p.pieces, p.heapAt, func(a piece, at uint64) int {
		if a.at < at {
			return -1
		}
		return 1
	})
	p.pieces = slices.Insert(p.pieces, i, piece{at: p.heapAt, bytes: e.Bytes()})
	p.heap = nil
}
