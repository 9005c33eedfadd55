package hdf5

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/internal/numbers"
)

// reference points to an object of the global heap, in file form.
type reference [16]byte

// check returns an error unless the elements fill the shape and can be written.
func (a *Array) check() error {
	n, err := numbers.Count(a.Shape)
	if err != nil {
		return err
	}
	have, _, texts := a.elements()
	switch {
	case have < 0:
		return fmt.Errorf("values of type %T can't be written", a.Data)
	case have != n:
		return fmt.Errorf("%d values for shape %v", have, a.Shape)
	case len(a.Shape) > maxRank:
		return fmt.Errorf("rank %d", len(a.Shape))
	case slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, "\x00") }):
		return errors.New("a text holds a zero byte")
	}
	return nil
}

// elements returns the number of elements, -1 for an unknown type, the stored bytes of
// each, and the texts if the elements are texts.
func (a *Array) elements() (n int, size uint64, texts []string) {
	switch data := a.Data.(type) {
	case []float32:
		return len(data), 4, nil
	case []float64:
		return len(data), 8, nil
	case []int64:
		return len(data), 8, nil
	case []reference:
		return len(data), 16, nil
	case VariableStrings:
		return len(data), 16, data
	case FixedStrings:
		width := 1
		for _, text := range data {
			width = max(width, len(text))
		}
		return len(data), uint64(width), data
	}
	return -1, 0, nil
}

func (a *Array) elementSize() uint64 {
	_, size, _ := a.elements()
	return size
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
		return numbers.Write(w, data)
	case []float64:
		return numbers.Write(w, data)
	case []int64:
		return numbers.Write(w, data)
	case []reference:
		return numbers.Write(w, data)
	}
	panic(fmt.Sprintf("hdf5: elements of type %T", a.Data)) // check refuses them
}

// The global heap's collections (section III.E).
const (
	collectionHead = 16
	heapObjectHead = 16
	// minCollection is the size of the smallest collection that the library accepts.
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

// closeHeap finishes the collection that references fills. The rest of the collection
// becomes object 0, the free space, if it has room for an object's head.
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
	// references reserved the place when it began the collection; pieces are in file order.
	i, _ := slices.BinarySearchFunc(p.pieces, p.heapAt, func(a piece, at uint64) int {
		if a.at < at {
			return -1
		}
		return 1
	})
	p.pieces = slices.Insert(p.pieces, i, piece{at: p.heapAt, bytes: e.Bytes()})
	p.heap = nil
}
