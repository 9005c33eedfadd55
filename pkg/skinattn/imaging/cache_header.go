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
	var bad problems
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
			bad.add(err)
			continue
		}
		sources[i] = source{Item: item, absPath: abs, bytes: info.Size(), modified: info.ModTime().UnixNano()}
	}
	return sources, bad.err(len(items))
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
	return fmt.Sprintf("images-%dpx-%s-%s.cache", size, resize, hex.EncodeToString(h.Sum(nil)[:8]))
}

// problems collects errors about single images and keeps the first ten.
type problems struct {
	first []string
	total int
}

func (p *problems) add(err error) {
	if p.total++; len(p.first) < 10 {
		p.first = append(p.first, err.Error())
	}
}

// err returns nil if there was no problem, otherwise one error of one line.
func (p *problems) err(images int) error {
	if p.total == 0 {
		return nil
	}
	text := strings.Join(p.first, "; ")
	if more := p.total - len(p.first); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return fmt.Errorf("%d of %d images cannot be used: %s; restore these files or take them out of the metadata", p.total, images, text)
}
