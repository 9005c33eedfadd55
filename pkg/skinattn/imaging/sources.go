package imaging

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/skinattn/skinattn/internal/parallel"
)

// ContentHash returns [Cache.ContentHash] of the cache of items without building
// one. It reads every file.
func ContentHash(ctx context.Context, items []Item) (string, error) {
	hashes := make([][sha256.Size]byte, len(items))
	err := parallel.For(ctx, len(items), func(i int) error {
		data, err := readImageFile(items[i].Path)
		hashes[i] = sha256.Sum256(data)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("hashing the images: %w", err)
	}
	sum := contentHash(func(i int) string { return items[i].ID }, hashes)
	return hex.EncodeToString(sum[:]), nil
}

// contentHash is the SHA-256 over the ids and the SHA-256 of the files of images.
func contentHash(id func(i int) string, hashes [][sha256.Size]byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	for i, hash := range hashes {
		fmt.Fprintf(h, "%q %x\n", id(i), hash)
	}
	h.Sum(sum[:0])
	return sum
}

// SourceSize returns the size of the photos as they lie on disk in pixels, such as
// "600x450", or the smallest and largest width and height, such as "450x450 to
// 600x600", where the sizes differ. It reads the headers.
func SourceSize(ctx context.Context, items []Item) (string, error) {
	sizes := make([][2]int, len(items))
	err := parallel.For(ctx, len(items), func(i int) (err error) {
		sizes[i][0], sizes[i][1], err = SizeFile(items[i].Path)
		return err
	})
	if err != nil || len(sizes) == 0 {
		return "", err
	}
	low, high := sizes[0], sizes[0]
	for _, size := range sizes {
		for axis, pixels := range size {
			low[axis], high[axis] = min(low[axis], pixels), max(high[axis], pixels)
		}
	}
	text := fmt.Sprintf("%dx%d", low[0], low[1])
	if high != low {
		text += fmt.Sprintf(" to %dx%d", high[0], high[1])
	}
	return text, nil
}
