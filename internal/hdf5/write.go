package hdf5

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Tree is a group to be written, with everything below it. The zero value is an
// empty group, ready to use.
type Tree struct {
	attrs    []namedArray
	children map[string]*branch
}

// branch is one link of a Tree: a group or a dataset.
type branch struct {
	group *Tree
	data  *Array
}

type namedArray struct {
	name string
	Array
}

// Array is the value of a dataset or of an attribute to be written. Data holds
// the elements in C order as []float32, []float64, []int64, FixedStrings or
// VariableStrings. A scalar has a nil Shape.
type Array struct {
	Shape []int
	Data  any
}

// FixedStrings are stored in elements of equal length, padded with zero bytes,
// as h5py stores NumPy arrays of type S.
type FixedStrings []string

// VariableStrings are stored one by one in the global heap, as h5py stores
// Python's texts.
type VariableStrings []string

// Texts is a one-dimensional array of strings of equal length.
func Texts(texts ...string) Array { return Array{[]int{len(texts)}, FixedStrings(texts)} }

// Text is a single string of variable length.
func Text(text string) Array { return Array{nil, VariableStrings{text}} }

// Group returns the group at path, which is relative to t and may have several parts,
// and makes the groups that are missing. A dataset on the way is an error.
func (t *Tree) Group(path string) (*Tree, error) {
	at := t
	for part := range strings.SplitSeq(path, "/") {
		if err := checkLinkName(part); err != nil {
			return nil, fmt.Errorf("group %q: %w", path, err)
		}
		child := at.children[part]
		switch {
		case child == nil:
			child = &branch{group: &Tree{}}
			at.link(part, child)
		case child.group == nil:
			return nil, fmt.Errorf("group %q: %q is a dataset", path, part)
		}
		at = child.group
	}
	return at, nil
}

// Dataset puts a dataset at path, making the groups that lead to it.
func (t *Tree) Dataset(path string, value Array) error {
	if err := value.check(); err != nil {
		return fmt.Errorf("dataset %q: %w", path, err)
	}
	at, name := t, path
	if slash := strings.LastIndexByte(path, '/'); slash >= 0 {
		var err error
		if at, err = t.Group(path[:slash]); err != nil {
			return fmt.Errorf("dataset %q: %w", path, err)
		}
		name = path[slash+1:]
	}
	if err := checkLinkName(name); err != nil {
		return fmt.Errorf("dataset %q: %w", path, err)
	}
	if at.children[name] != nil {
		return fmt.Errorf("dataset %q: there is something of that name", path)
	}
	at.link(name, &branch{data: &value})
	return nil
}

// SetAttr gives the group an attribute. The file has attributes in the order of the calls.
func (t *Tree) SetAttr(name string, value Array) error {
	err := value.check()
	if err == nil && (name == "" || strings.Contains(name, "\x00") || len(name) > maxNameLength) {
		err = errors.New("its name is empty, too long or holds a zero byte")
	}
	if err == nil && slices.ContainsFunc(t.attrs, func(a namedArray) bool { return a.name == name }) {
		err = errors.New("it is set already")
	}
	if err != nil {
		return fmt.Errorf("attribute %q: %w", name, err)
	}
	t.attrs = append(t.attrs, namedArray{name, value})
	return nil
}

func (t *Tree) link(name string, b *branch) {
	if t.children == nil {
		t.children = map[string]*branch{}
	}
	t.children[name] = b
}

// checkLinkName refuses the names that this package's reader refuses.
func checkLinkName(name string) error {
	if name == "" || name == "." || len(name) > maxNameLength || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("%q is no name of a link", name)
	}
	return nil
}

// Write writes root as an HDF5 file that every version of the HDF5 library
// reads: superblock 0, version-1 groups and object headers, contiguous
// datasets, no time stamps. Equal trees give equal bytes.
func Write(w io.Writer, root *Tree) error {
	p := &plan{at: superblockLength}
	address, err := p.group("/", root, 0)
	if err != nil {
		return err
	}
	p.closeHeap()
	head := newEncoder()
	head.superblock(address, p)
	position := uint64(0)
	for _, piece := range slices.Concat([]piece{{0, head.Bytes(), nil}}, p.pieces) {
		// Zeros up to the next alignment come first.
		if _, err := w.Write(append(make([]byte, piece.at-position), piece.bytes...)); err != nil {
			return err
		}
		position = piece.at + uint64(len(piece.bytes))
		if piece.data != nil {
			if err := writeElements(w, piece.data); err != nil {
				return err
			}
			position += piece.data.bytes()
		}
	}
	_, err = w.Write(make([]byte, p.at-position))
	return err
}

// plan places the parts of a file one after the other before any is written.
type plan struct {
	at     uint64 // where the next part goes
	pieces []piece
	heap   *encoder // objects of the unfinished global heap collection, nil if there is none
	heapAt uint64
	stored int // objects in heap

	rootTree, rootHeap uint64 // addresses for the group planned last, which is the root in the end
}

// piece is a part of the file: bytes, or a dataset's elements in data.
type piece struct {
	at    uint64
	bytes []byte
	data  *Array
}

// place reserves room for bytes, aligned to 8.
func (p *plan) place(bytes []byte) uint64 {
	at := p.reserve(uint64(len(bytes)))
	p.pieces = append(p.pieces, piece{at: at, bytes: bytes})
	return at
}

func (p *plan) reserve(n uint64) uint64 {
	at := p.at
	p.at += (n + 7) &^ 7
	return at
}

// group plans everything below a group and then the group's own parts.
func (p *plan) group(path string, t *Tree, depth int) (header uint64, err error) {
	if depth > maxDepth {
		return 0, fmt.Errorf("groups nest deeper than %d", maxDepth)
	}
	links := make([]link, 0, len(t.children))
	for name := range t.children {
		links = append(links, link{name: name})
	}
	slices.SortFunc(links, func(a, b link) int { return strings.Compare(a.name, b.name) })
	for i := range links {
		child, below := t.children[links[i].name], strings.TrimSuffix(path, "/")+"/"+links[i].name
		if child.group != nil {
			links[i].address, err = p.group(below, child.group, depth+1)
		} else {
			links[i].address, err = p.dataset(below, child.data)
		}
		if err != nil {
			return 0, err
		}
	}
	p.rootTree, p.rootHeap = p.symbolTable(links)
	e := newEncoder()
	e.message(msgSymbolTable, func(e *encoder) { e.u64(p.rootTree, p.rootHeap) })
	for _, a := range t.attrs {
		if err := p.attribute(e, a); err != nil {
			return 0, fmt.Errorf("%s: attribute %q: %w", path, a.name, err)
		}
	}
	return p.place(e.objectHeader()), nil
}

// dataset plans a dataset's elements and header.
func (p *plan) dataset(path string, value *Array) (header uint64, err error) {
	address, length := uint64(undefined), value.bytes()
	stored := value
	if texts, ok := value.Data.(VariableStrings); ok {
		stored = &Array{value.Shape, p.references(texts)}
	}
	if length > 0 {
		address = p.reserve(length)
		p.pieces = append(p.pieces, piece{at: address, data: stored})
	}
	e := newEncoder()
	e.message(msgDataspace, func(e *encoder) { e.dataspace(value.Shape) })
	e.message(msgDatatype, func(e *encoder) { e.datatype(value.Data) })
	// Version 2; allocated late, written if set; the default value, zero.
	e.message(msgFillValue, func(e *encoder) { e.Write([]byte{2, 2, 2, 1, 0, 0, 0, 0}) })
	e.message(msgLayout, func(e *encoder) {
		e.Write([]byte{3, storageContiguous})
		e.u64(address, length)
	})
	return p.place(e.objectHeader()), nil
}

// maxMessage is the greatest 16-bit length of a header message, a multiple of 8.
const maxMessage = 1<<16 - 8

// attribute adds a version-3 attribute message.
func (p *plan) attribute(e *encoder, a namedArray) error {
	kind, space := newEncoder(), newEncoder()
	kind.datatype(a.Data)
	space.dataspace(a.Shape)
	stored := a.Array
	if texts, ok := a.Data.(VariableStrings); ok {
		stored.Data = p.references(texts)
	}
	if size := 9 + uint64(len(a.name)) + 1 + uint64(kind.Len()+space.Len()) + stored.bytes(); size > maxMessage {
		return fmt.Errorf("it takes %d bytes; HDF5 stores at most %d in an attribute", size, maxMessage)
	}
	var err error
	e.message(msgAttribute, func(e *encoder) {
		e.Write([]byte{3, 0})
		e.u16(uint16(len(a.name)+1), uint16(kind.Len()), uint16(space.Len()))
		e.WriteByte(charset(a.name))
		e.WriteString(a.name + "\x00")
		e.Write(kind.Bytes())
		e.Write(space.Bytes())
		err = writeElements(e, &stored)
	})
	return err
}
