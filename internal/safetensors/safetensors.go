// Package safetensors reads and writes float32 tensors in the safetensors
// format (https://huggingface.co/docs/safetensors): eight bytes with the
// header's length, a JSON header, the raw little-endian values. Checkpoints have this
// format, so that Python reads them with the format's own library.
package safetensors

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/skinattn/skinattn/internal/numbers"
)

// Tensor is a named array of float32 in row-major order.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// entry is a tensor's place in the header.
type entry struct {
	DType   string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets []int  `json:"data_offsets"` // first byte, and first byte after the tensor
}

// Write writes the tensors in the given order; equal tensors give equal bytes.
func Write(w io.Writer, tensors []Tensor) error {
	header := map[string]entry{}
	offset := 0
	for _, t := range tensors {
		if _, twice := header[t.Name]; twice || t.Name == metadataKey {
			return fmt.Errorf("tensor %q: the name is taken", t.Name)
		}
		if n, err := numbers.Count(t.Shape); err != nil || n != len(t.Data) {
			return fmt.Errorf("tensor %q of shape %v has %d values", t.Name, t.Shape, len(t.Data))
		}
		shape := t.Shape
		if shape == nil {
			shape = []int{} // a scalar is [], not null
		}
		header[t.Name] = entry{"F32", shape, []int{offset, offset + 4*len(t.Data)}}
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
		if err := numbers.Write(w, t.Data); err != nil {
			return err
		}
	}
	return nil
}

// metadataKey is the header's key for texts; all other keys are tensors.
const metadataKey = "__metadata__"

// Parse reads tensors from the bytes of a file, in the order of their data. By the format
// the data have no gap and no overlap. So the tensors never need more memory than the file
// has bytes.
func Parse(raw []byte) ([]Tensor, error) {
	if len(raw) < 8 {
		return nil, fmt.Errorf("not a safetensors file: %d bytes", len(raw))
	}
	length := binary.LittleEndian.Uint64(raw)
	if length > uint64(len(raw)-8) {
		return nil, fmt.Errorf("not a safetensors file, or a truncated one: a header of %d bytes in %d", length, len(raw))
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(raw[8:8+length], &header); err != nil {
		return nil, fmt.Errorf("reading the safetensors header: %w", err)
	}
	delete(header, metadataKey)
	data := raw[8+length:]
	type located struct {
		name string
		entry
	}
	all := make([]located, 0, len(header))
	for name, text := range header {
		var e entry
		if err := json.Unmarshal(text, &e); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		if err := e.check(len(data)); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		all = append(all, located{name, e})
	}
	slices.SortFunc(all, func(a, b located) int {
		return cmp.Or(cmp.Compare(a.Offsets[0], b.Offsets[0]), cmp.Compare(a.Offsets[1], b.Offsets[1]), cmp.Compare(a.name, b.name))
	})
	end := 0
	for _, l := range all {
		if l.Offsets[0] != end {
			return nil, fmt.Errorf("tensor %q begins at byte %d of the data, the one before ends at %d", l.name, l.Offsets[0], end)
		}
		end = l.Offsets[1]
	}
	if end != len(data) {
		return nil, fmt.Errorf("the tensors end at byte %d of %d of the data", end, len(data))
	}
	tensors := make([]Tensor, len(all))
	for i, l := range all {
		values := make([]float32, (l.Offsets[1]-l.Offsets[0])/4)
		if _, err := binary.Decode(data[l.Offsets[0]:], binary.LittleEndian, values); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", l.name, err)
		}
		tensors[i] = Tensor{l.name, l.Shape, values}
	}
	return tensors, nil
}

// check returns an error if a file with the given bytes of data can't have the entry.
func (e entry) check(data int) error {
	switch {
	case e.DType != "F32":
		return fmt.Errorf("type %q; only F32 is read", e.DType)
	case e.Shape == nil:
		return errors.New("no shape")
	case len(e.Offsets) != 2:
		return fmt.Errorf("%d data offsets; there must be 2", len(e.Offsets))
	}
	start, end := e.Offsets[0], e.Offsets[1]
	if start < 0 || end < start || end > data || (end-start)%4 != 0 {
		return fmt.Errorf("bytes %d to %d of %d", start, end, data)
	}
	if n, err := numbers.Count(e.Shape); err != nil || n != (end-start)/4 {
		return fmt.Errorf("shape %v with %d values", e.Shape, (end-start)/4)
	}
	return nil
}
