package imaging

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/edsrzf/mmap-go"
	"github.com/gofrs/flock"
)

// Item is a photo of a data set.
type Item struct {
	ID   string // unique in its data set, such as ISIC_0027419
	Path string
}

// CacheOptions are the choices of [OpenCache]; the zero value is ready to use.
type CacheOptions struct {
	// Progress, if set, is called while the cache is built: never by two
	// goroutines at once, with done rising from 1 to total. It is not called
	// where a valid file exists.
	Progress func(done, total int)
	// Workers is the number of images worked on at the same time. Zero means
	// one for each core that Go may use.
	Workers int
	// Resize is how photos are brought to a square: [CenterCrop] unless set.
	Resize ResizeMode
}

// Cache holds the resized photos of a data set in a memory-mapped file. The operating
// system keeps as much of it in memory as there is room for, and processes share that
// memory. A Cache is safe for use by several goroutines.
type Cache struct {
	mapped  mmap.MMap
	header  cacheHeader
	indexOf map[string]int
	path    string
}

// OpenCache opens the cache of items at size x size pixels in folder dir and
// builds it, or builds it anew, if dir has no valid one. Image i of the cache is
// items[i].
//
// A cache is valid for the same ids, paths, file sizes and modification times
// of the sources in the same order, the same size and fit and the same version
// of this package's pipeline. The content of the sources is not read again to
// open a cache; a SHA-256 over all of it is taken while building and kept as
// [Cache.ContentHash]. A source rewritten with its old length and time is thus
// not noticed; delete the cache file to force a new one.
//
// The file appears in one step when it is complete. Two processes that want
// the same cache at the same time build it once: the second waits. If photos
// are missing or damaged, the error names up to ten of them, nothing is left
// behind, and an older file stays. Cancelling ctx stops the build with its
// error.
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
	if c := openValid(path, want); c != nil {
		c.indexOf = indexOf
		return c, nil
	}

	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the image cache folder: %w", err)
	}
	lock := flock.New(path + ".lock")
	if _, err := lock.TryLockContext(ctx, 100*time.Millisecond); err != nil {
		return nil, fmt.Errorf("locking the image cache %s: %w", path, err)
	}
	// The lock file stays: removing it would let a third process lock a new one
	// while a second still waits for the old.
	defer lock.Close()
	// Another process may have built it while this one waited.
	c := openValid(path, want)
	if c == nil {
		if err := buildCache(ctx, path, want, sources, opts); err != nil {
			return nil, err
		}
		if c = openValid(path, want); c == nil {
			return nil, fmt.Errorf("the image cache %s was written but cannot be mapped: check the disk and the memory limits", path)
		}
	}
	c.indexOf = indexOf
	return c, nil
}

// openValid maps the cache file at path if its header and length are as wanted;
// otherwise, or if there is none, the result is nil.
func openValid(path string, want cacheHeader) *Cache {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close() // the map outlives the file handle
	var raw [headerBytes]byte
	if _, err := f.ReadAt(raw[:], 0); err != nil {
		return nil
	}
	header, ok := parseHeader(raw)
	want.content = header.content // known only from building
	if !ok || header != want {
		return nil
	}
	info, err := f.Stat()
	if err != nil || info.Size() != header.fileBytes() {
		return nil
	}
	mapped, err := mmap.Map(f, mmap.RDONLY, 0)
	if err != nil {
		return nil
	}
	return &Cache{mapped: mapped, header: header, path: path}
}

// Len returns the number of images.
func (c *Cache) Len() int { return int(c.header.count) }

// Size returns the width and height of the images in pixels.
func (c *Cache) Size() int { return int(c.header.size) }

// Path returns the name of the cache file.
func (c *Cache) Path() string { return c.path }

// ContentHash returns the SHA-256, in hexadecimal, over the ids and file
// contents of the sources as they were when the cache was built. It identifies
// the data that a model was trained on.
func (c *Cache) ContentHash() string { return hex.EncodeToString(c.header.content[:]) }

// Image returns the pixels of image i, [Size][Size][3], red, green, blue. The
// result is a view into the file: writing to it crashes the program, and it
// must not be used after [Cache.Close]. An i outside 0..Len()-1 panics like any
// slice index.
func (c *Cache) Image(i int) []uint8 {
	n := c.header.imageBytes()
	begin := headerBytes + i*n
	return c.mapped[begin : begin+n : begin+n]
}

// Index returns the number of the image with the given id.
func (c *Cache) Index(id string) (int, bool) {
	i, ok := c.indexOf[id]
	return i, ok
}

// Close unmaps the file, which stays for the next time.
func (c *Cache) Close() error {
	if c.mapped == nil {
		return nil
	}
	err := c.mapped.Unmap()
	c.mapped = nil
	if err != nil {
		return fmt.Errorf("closing the image cache %s: %w", c.path, err)
	}
	return nil
}
