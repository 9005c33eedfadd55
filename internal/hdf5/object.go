package hdf5

import (
	"fmt"
)

// Types of the header messages that this package reads (section IV.A.2).
const (
	msgDataspace     = 0x01
	msgLinkInfo      = 0x02
	msgDatatype      = 0x03
	msgLink          = 0x06
	msgLayout        = 0x08
	msgFilters       = 0x0b
	msgAttribute     = 0x0c
	msgContinuation  = 0x10
	msgSymbolTable   = 0x11
	msgAttributeInfo = 0x15
)

const messageShared = 1 << 1 // flag: the body lies in another object

// message is one object header message; body is its undecoded content.
type message struct {
	kind  uint16
	flags uint8
	body  []byte
	at    uint64
}

// object is an object header, read once, with the path that led to it.
type object struct {
	file     *File
	path     string
	address  uint64
	messages []message
}

func (o *object) errorf(at uint64, format string, args ...any) error {
	return &FormatError{Object: o.path, Offset: at, Err: fmt.Errorf(format, args...)}
}

// Path returns the path of the object in the file, starting with "/".
func (o *object) Path() string { return o.path }

func (o *object) isGroup() bool {
	return o.find(msgSymbolTable) != nil || o.find(msgLinkInfo) != nil || o.find(msgLink) != nil
}

func (o *object) isDataset() bool {
	return o.find(msgLayout) != nil && o.find(msgDatatype) != nil
}

// find returns the first message of a kind, or nil.
func (o *object) find(kind uint16) *message {
	for i := range o.messages {
		if o.messages[i].kind == kind {
			return &o.messages[i]
		}
	}
	return nil
}

// need returns a cursor over the only message of a kind.
func (o *object) need(kind uint16, what string) (*cursor, error) {
	m := o.find(kind)
	if m == nil {
		return nil, o.errorf(o.address, "no %s", what)
	}
	if m.flags&messageShared != 0 {
		return nil, o.errorf(m.at, "a shared %s: %w", what, ErrUnsupported)
	}
	return o.cursor(m), nil
}

func (o *object) cursor(m *message) *cursor {
	return &cursor{b: m.body, object: o.path, offset: m.at}
}

// block is a piece of an object header: the first one or a continuation.
type block struct{ address, length uint64 }

// openObject reads the object header at address with all its continuations.
func (f *File) openObject(path string, address uint64) (*object, error) {
	o := &object{file: f, path: path, address: address}
	probe, err := f.read(path, address, 8)
	if err != nil {
		return nil, err
	}
	switch {
	case string(probe.b[:4]) == "OHDR":
		err = o.readHeader2(probe.b[4], probe.b[5])
	case probe.b[0] == 1:
		err = o.readHeader1()
	default:
		err = probe.errorf(0, "no object header here")
	}
	if err != nil {
		return nil, err
	}
	return o, nil
}

// readHeader1 reads a version-1 object header (section IV.A.1.a).
func (o *object) readHeader1() error {
	c, err := o.file.read(o.path, o.address, 16)
	if err != nil {
		return err
	}
	c.skip(8) // version, reserved, message count (the blocks' lengths decide), reference count
	length := uint64(c.u32())
	return o.readBlocks(block{o.address + 16, length}, func(b block) (*cursor, error) {
		return o.file.read(o.path, b.address, b.length)
	}, 2, 8)
}

// readHeader2 reads a version-2 object header (section IV.A.1.b).
func (o *object) readHeader2(version, flags uint8) error {
	if version != 2 {
		return o.errorf(o.address+4, "object header version %d: %w", version, ErrUnsupported)
	}
	prefix := uint64(6)
	if flags&(1<<5) != 0 {
		prefix += 16 // four times
	}
	if flags&(1<<4) != 0 {
		prefix += 4 // limits between compact and dense attributes
	}
	width := uint64(1) << (flags & 3)
	c, err := o.file.read(o.path, o.address, prefix+width)
	if err != nil {
		return err
	}
	c.skip(prefix)
	length := c.uint(int(width))
	if length > o.file.size {
		return c.errorf(int(prefix), "an object header of %d bytes in a file of %d", length, o.file.size)
	}
	messageHead := 4
	if flags&(1<<2) != 0 {
		messageHead += 2 // creation order
	}
	return o.readBlocks(block{o.address, prefix + width + length + 4}, func(b block) (*cursor, error) {
		signature, skip := "OCHK", uint64(0)
		if b.address == o.address {
			signature, skip = "OHDR", prefix+width-4
		}
		c, err := o.readSummed("object header", signature, b.address, b.length)
		if err != nil {
			return nil, err
		}
		c.skip(skip)
		if len(c.b) < 4 {
			return nil, c.errorf(0, "a header block of %d bytes", len(c.b))
		}
		c.b = c.b[:len(c.b)-4]
		return c, c.err
	}, 1, messageHead)
}

// readBlocks collects the messages of the first block and of all blocks that
// continuation messages name. A message begins with messageHead bytes, of which the first
// kindSize are its type. Each block is read once and the file's length bounds their total
// length, so that crossed continuations end.
func (o *object) readBlocks(first block, open func(block) (*cursor, error), kindSize, messageHead int) error {
	queue := []block{first}
	seen := map[uint64]bool{first.address: true}
	var total uint64
	for len(queue) > 0 {
		b := queue[0]
		queue = queue[1:]
		if total += b.length; total > o.file.size {
			return o.errorf(b.address, "the object header's parts overlap")
		}
		c, err := open(b)
		if err != nil {
			return err
		}
		for c.left() >= messageHead && c.err == nil {
			m := message{kind: uint16(c.uint(kindSize))}
			size := c.u16()
			m.flags = c.u8()
			c.skip(uint64(messageHead - kindSize - 3))
			m.at = c.offset + uint64(c.pos)
			m.body = c.bytes(uint64(size))
			if c.err != nil {
				return c.err
			}
			if m.kind != msgContinuation {
				o.messages = append(o.messages, m)
				continue
			}
			mc := o.cursor(&m)
			more := block{mc.u64(), mc.u64()}
			if mc.err != nil {
				return mc.err
			}
			if seen[more.address] {
				return o.errorf(m.at, "the object header continues in itself")
			}
			seen[more.address] = true
			queue = append(queue, more)
		}
	}
	return nil
}
