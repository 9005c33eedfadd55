package filecache

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/parallel"
)

// The file of checksums has the name of the content's with sumsSuffix. It holds sumsMagic,
// the length of the content (uint64), the CRC-32C of each blockBytes of it (uint32) and the
// CRC-32C of all these, little-endian.
const (
	sumsSuffix = ".sums"
	sumsMagic  = "skinattn sums 1\n"
	blockBytes = 1 << 20
)

// errDamaged says that content does not have its checksums.
var errDamaged = errors.New("damaged")

// castagnoli is the polynomial that processors have an instruction for.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sums returns the text of the file of checksums for the content of file.
func sums(ctx context.Context, file *os.File) ([]byte, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	blocks := make([]uint32, (info.Size()+blockBytes-1)/blockBytes)
	err = parallel.ForWorkers(ctx, len(blocks), 0, func() func(int) error {
		buffer := make([]byte, blockBytes)
		return func(i int) error {
			// Reading, unlike looking at the map, reports a fault of the disk as an error.
			n, err := file.ReadAt(buffer, int64(i)*blockBytes)
			if err != nil && err != io.EOF {
				return err
			}
			blocks[i] = crc32.Checksum(buffer[:n], castagnoli)
			return nil
		}
	})
	if err != nil {
		return nil, err
	}
	text := binary.LittleEndian.AppendUint64([]byte(sumsMagic), uint64(info.Size()))
	for _, sum := range blocks {
		text = binary.LittleEndian.AppendUint32(text, sum)
	}
	return binary.LittleEndian.AppendUint32(text, crc32.Checksum(text, castagnoli)), nil
}

// writeSums writes the checksums of the file at path.
func writeSums(ctx context.Context, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	text, err := sums(ctx, file)
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(path+sumsSuffix, text)
}

// compareSums returns an errDamaged if the content of file does not have its checksums,
// and an fs.ErrNotExist if it has none, as older versions wrote none.
func compareSums(ctx context.Context, file *os.File) error {
	want, err := os.ReadFile(file.Name() + sumsSuffix)
	if err != nil {
		return err
	}
	have, err := sums(ctx, file)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("%s is %w (%w)", file.Name(), errDamaged, err)
	case string(have) != string(want):
		return fmt.Errorf("%s is %w: %s", file.Name(), errDamaged, firstDifference(have, want))
	}
	return nil
}

// firstDifference says where content differs from its checksums.
func firstDifference(have, want []byte) string {
	if len(have) != len(want) {
		return "its checksums are of content of another length"
	}
	for at := len(sumsMagic) + 8; at+4 < len(have); at += 4 {
		if string(have[at:at+4]) != string(want[at:at+4]) {
			block := int64(at-len(sumsMagic)-8) / 4
			return fmt.Sprintf("the bytes from %d on do not have their checksum", block*blockBytes)
		}
	}
	return "its checksums are damaged"
}
