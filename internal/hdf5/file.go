package hdf5

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
)

// signature starts every superblock (section II.A).
var signature = []byte("\x89HDF\r\n\x1a\n")

// undefined is the address that HDF5 writes in place of an absent one.
const undefined = math.MaxUint64

var (
	// ErrNotHDF5 says that a file has no HDF5 signature.
	ErrNotHDF5 = errors.New("not an HDF5 file")
	// ErrTruncated says that a file ends before the length in its superblock.
	ErrTruncated = errors.New("the file is truncated")
	// ErrNotFound says that a group has no such link or an object no such attribute.
	ErrNotFound = errors.New("not found")
	// ErrUnsupported says that a file uses a part of HDF5 that this package does not
	// read. The file may be sound.
	ErrUnsupported = errors.New("not supported")
)

// File is an open HDF5 file. It is not safe for concurrent use.
type File struct {
	r     io.ReaderAt
	base  int64  // position of address 0 in r, after a user block
	size  uint64 // bytes from address 0 to the end of r
	root  *Group
	heaps map[uint64]*globalHeap

	skipChecksums bool // for fuzzing, which would not get beyond the checksums
}

// New reads the superblock and the root group from the first size bytes of r,
// which must stay readable while the file is in use.
func New(r io.ReaderAt, size int64) (*File, error) {
	f := &File{r: r, heaps: map[uint64]*globalHeap{}}
	if err := f.open(size); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) open(size int64) error {
	start, err := findSignature(f.r, size)
	if err != nil {
		return err
	}
	f.size = uint64(size - start)
	f.base = start
	rootAddress, err := f.readSuperblock()
	if err != nil {
		return err
	}
	root, err := f.openObject("/", rootAddress)
	if err != nil {
		return err
	}
	if !root.isGroup() {
		return root.errorf(rootAddress, "the root object is not a group")
	}
	f.root = &Group{object: root}
	return nil
}

// Root returns the root group.
func (f *File) Root() *Group { return f.root }

// Size returns the number of bytes of the file after any user block.
func (f *File) Size() int64 { return int64(f.size) }

// findSignature looks for a superblock at the places of section II.A: byte 0, 512, 1024,
// 2048 and so on.
func findSignature(r io.ReaderAt, size int64) (int64, error) {
	buffer := make([]byte, len(signature))
	for at := int64(0); at+int64(len(signature)) <= size; {
		if _, err := r.ReadAt(buffer, at); err != nil {
			return 0, err
		}
		if bytes.Equal(buffer, signature) {
			return at, nil
		}
		if at == 0 {
			at = 256
		}
		at *= 2
	}
	return 0, ErrNotHDF5
}

// readSuperblock returns the address of the root group's object header.
func (f *File) readSuperblock() (root uint64, err error) {
	const where = "superblock"
	head, err := f.read(where, 0, 16)
	if err != nil {
		return 0, fmt.Errorf("%w (%w)", ErrTruncated, err)
	}
	version := head.b[8]
	var length uint64
	sizes := head.b[13:15]
	switch version {
	case 0:
		length = 24 + 4*8 + 40
	case 1:
		length = 28 + 4*8 + 40
	case 2, 3:
		length = 12 + 4*8 + 4
		sizes = head.b[9:11]
	default:
		return 0, head.errorf(8, "superblock version %d: %w", version, ErrUnsupported)
	}
	if sizes[0] != 8 || sizes[1] != 8 {
		return 0, head.errorf(9, "offsets of %d and lengths of %d bytes: %w", sizes[0], sizes[1], ErrUnsupported)
	}
	c, err := f.read(where, 0, length)
	if err != nil {
		return 0, fmt.Errorf("%w (%w)", ErrTruncated, err)
	}
	var base, end uint64
	if version >= 2 {
		if err := f.checkSum(c.b, "superblock", 0, where); err != nil {
			return 0, err
		}
		c.skip(12)
		base = c.u64()
		c.skip(8) // superblock extension
		end = c.u64()
		root = c.u64()
	} else {
		c.skip(24)
		if version == 1 {
			c.skip(4)
		}
		base = c.u64()
		c.skip(8) // free space
		end = c.u64()
		c.skip(8) // driver information
		c.skip(8) // name of the root group's symbol table entry
		root = c.u64()
	}
	if c.err != nil {
		return 0, c.err
	}
	// The base address is normally the superblock's position. But a file keeps base 0 if
	// another tool put a user block in front, so the position counts; end is an offset
	// from the start of the file.
	if base > end {
		return 0, c.errorf(0, "base address %d lies after the end of the file %d", base, end)
	}
	if end-base > f.size {
		return 0, fmt.Errorf("%w: its header says %d bytes, it has %d", ErrTruncated, end-base, f.size)
	}
	return root, nil
}

// read returns n bytes from address on as a cursor for the named object.
func (f *File) read(object string, address, n uint64) (*cursor, error) {
	c := &cursor{object: object, offset: address}
	if address == undefined {
		return nil, c.errorf(0, "an undefined address is used")
	}
	if address > f.size || n > f.size-address {
		return nil, c.errorf(0, "%d bytes wanted here reach past the end of the file (%d bytes)", n, f.size)
	}
	c.b = make([]byte, n)
	if _, err := f.r.ReadAt(c.b, f.base+int64(address)); err != nil && !(errors.Is(err, io.EOF) && n == 0) {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("reading %s at byte %d: %w", object, address, err)
	}
	return c, nil
}
