// Package npy reads and writes arrays of numbers in NumPy's .npy format
// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
//
// The package trusts no file: it checks the header's length, type and shape against the
// size of the file before it allocates memory for them.
//
// The package exists beside codeberg.org/sbinet/npyio v0.14.0, which writes slices
// as one-dimensional arrays and matrices only, in other bytes than NumPy's, and does
// not compare a header with the file's size; and beside GoMLX's core/tensors/numpy
// v0.28.3, which calls itself experimental, allocates any size that a header states, and
// would bring GoMLX to package keras.
package npy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/skinattn/skinattn/internal/numbers"
)

const magic = "\x93NUMPY"

// ErrNotNPY says that a file does not start like an .npy file.
var ErrNotNPY = errors.New("not an .npy file")

// Write writes values, in C order, as an array of float32. An empty shape is a scalar's.
// Equal arrays give equal bytes.
func Write(w io.Writer, shape []int, values []float32) error {
	n, err := numbers.Count(shape)
	if err != nil {
		return err
	}
	if n != len(values) {
		return fmt.Errorf("%d values for shape %v", len(values), shape)
	}
	dims := make([]string, len(shape))
	for i, dim := range shape {
		dims[i] = strconv.Itoa(dim)
	}
	tuple := strings.Join(dims, ", ")
	if len(shape) == 1 {
		tuple += "," // as Python writes it
	}
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", tuple)
	const prefix, align = len(magic) + 4, 64
	header += strings.Repeat(" ", align-1-(prefix+len(header))%align) + "\n"
	head := binary.LittleEndian.AppendUint16([]byte(magic+"\x01\x00"), uint16(len(header)))
	if _, err := w.Write(append(head, header...)); err != nil {
		return err
	}
	return numbers.Write(w, values)
}

// maxHeader bounds a header's length; NumPy writes less than 200 bytes.
const maxHeader = 10000

// Read reads an array of numbers from r, a file of size bytes. Values come in C order
// whatever the file's order. Floats of 16, 32 and 64 bits are rounded to float32; an
// integer that float32 does not hold is an error.
func Read(r io.Reader, size int64) (shape []int, values []float32, err error) {
	head := make([]byte, 8)
	if n, err := io.ReadFull(r, head); err != nil || string(head[:len(magic)]) != magic {
		if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
			return nil, nil, err
		}
		return nil, nil, fmt.Errorf("%w (%d bytes)", ErrNotNPY, max(int64(n), size))
	}
	width := 2
	switch head[6] {
	case 1:
	case 2, 3:
		width = 4
	default:
		return nil, nil, fmt.Errorf("version %d of the .npy format is not known", head[6])
	}
	lengthBytes := make([]byte, 4)
	if _, err := io.ReadFull(r, lengthBytes[:width]); err != nil {
		return nil, nil, truncated(err)
	}
	length := int64(binary.LittleEndian.Uint32(lengthBytes))
	if length > maxHeader {
		return nil, nil, fmt.Errorf("a header of %d bytes; at most %d are read", length, maxHeader)
	}
	header := make([]byte, length)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, nil, truncated(err)
	}
	h, err := parseHeader(string(header))
	if err != nil {
		return nil, nil, err
	}
	n, err := numbers.Count(h.shape)
	if err != nil {
		return nil, nil, err
	}
	have := size - int64(8+width) - length
	if want := int64(n) * int64(h.kind.Size); have != want {
		return nil, nil, fmt.Errorf("%d bytes of values; shape %v of type %s takes %d", have, h.shape, h.descr, want)
	}
	raw := make([]byte, have)
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, nil, truncated(err)
	}
	if values, err = h.kind.Float32s(raw, n); err != nil {
		return nil, nil, err
	}
	if h.fortran {
		values = transpose(values, h.shape)
	}
	return h.shape, values, nil
}

func truncated(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("the file is truncated")
	}
	return err
}

// header is the dictionary at the start of a file.
type header struct {
	descr   string
	kind    numbers.Type
	fortran bool
	shape   []int
}

// headerPattern matches a Python dictionary literal with the three keys in the order that
// NumPy writes. Python 2 ends long integers in L.
var headerPattern = regexp.MustCompile(
	`^\{\s*'descr':\s*'([^']*)',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(([0-9L, ]*)\),?\s*\}\s*$`)

func parseHeader(text string) (header, error) {
	match := headerPattern.FindStringSubmatch(text)
	if match == nil {
		return header{}, fmt.Errorf("the header %.80q is not one of a plain array of numbers", text)
	}
	h := header{descr: match[1], fortran: match[2] == "True"}
	if len(h.descr) != 3 || !strings.ContainsRune("<>|=", rune(h.descr[0])) {
		return h, fmt.Errorf("type %q is not read; convert it to float32", h.descr)
	}
	order, letter, size := h.descr[0], h.descr[1], int(h.descr[2]-'0')
	h.kind = numbers.Type{Float: letter == 'f', Signed: letter == 'i', BigEndian: order == '>', Size: size}
	sizes := map[byte][]int{'f': {2, 4, 8}, 'i': {1, 2, 4, 8}, 'u': {1, 2, 4, 8}}
	if !slices.Contains(sizes[letter], size) || size > 1 && order == '|' {
		return h, fmt.Errorf("type %q is not read; convert it to float32", h.descr)
	}
	const maxRank = 32 // NumPy's own
	for part := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(match[3]), ","), ",") {
		part = strings.TrimSuffix(strings.TrimSpace(part), "L")
		if part == "" && match[3] == "" {
			break // a scalar
		}
		dim, err := strconv.ParseInt(part, 10, 32)
		if err != nil || len(h.shape) == maxRank {
			return h, fmt.Errorf("shape (%.80s) is not read", match[3])
		}
		h.shape = append(h.shape, int(dim))
	}
	return h, nil
}

// transpose changes values from Fortran order, in which the first index moves fastest, to
// C order.
func transpose(values []float32, shape []int) []float32 {
	out := make([]float32, len(values))
	index := make([]int, len(shape))
	for i := range out {
		from, stride := 0, 1
		for axis, at := range index {
			from += at * stride
			stride *= shape[axis]
		}
		out[i] = values[from]
		for axis := len(shape) - 1; axis >= 0; axis-- {
			if index[axis]++; index[axis] < shape[axis] {
				break
			}
			index[axis] = 0
		}
	}
	return out
}
