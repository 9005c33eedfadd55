package hdf5

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
)

// Filters (section IV.A.2.l).
const (
	filterDeflate = 1
	filterShuffle = 2
)

// filter is one step of the pipeline that the writer applied to every chunk.
type filter struct {
	id    uint16
	width int // element size, for shuffle
}

// deflateRatio is above the greatest compression ratio of deflate, 1032:1.
const deflateRatio = 1040

// readFilters decodes a filter pipeline message.
func readFilters(c *cursor) ([]filter, error) {
	version, n := c.u8(), int(c.u8())
	if c.err == nil && version != 1 && version != 2 {
		return nil, c.errorf(0, "filter pipeline version %d: %w", version, ErrUnsupported)
	}
	if version == 1 {
		c.skip(6)
	}
	var filters []filter
	for range n {
		f := filter{id: c.u16()}
		var nameLength uint64
		if version == 1 || f.id >= 256 {
			nameLength = uint64(c.u16())
		}
		c.skip(2) // flags
		parameters := int(c.u16())
		if version == 1 {
			nameLength = (nameLength + 7) / 8 * 8
		}
		c.skip(nameLength)
		for i := range parameters {
			if value := c.u32(); i == 0 {
				f.width = int(value)
			}
		}
		if version == 1 && parameters%2 == 1 {
			c.skip(4)
		}
		if c.err != nil {
			return nil, c.err
		}
		if f.id != filterDeflate && f.id != filterShuffle {
			return nil, c.errorf(0, "filter %d (deflate and shuffle are read): %w", f.id, ErrUnsupported)
		}
		filters = append(filters, f)
	}
	return filters, c.err
}

// inflate undoes zlib compression and fails beyond limit bytes.
func inflate(data []byte, limit uint64) ([]byte, error) {
	r, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	n, err := io.Copy(&out, io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if uint64(n) > limit {
		return nil, fmt.Errorf("more than %d bytes after decompression", limit)
	}
	return out.Bytes(), nil
}

// unshuffle puts the bytes of each element together again. The writer did not shuffle the
// bytes after the last whole element.
func unshuffle(data []byte, width int) ([]byte, error) {
	if width < 1 {
		return nil, errors.New("shuffle without an element size")
	}
	n := len(data) / width
	out := make([]byte, len(data))
	for b := range min(width, len(data)) {
		for i := range n {
			out[i*width+b] = data[b*n+i]
		}
	}
	copy(out[n*width:], data[n*width:])
	return out, nil
}
