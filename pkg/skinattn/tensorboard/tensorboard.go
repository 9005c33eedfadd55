// Package tensorboard writes scalars to event files that TensorBoard reads.
//
// A file is a row of records in TensorFlow's record format (the TFRecord page
// of TensorFlow's guide): length, masked CRC-32C of the length, bytes, masked
// CRC-32C of the bytes, all little-endian. The bytes are an Event of
// tensorflow/core/util/event.proto with a Summary of
// tensorflow/core/framework/summary.proto, in protocol-buffer encoding.
package tensorboard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Scalar is a value under a tag, such as "loss/train".
type Scalar struct {
	Tag   string
	Value float64
}

// Writer appends events to a file of its own.
type Writer struct {
	file *os.File
}

// Create begins a new event file in dir and makes dir if it is absent. TensorBoard reads
// all event files of a folder as one run, in the order of their names: a resumed run has
// several.
func Create(dir string, now time.Time) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the TensorBoard folder: %w", err)
	}
	for number := 0; ; number++ {
		path := filepath.Join(dir, fmt.Sprintf("events.out.tfevents.%010d.skinattn.%d", now.Unix(), number))
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("making a TensorBoard file: %w", err)
		}
		w := &Writer{file}
		if err := w.record(appendText(newEvent(now), 3, "brain.Event:2")); err != nil { // file_version
			return nil, errors.Join(err, w.Close())
		}
		return w, nil
	}
}

// Write appends an event with the scalars of a step. Earlier events stay readable if the
// process ends in the middle.
func (w *Writer) Write(step int64, now time.Time, scalars ...Scalar) error {
	var summary []byte
	for _, s := range scalars {
		value := appendText(nil, 1, s.Tag) // tag
		value = protowire.AppendTag(value, 2, protowire.Fixed32Type)
		value = protowire.AppendFixed32(value, math.Float32bits(float32(s.Value))) // simple_value
		summary = appendText(summary, 1, string(value))                            // value
	}
	event := protowire.AppendTag(newEvent(now), 2, protowire.VarintType)
	event = protowire.AppendVarint(event, uint64(step))
	return w.record(appendText(event, 5, string(summary)))
}

// Close closes the file.
func (w *Writer) Close() error { return w.file.Close() }

func (w *Writer) record(data []byte) error {
	raw := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	raw = binary.LittleEndian.AppendUint32(raw, masked(raw))
	raw = append(raw, data...)
	raw = binary.LittleEndian.AppendUint32(raw, masked(data))
	if _, err := w.file.Write(raw); err != nil {
		return fmt.Errorf("writing for TensorBoard: %w", err)
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is TensorFlow's masked CRC-32C: rotated and shifted, because a CRC over data that
// holds its own CRC is weak.
func masked(data []byte) uint32 {
	crc := crc32.Checksum(data, castagnoli)
	return (crc>>15 | crc<<17) + 0xa282ead8
}

// newEvent begins an Event with its wall_time.
func newEvent(now time.Time) []byte {
	event := protowire.AppendTag(nil, 1, protowire.Fixed64Type)
	return protowire.AppendFixed64(event, math.Float64bits(float64(now.UnixNano())/1e9))
}

// appendText appends a field of text or of an embedded message.
func appendText(b []byte, field protowire.Number, text string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), text)
}
