package imaging

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/filecache"
	"github.com/skinattn/skinattn/internal/parallel"
)

// buildCache writes the cache file of sources to path. The caller holds the
// lock of path.
func buildCache(ctx context.Context, path string, header cacheHeader, sources []source, opts CacheOptions) (err error) {
	// Under the lock one name is enough, and the file of a killed builder is overwritten
	// instead of filling the disk. (Package atomicfile writes from front to back; here
	// several goroutines write at many places.)
	partial := path + filecache.PartialSuffix
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
	if header.Content, err = writeImages(ctx, f, header, sources, opts); err != nil {
		return err
	}
	if _, err = f.WriteAt(header.bytes(), 0); err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = os.Rename(partial, path)
	}
	if err != nil {
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
			data, img, err := decodeFile(sources[i].Path)
			hashes[i] = sha256.Sum256(data)
			if err != nil {
				faults[i] = err // go on: the user wants to hear of all damaged files at once
				return nil
			}
			opts.Resize.resize(resized, img, int(header.Size), int(header.Size))
			round8(pixels, resized)
			_, err = f.WriteAt(pixels, headerBytes+int64(i)*int64(len(pixels)))
			return err
		}
	})
	if err != nil {
		return content, fmt.Errorf("building the image cache: %w", err)
	}
	if err := unusable(faults); err != nil {
		return content, err
	}
	return contentHash(func(i int) string { return sources[i].ID }, hashes), nil
}

// round8 rounds values 0..255 to whole numbers, half up.
func round8(dst []uint8, src []float32) {
	for i, v := range src {
		dst[i] = uint8(v + 0.5)
	}
}
