// Package safetensors reads and writes float32 tensors in the safetensors
// format (https://huggingface.co/docs/safetensors): eight bytes with the
// header's length, a JSON header, the raw little-endian values. Checkpoints are
// kept in it, so that Python reads them with its own library.
package safetensors

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
)

// Tensor is a named array of float32 in row-major order.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

type entry struct {
	DType   string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets [2]int `json:"data_offsets"`
}

// maxHeader bounds what a damaged length field can make us allocate.
const maxHeader = 64 << 20

// Write writes the tensors in the given order; equal tensors give equal bytes.
func Write(w io.Writer, tensors []Tensor) error {
	header := map[string]entry{}
	offset := 0
	for _, t := range tensors {
		if _, twice := header[t.Name]; twice {
			return fmt.Errorf("tensor %q is given twice", t.Name)
		}
		if size(t.Shape) != len(t.Data) {
			return fmt.Errorf("tensor %q of shape %v has %d values", t.Name, t.Shape, len(t.Data))
		}
		shape := t.Shape
		if shape == nil {
			shape = []int{} // a scalar is [], not null
		}
		header[t.Name] = entry{"F32", shape, [2]int{offset, offset + 4*len(t.Data)}}
		offset += 4 * len(t.Data)
	}
	text, err := json.Marshal(header) // sorts the names
	if err != nil {
		return err
	}
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	if err := binary.Write(w, binary.LittleEndian, uint64(len(text))); err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	for _, t := range tensors {
		if err := binary.Write(w, binary.LittleEndian, t.Data); err != nil {
			return err
		}
	}
	return nil
}

// Parse reads tensors from the bytes of a file, in the order of their data.
func Parse(raw []byte) ([]Tensor, error) {
	if len(raw) < 8 {
		return nil, fmt.Errorf("not a safetensors file: %d bytes", len(raw))
	}
	length := binary.LittleEndian.Uint64(raw)
	if length > maxHeader || length > uint64(len(raw)-8) {
		return nil, fmt.Errorf("not a safetensors file, or a truncated one: a header of %d bytes in %d", length, len(raw))
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(raw[8:8+length], &header); err != nil {
		return nil, fmt.Errorf("reading the safetensors header: %w", err)
	}
	delete(header, "__metadata__")
	data := raw[8+length:]
	type located struct {
		start  int
		tensor Tensor
	}
	var all []located
	for name, text := range header {
		var e entry
		if err := json.Unmarshal(text, &e); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		if e.DType != "F32" {
			return nil, fmt.Errorf("tensor %q has type %s; only F32 is read", name, e.DType)
		}
		start, end := e.Offsets[0], e.Offsets[1]
		if start < 0 || end < start || end > len(data) || (end-start)%4 != 0 {
			return nil, fmt.Errorf("tensor %q: bytes %d to %d of %d", name, start, end, len(data))
		}
		if count := size(e.Shape); count != (end-start)/4 {
			return nil, fmt.Errorf("tensor %q of shape %v has %d values", name, e.Shape, (end-start)/4)
		}
		values := make([]float32, (end-start)/4)
		for i := range values {
			values[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[start+4*i:]))
		}
		all = append(all, located{start, Tensor{name, e.Shape, values}})
	}
	slices.SortFunc(all, func(a, b located) int {
		if a.start != b.start {
			return a.start - b.start
		}
		if a.tensor.Name < b.tensor.Name {
			return -1
		}
		return 1
	})
	tensors := make([]Tensor, len(all))
	for i, l := range all {
		tensors[i] = l.tensor
	}
	return tensors, nil
}

// size is the number of elements, -1 for a shape that no tensor can have.
func size(shape []int) int {
	count := 1
	for _, dim := range shape {
		if dim < 0 || (dim > 0 && count > math.MaxInt32/dim) {
			return -1
		}
		count *= dim
	}
	return count
}
