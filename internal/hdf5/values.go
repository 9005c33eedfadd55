package hdf5

import (
	"bytes"
	"fmt"
)

// values holds the elements of an attribute or a dataset as the file stores them.
type values struct {
	*object
	name string // name of the attribute, for errors; empty for a dataset
	kind datatype
	n    uint64
	raw  []byte
	at   uint64
}

func (v *values) errorf(format string, args ...any) error {
	object := v.path
	if v.name != "" {
		object += " attribute " + v.name
	}
	return &FormatError{Object: object, Offset: v.at, Err: fmt.Errorf(format, args...)}
}

// check returns an error unless raw holds all elements; it comes before any allocation.
func (v *values) check() error {
	if v.n > uint64(len(v.raw))/v.kind.size {
		return v.errorf("%d elements of %d bytes in %d bytes", v.n, v.kind.size, len(v.raw))
	}
	return nil
}

func (v *values) element(i int) []byte {
	size := int(v.kind.size)
	return v.raw[i*size : (i+1)*size]
}

// float32s converts numbers; an integer that float32 cannot hold is an error.
func (v *values) float32s() ([]float32, error) {
	if err := v.check(); err != nil {
		return nil, err
	}
	if v.n > 0 && !v.kind.isNumber() {
		return nil, v.errorf("type %s where numbers are wanted", v.kind)
	}
	out, err := v.kind.number().Float32s(v.raw, int(v.n))
	if err != nil {
		return nil, v.errorf("%w", err)
	}
	return out, nil
}

// strings returns texts. No elements give no texts, whatever their type: Keras writes an
// empty list of names as float64.
func (v *values) strings() ([]string, error) {
	if v.n == 0 {
		return nil, nil
	}
	if err := v.check(); err != nil {
		return nil, err
	}
	if v.kind.class != classString && !(v.kind.class == classVariable && v.kind.text) {
		return nil, v.errorf("type %s where strings are wanted", v.kind)
	}
	out := make([]string, v.n)
	for i := range out {
		raw := v.element(i)
		if v.kind.class == classVariable {
			text, err := v.variable(raw)
			if err != nil {
				return nil, err
			}
			out[i] = text
			continue
		}
		if end := bytes.IndexByte(raw, 0); end >= 0 {
			raw = raw[:end]
		}
		out[i] = string(raw)
	}
	return out, nil
}

// variable returns the string at a 16-byte reference into a global heap.
func (v *values) variable(raw []byte) (string, error) {
	c := &cursor{b: raw, object: v.path, offset: v.at}
	length, address, index := uint64(c.u32()), c.u64(), c.u32()
	if length == 0 {
		return "", nil
	}
	heap, err := v.file.globalHeap(v.path, address)
	if err != nil {
		return "", err
	}
	data, ok := heap.objects[index]
	if !ok || length > uint64(len(data)) {
		return "", v.errorf("a string of %d bytes that is not in the global heap at byte %d", length, address)
	}
	data = data[:length]
	for len(data) > 0 && data[len(data)-1] == 0 {
		data = data[:len(data)-1]
	}
	return data, nil
}

// globalHeap is one collection of the global heap (section III.E). Its objects
// share the memory of one string.
type globalHeap struct {
	objects map[uint32]string
}

func (f *File) globalHeap(object string, address uint64) (*globalHeap, error) {
	if heap := f.heaps[address]; heap != nil {
		return heap, nil
	}
	head, err := f.read(object, address, 16)
	if err != nil {
		return nil, err
	}
	head.magic("GCOL")
	version := head.u8()
	head.skip(3)
	length := head.u64()
	if head.err != nil {
		return nil, head.err
	}
	if version != 1 {
		return nil, head.errorf(4, "global heap version %d: %w", version, ErrUnsupported)
	}
	c, err := f.read(object, address, length)
	if err != nil {
		return nil, err
	}
	text := string(c.b)
	heap := &globalHeap{objects: map[uint32]string{}}
	c.skip(16)
	for c.left() >= 16 {
		index := uint32(c.u16())
		c.skip(6) // reference count, reserved
		size := c.u64()
		if index == 0 { // free space up to the end
			break
		}
		start := c.pos
		c.skip(size)
		if c.err != nil {
			return nil, c.err
		}
		heap.objects[index] = text[start:c.pos]
		if c.left() > 0 {
			c.align(8)
		}
	}
	if c.err != nil {
		return nil, c.err
	}
	f.heaps[address] = heap
	return heap, nil
}
