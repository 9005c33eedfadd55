package hdf5

import (
	"fmt"
	"strings"
)

// Attr is an attribute: a small named array of an object.
type Attr struct {
	values
	shape []int
	err   error // the reason why the value can't be read
}

// Shape returns the dimensions, none for a scalar.
func (a *Attr) Shape() []int { return a.shape }

// Strings returns the value of a string attribute, of fixed or variable
// length, without padding. An attribute without elements gives no strings, whatever its
// type.
func (a *Attr) Strings() ([]string, error) {
	if a.err != nil {
		return nil, a.err
	}
	return a.strings()
}

// Attr returns the named attribute. The error wraps ErrNotFound if the object has no
// attribute with the name.
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

// Attrs returns all attributes of the object in the order of the file. An attribute of an
// unsupported type gives its error when its value is read.
func (o *object) Attrs() ([]*Attr, error) {
	var attrs []*Attr
	err := o.each(attributeStorage, func(c *cursor) error {
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
