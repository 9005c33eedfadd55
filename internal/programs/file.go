package programs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
)

// The file of a program: magic; the length of the key as 32 bits, the key; the length
// of the program as 64 bits, the program; the SHA-256 of all before. Numbers are little
// endian.
const magic = "skinattn program 1\n"

// errDamaged says that a file is not what it should be.
var errDamaged = errors.New("the file of a compiled program is damaged or belongs to another program")

// header returns what stands before a program of size bytes.
func header(key Key, size int) []byte {
	h := append([]byte(magic), binary.LittleEndian.AppendUint32(nil, uint32(len(key)))...)
	h = append(h, key...)
	return binary.LittleEndian.AppendUint64(h, uint64(size))
}

// encode writes the file of a program.
func encode(w io.Writer, key Key, program []byte) error {
	sum := sha256.New()
	for _, part := range [][]byte{header(key, len(program)), program} {
		sum.Write(part)
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	_, err := w.Write(sum.Sum(nil))
	return err
}

// decode returns the program in a file that must have the given key. The program
// shares content's memory.
func decode(content []byte, key Key) ([]byte, error) {
	size := len(content) - len(header(key, 0)) - sha256.Size
	if size < 0 {
		return nil, errDamaged
	}
	h := header(key, size)
	if !bytes.HasPrefix(content, h) {
		return nil, errDamaged
	}
	body, sum := content[:len(content)-sha256.Size], content[len(content)-sha256.Size:]
	if actual := sha256.Sum256(body); !bytes.Equal(actual[:], sum) {
		return nil, errDamaged
	}
	return body[len(h):], nil
}
