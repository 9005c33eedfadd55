package imaging

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/skinattn/skinattn/internal/filecache"
)

// Item is a photo of a data set.
type Item struct {
	ID   string // unique in its data set, such as ISIC_0027419
	Path string
}

// CacheOptions are the choices of [OpenCache]; the zero value is ready to use.
type CacheOptions struct {
	// Progress, if set, is called while the cache is built: never by two goroutines at
	// once, with done rising from 1 to total. It is not called if a valid file exists.
	Progress func(done, total int)
	// Workers is the number of images decoded at the same time. Zero means one for each
	// core that Go may use.
	Workers int
	// Resize is the way to a square: [CenterCrop] unless set.
	Resize ResizeMode
	// Log, if set, gets a line if the file was damaged and is built anew.
	Log func(line string)
}

// Cache holds the resized photos of a data set in a memory-mapped file. The operating
// system keeps as much of it in memory as there is room for, and processes share that
// memory. A Cache is safe for use by several goroutines.
type Cache struct {
	file    *filecache.File
	header  cacheHeader
	indexOf map[string]int
}

// OpenCache opens the cache of items at size x size pixels in folder dir and
// builds it, or builds it anew, if dir has no valid one. Image i of the cache is
// items[i].
//
// A cache is valid for the same ids, paths, file sizes and modification times of the
// sources in the same order, the same size and resize mode and the same version of this
// package's pipeline, and with pixels that have their checksums, which are compared at every
// opening. The content of the sources is read while building only: a source
// rewritten with its old length and time goes unnoticed; delete the cache file to force a
// new one.
//
// The file appears in one step when it is complete. Two processes that want the same
// cache at the same time build it once: the second waits. If photos are missing or
// damaged, the error names up to ten of them, no file is left behind, and an older file
// stays. Cancelling ctx stops the build with its error.
func OpenCache(ctx context.Context, dir string, items []Item, size int, opts CacheOptions) (*Cache, error) {
	if size <= 0 {
		return nil, fmt.Errorf("opening the image cache: size of %d pixels: must be positive", size)
	}
	if err := opts.Resize.Validate(); err != nil {
		return nil, fmt.Errorf("opening the image cache: %w", err)
	}
	if len(items) == 0 {
		return nil, errors.New("opening the image cache: no images")
	}
	indexOf := make(map[string]int, len(items))
	for i, item := range items {
		if first, ok := indexOf[item.ID]; ok {
			return nil, fmt.Errorf("opening the image cache: id %s stands for %s and for %s", item.ID, items[first].Path, item.Path)
		}
		indexOf[item.ID] = i
	}
	sources, err := statSources(items)
	if err != nil {
		return nil, err
	}
	want := newHeader(sources, size, opts.Resize)
	path := filepath.Join(dir, cacheName(sources, size, opts.Resize))
	c := &Cache{indexOf: indexOf}
	valid := func(content []byte) (ok bool) {
		c.header, ok = parseHeader(content)
		want.Content = c.header.Content // known only from building
		return ok && c.header == want && int64(len(content)) == want.fileBytes()
	}
	c.file, err = filecache.Open(ctx, path, valid, func() error { return buildCache(ctx, path, want, sources, opts) }, opts.Log)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Len returns the number of images.
func (c *Cache) Len() int { return int(c.header.Count) }

// ContentHash returns the SHA-256, in hexadecimal, over the ids and file contents of the
// sources at the time of building. It identifies the data that a model was trained on.
func (c *Cache) ContentHash() string { return hex.EncodeToString(c.header.Content[:]) }

// Image returns the pixels of image i, [Size][Size][3], red, green, blue. The result is
// the file's memory: writing to it crashes the program, and so does reading it after
// [Cache.Close], or, outside of package filecache's Guard, while another process cuts the
// file short. An i outside 0..Len()-1 panics like any slice index.
func (c *Cache) Image(i int) []uint8 {
	begin, end := c.place(i)
	return c.file.Content[begin:end:end]
}

// Ahead asks the system to read image i into memory, and does not wait until it has: for
// whoever will look at the image soon.
func (c *Cache) Ahead(i int) { c.file.Ahead(c.place(i)) }

// place is where the pixels of image i begin and end in the file.
func (c *Cache) place(i int) (begin, end int) {
	n := c.header.imageBytes()
	begin = headerBytes + i*n
	return begin, begin + n
}

// Index returns the number of the image with the given id.
func (c *Cache) Index(id string) (int, bool) {
	i, ok := c.indexOf[id]
	return i, ok
}

// Close unmaps the file, which stays for the next time.
func (c *Cache) Close() error { return c.file.Close() }
