package hdf5

// maxChunkBytes bounds one chunk; HDF5 itself allows 4 GiB.
const maxChunkBytes = 1 << 30

// Kinds of chunk index of layout version 4 (section VII).
const (
	indexBTree1     = 0 // layout version 3
	indexSingle     = 1
	indexImplicit   = 2
	indexFixedArray = 3
)

// storedChunk is a chunk in the file.
type storedChunk struct {
	address, length uint64
	mask            uint32 // bit i set: filter i was left out
	at              []int  // position of the first element; nil if the index is linear
}

// readChunkIndex decodes the part of a version-4 layout after the chunk shape.
func (d *Dataset) readChunkIndex(c *cursor, flags uint8) {
	l := &d.layout
	switch l.index {
	case indexSingle:
		l.single.length = d.chunkBytes()
		if flags&2 != 0 {
			l.single.length = c.u64()
			l.single.mask = c.u32()
		}
		l.address = c.u64()
		l.single.address = l.address
	case indexImplicit:
		l.address = c.u64()
	case indexFixedArray:
		l.page = c.u8()
		l.address = c.u64()
	default:
		c.fail("chunk index of kind %d (a dataset that can grow): %w", l.index, ErrUnsupported)
	}
}

func (d *Dataset) chunkBytes() uint64 { return count(d.layout.chunk) * d.kind.size }

// grid returns how many chunks lie along each dimension.
func (d *Dataset) grid() []int {
	grid := make([]int, len(d.shape))
	for i, n := range d.shape {
		grid[i] = (n + d.layout.chunk[i] - 1) / d.layout.chunk[i]
	}
	return grid
}

// readChunks reads all chunks into one array of the given number of bytes.
func (d *Dataset) readChunks(need uint64) ([]byte, error) {
	chunks, err := d.chunks(need)
	if err != nil {
		return nil, err
	}
	out := make([]byte, need)
	for _, c := range chunks {
		data, err := d.readChunk(c)
		if err != nil {
			return nil, err
		}
		d.place(out, data, c.at)
	}
	return out, nil
}

// chunks lists all chunks, each once, and checks that together they can hold the bytes of
// the dataset.
func (d *Dataset) chunks(need uint64) ([]storedChunk, error) {
	l := &d.layout
	if l.address == undefined {
		return nil, d.errorf(l.at, "the dataset was declared but never written")
	}
	grid := d.grid()
	total := count(grid)
	// The smallest entry of any index takes more than one byte.
	if total > d.file.size || need/deflateRatio > d.file.size {
		return nil, d.errorf(l.at, "%d chunks of %d bytes in a file of %d bytes", total, d.chunkBytes(), d.file.size)
	}
	chunks, err := d.listChunks(grid, total)
	if err != nil {
		return nil, err
	}
	var stored uint64
	for _, c := range chunks {
		if c.address == undefined || c.length > d.file.size {
			return nil, d.errorf(l.at, "a chunk that is missing or longer than the file")
		}
		if stored += c.length; stored > d.file.size {
			return nil, d.errorf(l.at, "chunks that overlap")
		}
	}
	if need/deflateRatio > stored || len(l.filters) == 0 && need > stored {
		return nil, d.errorf(l.at, "%d bytes in chunks for %d bytes of values", stored, need)
	}
	return chunks, nil
}

// listChunks finds all chunks, each exactly once.
func (d *Dataset) listChunks(grid []int, total uint64) ([]storedChunk, error) {
	l := &d.layout
	var chunks []storedChunk
	var err error
	switch l.index {
	case indexBTree1:
		chunks, err = d.treeChunks(grid)
	case indexSingle:
		chunks = []storedChunk{l.single}
	case indexImplicit:
		if len(l.filters) > 0 {
			return nil, d.errorf(l.at, "filtered chunks without an index")
		}
		size := d.chunkBytes()
		if total > d.file.size/size {
			return nil, d.errorf(l.at, "%d chunks of %d bytes in a file of %d bytes", total, size, d.file.size)
		}
		for i := range total {
			chunks = append(chunks, storedChunk{address: l.address + i*size, length: size})
		}
	case indexFixedArray:
		chunks, err = d.fixedArrayChunks(total)
	}
	if err != nil {
		return nil, err
	}
	if uint64(len(chunks)) != total {
		return nil, d.errorf(l.at, "%d chunks stored where %d are due", len(chunks), total)
	}
	for i := range chunks {
		if chunks[i].at != nil {
			continue
		}
		at, rest := make([]int, len(grid)), i
		for axis := len(grid) - 1; axis >= 0; axis-- {
			at[axis] = rest % grid[axis] * l.chunk[axis]
			rest /= grid[axis]
		}
		chunks[i].at = at
	}
	return chunks, nil
}

// treeChunks lists the chunks of a version-1 B-tree.
func (d *Dataset) treeChunks(grid []int) ([]storedChunk, error) {
	var chunks []storedChunk
	seen := map[int]bool{}
	err := d.btree1(d.layout.address, 1, 8+8*uint64(len(grid)+1), func(key *cursor, child uint64) error {
		c := storedChunk{length: uint64(key.u32()), mask: key.u32(), address: child, at: make([]int, len(grid))}
		number := 0
		for axis, n := range grid {
			offset := key.u64()
			size := uint64(d.layout.chunk[axis])
			if offset%size != 0 || offset/size >= uint64(n) {
				return key.errorf(8, "a chunk at %d on axis %d of a dataset of shape %v", offset, axis, d.shape)
			}
			c.at[axis] = int(offset)
			number = number*n + int(offset/size)
		}
		if seen[number] {
			return key.errorf(8, "two chunks at %v", c.at)
		}
		seen[number] = true
		chunks = append(chunks, c)
		return key.err
	})
	return chunks, err
}

// fixedArrayChunks lists the chunks of a fixed array (section VII.C) without pages. HDF5
// pages arrays of more than 1,024 chunks.
func (d *Dataset) fixedArrayChunks(total uint64) ([]storedChunk, error) {
	head, err := d.readSummed("fixed array header", "FAHD", d.layout.address, 28)
	if err != nil {
		return nil, err
	}
	head.skip(1)
	client, entry, page := head.u8(), uint64(head.u8()), head.u8()
	n, data := head.u64(), head.u64()
	if head.err != nil {
		return nil, head.err
	}
	filtered := client == 1
	if n != total || client > 1 || !filtered && entry != 8 || filtered && (entry < 13 || entry > 20) {
		return nil, head.errorf(5, "a fixed array of %d entries of %d bytes for %d chunks", n, entry, total)
	}
	if page < 63 && n > 1<<page {
		return nil, head.errorf(7, "a fixed array of more than %d chunks: %w", uint64(1)<<page, ErrUnsupported)
	}
	c, err := d.readSummed("fixed array", "FADB", data, 14+n*entry+4)
	if err != nil {
		return nil, err
	}
	c.skip(10)
	var chunks []storedChunk
	for range n {
		chunk := storedChunk{address: c.u64(), length: d.chunkBytes()}
		if filtered {
			chunk.length = c.uint(int(entry - 12))
			chunk.mask = c.u32()
		}
		chunks = append(chunks, chunk)
	}
	return chunks, c.err
}

// readChunk reads a chunk and undoes its filters, the last filter first.
func (d *Dataset) readChunk(stored storedChunk) ([]byte, error) {
	c, err := d.file.read(d.path, stored.address, stored.length)
	if err != nil {
		return nil, err
	}
	data, size := c.b, d.chunkBytes()
	for i := len(d.layout.filters) - 1; i >= 0; i-- {
		if i < 32 && stored.mask&(1<<i) != 0 {
			continue
		}
		switch f := d.layout.filters[i]; f.id {
		case filterDeflate:
			data, err = inflate(data, size)
		case filterShuffle:
			data, err = unshuffle(data, f.width)
		}
		if err != nil {
			return nil, c.errorf(0, "a damaged chunk: %w", err)
		}
	}
	if uint64(len(data)) != size {
		return nil, c.errorf(0, "a chunk of %d bytes instead of %d", len(data), size)
	}
	return data, nil
}

// place copies a chunk to its position in the array, without the part beyond the array's
// edges.
func (d *Dataset) place(out, chunk []byte, at []int) {
	size := int(d.kind.size)
	rank := len(d.shape)
	if rank == 0 {
		copy(out, chunk)
		return
	}
	var row func(axis, to, from int)
	row = func(axis, to, from int) {
		n := min(d.layout.chunk[axis], d.shape[axis]-at[axis])
		to, from = to*d.shape[axis]+at[axis], from*d.layout.chunk[axis]
		if axis == rank-1 {
			copy(out[to*size:(to+n)*size], chunk[from*size:(from+n)*size])
			return
		}
		for i := range n {
			row(axis+1, to+i, from+i)
		}
	}
	row(0, 0, 0)
}
