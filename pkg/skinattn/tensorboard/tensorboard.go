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

// Create begins a new event file in dir, which is made if need be. TensorBoard
// reads all event files of a folder as one run, in the order of their names:
// a run that is resumed has several.
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
		version := appendText(appendDouble(nil, 1, seconds(now)), 3, "brain.Event:2") // wall_time, file_version
		if err := w.record(version); err != nil {
			return nil, errors.Join(err, w.Close())
		}
		return w, nil
	}
}

// Write appends an event with the scalars of a step. What was written before
// it stays readable if the process ends in the middle.
func (w *Writer) Write(step int64, now time.Time, scalars ...Scalar) error {
	var summary []byte
	for _, s := range scalars {
		value := appendFloat(appendText(nil, 1, s.Tag), 2, float32(s.Value)) // tag, simple_value
		summary = appendText(summary, 1, string(value))                      // value
	}
	event := appendDouble(nil, 1, seconds(now)) // wall_time
	event = appendVarint(event, 2, uint64(step))
	event = appendText(event, 5, string(summary))
	return w.record(event)
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

// masked is the CRC-32C, turned and shifted so that a CRC over a CRC is none.
func masked(data []byte) uint32 {
	crc := crc32.Checksum(data, castagnoli)
	return (crc>>15 | crc<<17) + 0xa282ead8
}

func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

// Wire types of protocol buffers.
const (
	varint  = 0
	fixed64 = 1
	bytes   = 2
	fixed32 = 5
)

func appendKey(b []byte, field, wire uint64) []byte {
	return binary.AppendUvarint(b, field<<3|wire)
}

func appendVarint(b []byte, field, v uint64) []byte {
	return binary.AppendUvarint(appendKey(b, field, varint), v)
}

func appendDouble(b []byte, field uint64, v float64) []byte {
	return binary.LittleEndian.AppendUint64(appendKey(b, field, fixed64), math.Float64bits(v))
}

func appendFloat(b []byte, field uint64, v float32) []byte {
	return binary.LittleEndian.AppendUint32(appendKey(b, field, fixed32), math.Float32bits(v))
}

func appendText(b []byte, field uint64, text string) []byte {
	b = binary.AppendUvarint(appendKey(b, field, bytes), uint64(len(text)))
	return append(b, text...)
}
