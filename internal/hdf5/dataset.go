package hdf5

import (
	"slices"
)

// Dataset is an array in the file. Its type and shape are known after opening;
// the values are read on demand.
type Dataset struct {
	*object
	kind   datatype
	shape  []int
	layout layout
}

// Storage classes of a layout message (section IV.A.2.i).
const (
	storageCompact    = 0
	storageContiguous = 1
	storageChunked    = 2
)

// layout says where the file has the values.
type layout struct {
	storage uint8
	compact []byte
	address uint64
	length  uint64 // bytes of contiguous storage
	at      uint64 // address of the message, for errors

	chunk   []int // chunk shape, as long as the dataset's
	index   uint8 // kind of chunk index, 0 for a version-1 B-tree
	single  storedChunk
	page    uint8 // page bits of a fixed array
	filters []filter
}

func newDataset(o *object) (*Dataset, error) {
	if !o.isDataset() {
		return nil, o.errorf(o.address, "not a dataset")
	}
	d := &Dataset{object: o}
	c, err := o.need(msgDatatype, "datatype")
	if err != nil {
		return nil, err
	}
	if d.kind, err = readDatatype(c); err != nil {
		return nil, err
	}
	if c, err = o.need(msgDataspace, "dataspace"); err != nil {
		return nil, err
	}
	if d.shape, err = readDataspace(c); err != nil {
		return nil, err
	}
	if count(d.shape) > (1<<62)/d.kind.size {
		return nil, o.errorf(c.offset, "%v elements of %d bytes are too many", d.shape, d.kind.size)
	}
	if o.find(msgFilters) != nil {
		if c, err = o.need(msgFilters, "filter pipeline"); err != nil {
			return nil, err
		}
		if d.layout.filters, err = readFilters(c); err != nil {
			return nil, err
		}
	}
	if c, err = o.need(msgLayout, "data layout"); err != nil {
		return nil, err
	}
	return d, d.readLayout(c)
}

// Shape returns the dimensions, none for a scalar.
func (d *Dataset) Shape() []int { return slices.Clone(d.shape) }

// Type returns the element type in NumPy's words, such as "float32".
func (d *Dataset) Type() string { return d.kind.String() }

// StoredBytes returns the number of bytes that the values take in the file.
func (d *Dataset) StoredBytes() (int64, error) {
	need := count(d.shape) * d.kind.size
	if d.layout.storage != storageChunked || need == 0 {
		return int64(need), nil
	}
	chunks, err := d.chunks(need)
	var stored uint64
	for _, c := range chunks {
		stored += c.length
	}
	return int64(stored), err
}

// Float32s reads all values in C order as float32: floats of 16, 32 or 64
// bits (rounded to nearest) and integers that float32 holds exactly.
func (d *Dataset) Float32s() ([]float32, error) {
	v, err := d.values()
	if err != nil {
		return nil, err
	}
	return v.float32s()
}

// values reads the raw bytes of the whole dataset.
func (d *Dataset) values() (*values, error) {
	v := &values{object: d.object, kind: d.kind, n: count(d.shape), at: d.layout.at}
	need := v.n * d.kind.size
	if need == 0 {
		return v, nil
	}
	switch d.layout.storage {
	case storageCompact:
		v.raw = d.layout.compact
	case storageContiguous:
		if d.layout.address == undefined {
			return nil, d.errorf(d.layout.at, "the dataset was declared but never written")
		}
		if need > d.layout.length {
			return nil, d.errorf(d.layout.at, "%d bytes stored for %v values of %d bytes", d.layout.length, d.shape, d.kind.size)
		}
		c, err := d.file.read(d.path, d.layout.address, need)
		if err != nil {
			return nil, err
		}
		v.raw, v.at = c.b, c.offset
	default:
		var err error
		if v.raw, err = d.readChunks(need); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// readLayout decodes a data layout message of version 3 or 4.
func (d *Dataset) readLayout(c *cursor) error {
	l := &d.layout
	l.at = c.offset
	version := c.u8()
	l.storage = c.u8()
	if c.err != nil {
		return c.err
	}
	if version < 3 || version > 5 {
		return c.errorf(0, "data layout version %d: %w", version, ErrUnsupported)
	}
	switch {
	case l.storage == storageCompact:
		l.compact = c.bytes(uint64(c.u16()))
	case l.storage == storageContiguous:
		l.address, l.length = c.u64(), c.u64()
	case l.storage == storageChunked && version == 3:
		rank := int(c.u8())
		l.address = c.u64()
		d.readChunkShape(c, rank, 4)
	case l.storage == storageChunked:
		flags, rank, width := c.u8(), int(c.u8()), int(c.u8())
		d.readChunkShape(c, rank, width)
		l.index = c.u8()
		d.readChunkIndex(c, flags)
	default:
		return c.errorf(1, "data layout class %d: %w", l.storage, ErrUnsupported)
	}
	return c.err
}

// readChunkShape reads rank numbers: the chunk's dimensions and the element size.
func (d *Dataset) readChunkShape(c *cursor, rank, width int) {
	if c.err == nil && (rank != len(d.shape)+1 || width < 1 || width > 8) {
		c.fail("chunks of rank %d for a dataset of rank %d", rank-1, len(d.shape))
	}
	if c.err != nil {
		return
	}
	d.layout.chunk = make([]int, len(d.shape))
	product := d.kind.size
	for i := range d.layout.chunk {
		n := c.uint(width)
		if c.err == nil && (n == 0 || n > maxChunkBytes/product) {
			c.fail("a chunk dimension of %d elements", n)
		}
		if c.err != nil {
			return
		}
		d.layout.chunk[i] = int(n)
		product *= n
	}
	if size := c.uint(width); c.err == nil && size != d.kind.size {
		c.fail("chunks of %d-byte elements for a dataset of %d-byte ones", size, d.kind.size)
	}
}
