package hdf5

import (
	"fmt"
	"strings"
)

// Attr is an attribute: a small named array of an object.
type Attr struct {
	values
	shape []int
	err   error // why the value can't be read
}

// Name returns the name of the attribute.
func (a *Attr) Name() string { return a.name }

// Shape returns the dimensions, none for a scalar.
func (a *Attr) Shape() []int { return a.shape }

// Strings returns the value of a string attribute, of fixed or variable
// length, without padding. An attribute without elements gives none, whatever
// its type.
func (a *Attr) Strings() ([]string, error) {
	if a.err != nil {
		return nil, a.err
	}
	return a.strings()
}

// Int64s returns the value of an integer attribute.
func (a *Attr) Int64s() ([]int64, error) {
	if a.err != nil {
		return nil, a.err
	}
	return a.int64s()
}

// Attr returns the named attribute. The error wraps ErrNotFound if the object
// has none of that name.
func (o *object) Attr(name string) (*Attr, error) {
	attrs, err := o.Attrs()
	if err != nil {
		return nil, err
	}
	for _, a := range attrs {
		if a.name == name {
			return a, nil
		}
	}
	return nil, o.errorf(o.address, "attribute %q: %w", name, ErrNotFound)
}

// Attrs returns all attributes of the object in the order of the file.
// One of an unsupported type is among them and fails when it is read.
func (o *object) Attrs() ([]*Attr, error) {
	var attrs []*Attr
	for i := range o.messages {
		m := &o.messages[i]
		if m.kind != msgAttribute {
			continue
		}
		if m.flags&messageShared != 0 {
			return nil, o.errorf(m.at, "a shared attribute: %w", ErrUnsupported)
		}
		a, err := o.readAttr(o.cursor(m))
		if err != nil {
			return nil, err
		}
		attrs = append(attrs, a)
	}
	m := o.find(msgAttributeInfo)
	if m == nil {
		return attrs, nil
	}
	c := o.cursor(m)
	version, flags := c.u8(), c.u8()
	if version != 0 {
		return nil, c.errorf(0, "attribute info version %d: %w", version, ErrUnsupported)
	}
	if flags&1 != 0 {
		c.skip(2) // highest creation order
	}
	heap, index := c.u64(), c.u64()
	if c.err != nil || heap == undefined {
		return attrs, c.err
	}
	err := o.denseRecords(heap, index, recordAttributeName, func(c *cursor) error {
		a, err := o.readAttr(c)
		attrs = append(attrs, a)
		return err
	})
	return attrs, err
}

// readAttr decodes an attribute message of version 1, 2 or 3 (section
// IV.A.2.m).
func (o *object) readAttr(c *cursor) (*Attr, error) {
	version, flags := c.u8(), c.u8()
	nameLength, typeLength, spaceLength := uint64(c.u16()), uint64(c.u16()), uint64(c.u16())
	if c.err == nil && (version < 1 || version > 3) {
		c.err = c.errorf(0, "attribute version %d: %w", version, ErrUnsupported)
	}
	if version == 3 {
		c.skip(1) // character set of the name
	}
	field := func(n uint64) *cursor {
		part := c.sub(n)
		if version == 1 {
			// Version 1 pads each field to 8 bytes, counted from the first.
			c.skip((8 - n%8) % 8)
		}
		return part
	}
	name := field(nameLength)
	kind, space := field(typeLength), field(spaceLength)
	if c.err != nil {
		return nil, c.err
	}
	a := &Attr{values: values{object: o, raw: c.b[c.pos:], at: c.offset + uint64(c.pos)}}
	a.name, _, _ = strings.Cut(string(name.b), "\x00")
	if version > 1 && flags&3 != 0 {
		a.err = fmt.Errorf("%s attribute %s: a shared type: %w", o.path, a.name, ErrUnsupported)
		return a, nil
	}
	if a.shape, a.err = readDataspace(space); a.err != nil {
		return a, nil
	}
	a.n = count(a.shape)
	a.kind, a.err = readDatatype(kind)
	return a, nil
}
