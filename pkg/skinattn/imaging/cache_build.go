package imaging

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/parallel"
)

// buildCache writes the cache file of sources to path. The caller holds the
// lock of path.
func buildCache(ctx context.Context, path string, header cacheHeader, sources []source, opts CacheOptions) (err error) {
	// Under the lock one name is enough, and what a killed builder left behind
	// is overwritten instead of filling the disk. (package atomicfile writes
	// from front to back, a cache is written by many at many places.)
	partial := path + ".partial"
	f, err := os.Create(partial)
	if err != nil {
		return fmt.Errorf("building the image cache: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close() // a second close only repeats an error that is already returned
			os.Remove(partial)
		}
	}()
	content, err := writeImages(ctx, f, header, sources, opts)
	if err != nil {
		return err
	}
	header.content = content
	raw := header.bytes()
	if _, err := f.WriteAt(raw[:], 0); err != nil {
		return fmt.Errorf("building the image cache: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("building the image cache: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("building the image cache: %w", err)
	}
	if err := os.Rename(partial, path); err != nil {
		return fmt.Errorf("building the image cache: %w", err)
	}
	return atomicfile.SyncDir(filepath.Dir(path))
}

// writeImages decodes, resizes and writes every source at its place in f and
// returns the SHA-256 over ids and contents.
func writeImages(ctx context.Context, f *os.File, header cacheHeader, sources []source, opts CacheOptions) (content [sha256.Size]byte, err error) {
	total := len(sources)
	hashes := make([][sha256.Size]byte, total)
	faults := make([]error, total) // by image, so that the report does not depend on timing
	count := parallel.Counter(total, opts.Progress)
	err = parallel.ForWorkers(ctx, total, opts.Workers, func() func(int) error {
		resized := make([]float32, header.imageBytes())
		pixels := make([]uint8, header.imageBytes())
		return func(i int) error {
			defer count()
			data, err := readImageFile(sources[i].Path)
			var img *RGB
			if err == nil {
				hashes[i] = sha256.Sum256(data)
				if img, err = Decode(data); err != nil {
					err = fmt.Errorf("decoding %s: %w", sources[i].Path, err)
				}
			}
			if err != nil {
				faults[i] = err // go on: the user wants to hear of all damaged files at once
				return nil
			}
			opts.Resize.resize(resized, img, int(header.size))
			round8(pixels, resized)
			_, err = f.WriteAt(pixels, headerBytes+int64(i)*int64(len(pixels)))
			return err
		}
	})
	if err != nil {
		return content, fmt.Errorf("building the image cache: %w", err)
	}
	var bad problems
	for _, err := range faults {
		if err != nil {
			bad.add(err)
		}
	}
	if err := bad.err(total); err != nil {
		return content, err
	}
	return contentHash(func(i int) string { return sources[i].ID }, hashes), nil
}

// resize brings img to size x size pixels.
func (f ResizeMode) resize(dst []float32, img *RGB, size int) {
	if f == Stretch {
		stretchResize(dst, img, size, size)
		return
	}
	smartResize(dst, img, size, size)
}

// round8 rounds values 0..255 to whole numbers, half up.
func round8(dst []uint8, src []float32) {
	for i, v := range src {
		dst[i] = uint8(v + 0.5)
	}
}
