package imaging

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/skinattn/skinattn/internal/filecache"
)

// pipelineVersion is part of every cache's header. Raise it with any change
// that alters a cached pixel or the file's layout: caches in users' hands are
// then rebuilt.
const pipelineVersion = 2

// headerBytes keeps the pixels on a page boundary.
const headerBytes = 4096

var cacheMagic = [8]byte{'s', 'k', 'i', 'n', 'i', 'm', 'g', '\n'}

// cacheHeader is the first page of a cache file, little-endian in the order of
// the fields, followed by a CRC-32 (IEEE) of them and zeros. The images follow,
// each size*size*3 bytes.
type cacheHeader struct {
	Magic   [8]byte
	Version uint32
	Size    uint32 // pixels
	Resize  uint32 // number of the ResizeMode
	Count   uint64
	Key     [sha256.Size]byte // of the sources' names, lengths and times
	Content [sha256.Size]byte // of the sources' ids and contents
}

func (h cacheHeader) imageBytes() int { return int(h.Size) * int(h.Size) * 3 }

func (h cacheHeader) fileBytes() int64 {
	return headerBytes + int64(h.Count)*int64(h.imageBytes())
}

// bytes returns the header's page. The error of Append is for types without a fixed size.
func (h cacheHeader) bytes() []byte {
	raw, _ := binary.Append(nil, binary.LittleEndian, h)
	raw = binary.LittleEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw))
	return append(raw, make([]byte, headerBytes-len(raw))...)
}

// parseHeader reads the header of a file and reports whether it is intact.
func parseHeader(file []byte) (h cacheHeader, ok bool) {
	if len(file) < headerBytes {
		return h, false
	}
	_, err := binary.Decode(file, binary.LittleEndian, &h)
	return h, err == nil && h.Magic == cacheMagic && bytes.Equal(file[:headerBytes], h.bytes())
}

// source is an item with the properties of its file that change with its content.
type source struct {
	Item
	absPath  string
	bytes    int64
	modified int64 // nanoseconds since 1970
}

// statSources looks up every item's file. The error names up to ten that are
// missing.
func statSources(items []Item) ([]source, error) {
	sources := make([]source, len(items))
	faults := make([]error, len(items))
	for i, item := range items {
		abs, err := filepath.Abs(item.Path)
		if err != nil {
			return nil, fmt.Errorf("locating %s: %w", item.Path, err)
		}
		info, err := os.Stat(item.Path)
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%s (image %s) does not exist", item.Path, item.ID)
		}
		if err != nil {
			faults[i] = err
			continue
		}
		sources[i] = source{Item: item, absPath: abs, bytes: info.Size(), modified: info.ModTime().UnixNano()}
	}
	return sources, unusable(faults)
}

// newHeader returns the header of the cache of sources without its content hash.
func newHeader(sources []source, size int, resize ResizeMode) cacheHeader {
	h := sha256.New()
	for _, s := range sources {
		fmt.Fprintf(h, "%q %q %d %d\n", s.ID, s.absPath, s.bytes, s.modified)
	}
	header := cacheHeader{Magic: cacheMagic, Version: pipelineVersion, Size: uint32(size), Resize: resize.number(), Count: uint64(len(sources))}
	h.Sum(header.Key[:0])
	return header
}

// cacheName returns the file name of the cache of sources. It does not depend on lengths
// and times, so that the cache of edited photos overwrites its predecessor.
func cacheName(sources []source, size int, resize ResizeMode) string {
	h := sha256.New()
	for _, s := range sources {
		fmt.Fprintf(h, "%q %q\n", s.ID, s.absPath)
	}
	return fmt.Sprintf("images-%dpx-%s-%s"+filecache.Extension, size, resize, hex.EncodeToString(h.Sum(nil)[:8]))
}

// unusable returns one error of one line for the faults of single images, nil where there
// is none. It names the first ten.
func unusable(faults []error) error {
	var texts []string
	for _, err := range faults {
		if err != nil {
			texts = append(texts, err.Error())
		}
	}
	total := len(texts)
	if total == 0 {
		return nil
	}
	if total > 10 {
		texts = append(texts[:10], fmt.Sprintf("and %d more", total-10))
	}
	return fmt.Errorf("%d of %d images cannot be used: %s; restore these files or take them out of the metadata",
		total, len(faults), strings.Join(texts, "; "))
}
