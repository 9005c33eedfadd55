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
	magic   [8]byte
	version uint32
	size    uint32 // pixels
	fit     uint32 // of the ResizeMode
	count   uint64
	key     [sha256.Size]byte // of the sources' names, lengths and times
	content [sha256.Size]byte // of the sources' ids and contents
}

func (h cacheHeader) imageBytes() int { return int(h.size) * int(h.size) * 3 }

func (h cacheHeader) fileBytes() int64 {
	return headerBytes + int64(h.count)*int64(h.imageBytes())
}

func (h cacheHeader) bytes() (raw [headerBytes]byte) {
	b := append(raw[:0], h.magic[:]...)
	b = binary.LittleEndian.AppendUint32(b, h.version)
	b = binary.LittleEndian.AppendUint32(b, h.size)
	b = binary.LittleEndian.AppendUint32(b, h.fit)
	b = binary.LittleEndian.AppendUint64(b, h.count)
	b = append(b, h.key[:]...)
	b = append(b, h.content[:]...)
	binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return raw
}

// parseHeader reads what bytes has written and reports whether it is intact.
func parseHeader(raw [headerBytes]byte) (h cacheHeader, ok bool) {
	copy(h.magic[:], raw[0:])
	h.version = binary.LittleEndian.Uint32(raw[8:])
	h.size = binary.LittleEndian.Uint32(raw[12:])
	h.fit = binary.LittleEndian.Uint32(raw[16:])
	h.count = binary.LittleEndian.Uint64(raw[20:])
	copy(h.key[:], raw[28:])
	copy(h.content[:], raw[60:])
	again := h.bytes()
	return h, h.magic == cacheMagic && bytes.Equal(raw[:], again[:])
}

// source is an item with what tells cheaply whether its file has changed.
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

// newHeader returns the header of the cache of sources but for its content hash.
func newHeader(sources []source, size int, fit ResizeMode) cacheHeader {
	h := sha256.New()
	for _, s := range sources {
		fmt.Fprintf(h, "%q %q %d %d\n", s.ID, s.absPath, s.bytes, s.modified)
	}
	header := cacheHeader{
		magic:   cacheMagic,
		version: pipelineVersion,
		size:    uint32(size),
		fit:     fit.number(),
		count:   uint64(len(sources)),
	}
	h.Sum(header.key[:0])
	return header
}

// cacheName returns the file name of the cache of sources. It leaves out what
// changes when a photo is edited, so that a stale cache is overwritten and not
// left lying beside its successor.
func cacheName(sources []source, size int, fit ResizeMode) string {
	h := sha256.New()
	for _, s := range sources {
		fmt.Fprintf(h, "%q %q\n", s.ID, s.absPath)
	}
	return fmt.Sprintf("images-%dpx-%s-%s.cache", size, fit, hex.EncodeToString(h.Sum(nil)[:8]))
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
