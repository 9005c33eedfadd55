package convert

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Limits of a page, the unit that the library reads at once: it takes the memory that the
// page's header claims before it reads the page. Pages of copies of the data set have some
// MB, and one photo at least.
const (
	maxPageBytes  = 256 << 20
	maxPageValues = 16 << 20
	// headerBytes is read for a header; one with statistics of long values may take longerHeader.
	headerBytes, longerHeader = 4 << 10, 4 << 20
)

// checkFooter returns an error unless the file's description, whose length stands before the
// last four of its size bytes, lies in the file: the library takes memory of that length.
func checkFooter(f io.ReaderAt, size int64) error {
	const around = 4 + 4 + 4 // "PAR1" at both ends, and the length
	end := make([]byte, 8)
	if size < around {
		return fmt.Errorf("the file has %d bytes and is no Parquet file", size)
	}
	if _, err := f.ReadAt(end, size-int64(len(end))); err != nil {
		return err
	}
	if length := int64(binary.LittleEndian.Uint32(end)); length > size-around {
		return fmt.Errorf("the file is damaged or cut short: its description has %d bytes, and the file %d", length, size)
	}
	return nil
}

// codecs are those that are read. The decoder of LZ4 takes more and more memory for damaged
// pages; the others are not known from copies of the data set.
var codecs = []format.CompressionCodec{format.Uncompressed, format.Snappy, format.Gzip, format.Zstd}

// checkPages returns an error if a page of a file of size bytes claims to lie outside of its
// column or to be larger than the limits.
func checkPages(f io.ReaderAt, size int64, p *parquet.File) error {
	for _, group := range p.Metadata().RowGroups {
		for _, column := range group.Columns {
			m := column.MetaData
			start := m.DataPageOffset
			if m.DictionaryPageOffset != 0 {
				start = m.DictionaryPageOffset
			}
			if m.TotalCompressedSize < 0 || start < 0 || m.TotalCompressedSize > size || start > size-m.TotalCompressedSize {
				return fmt.Errorf("the file is damaged: a column has %d bytes from %d on, and the file %d", m.TotalCompressedSize, start, size)
			}
			if !slices.Contains(codecs, m.Codec) {
				return fmt.Errorf("a column is compressed by %s; write the file anew with Snappy", m.Codec)
			}
			for at, end := start, start+m.TotalCompressedSize; at < end; {
				header, n, err := pageHeader(f, at, end)
				if err != nil {
					return fmt.Errorf("the file is damaged: the page at %d: %w", at, err)
				}
				body, values := int64(header.CompressedPageSize), max(header.DataPageHeader.V.NumValues, header.DataPageHeaderV2.V.NumValues, header.DictionaryPageHeader.V.NumValues)
				if body < 0 || body > end-at-n || header.UncompressedPageSize < 0 || header.UncompressedPageSize > maxPageBytes || values > maxPageValues {
					return fmt.Errorf("the page at %d claims %d bytes, %d uncompressed, and %d values: the file is damaged, or has pages of more than %d MiB", at, body, header.UncompressedPageSize, values, maxPageBytes>>20)
				}
				if m.Codec == format.Snappy {
					if err := checkSnappy(f, at+n, header); err != nil {
						return fmt.Errorf("the file is damaged: the page at %d: %w", at, err)
					}
				}
				at += n + body
			}
		}
	}
	return nil
}

// pageHeader reads the header of the page at an offset, and its length.
func pageHeader(f io.ReaderAt, at, end int64) (header format.PageHeader, n int64, err error) {
	for _, length := range []int64{headerBytes, longerHeader} {
		data := make([]byte, min(length, end-at))
		if _, err := f.ReadAt(data, at); err != nil {
			return header, 0, err
		}
		header = format.PageHeader{}
		r := new(thrift.CompactProtocol).NewReaderFromBytes(data)
		if err = thrift.NewDecoder(r).Decode(&header); err == nil {
			return header, int64(r.BytesRead()), nil
		}
	}
	return header, 0, err
}

// checkSnappy returns an error unless the compressed part of a page, whose body is at an
// offset, has the length that the page's header claims: the decoder takes memory by its own.
func checkSnappy(f io.ReaderAt, at int64, header format.PageHeader) error {
	want, levels := int64(header.UncompressedPageSize), int64(0)
	if header.DataPageHeaderV2.Valid {
		v2 := header.DataPageHeaderV2.V
		if v2.IsCompressed.Valid && !v2.IsCompressed.V {
			return nil
		}
		if v2.DefinitionLevelsByteLength < 0 || v2.RepetitionLevelsByteLength < 0 {
			return fmt.Errorf("levels of %d and %d bytes", v2.DefinitionLevelsByteLength, v2.RepetitionLevelsByteLength)
		}
		levels = int64(v2.DefinitionLevelsByteLength) + int64(v2.RepetitionLevelsByteLength)
	}
	body := int64(header.CompressedPageSize) - levels
	if body <= 0 {
		return nil // nothing is compressed
	}
	prefix := make([]byte, min(body, binary.MaxVarintLen64))
	if _, err := f.ReadAt(prefix, at+levels); err != nil {
		return err
	}
	if length, n := binary.Uvarint(prefix); n <= 0 || length != uint64(want-levels) {
		return fmt.Errorf("%d bytes where its header says %d", length, want-levels)
	}
	return nil
}
