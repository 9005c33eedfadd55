package eval

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/skinattn/skinattn/internal/atomicfile"
)

// idColumns are the columns before the classes.
var idColumns = []string{"image_id", "lesion_id", "dx"}

// ReadFile reads the predictions CSV at path; see [ReadCSV]. Errors name path.
func ReadFile(path string) (*Predictions, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading predictions: %w", err)
	}
	defer f.Close()
	p, err := ReadCSV(f)
	if err != nil {
		return nil, fmt.Errorf("reading predictions: %s: %w", path, err)
	}
	return p, nil
}

// ReadCSV reads a table with the header
//
//	image_id,lesion_id,dx,CLASS,CLASS,...
//
// The class names and their order come from the header; dx is one of them, or
// empty where the true class is unknown; lesion_id may be empty. Probabilities
// become the nearest float32. A UTF-8 byte order mark and CRLF line ends, as
// spreadsheets write them, are accepted.
//
// The table is validated as by [Predictions.Validate]. Errors name row and
// column; rows count from 1 at the header, as editors and spreadsheets do.
func ReadCSV(r io.Reader) (*Predictions, error) {
	buffered := bufio.NewReader(r)
	if mark, _ := buffered.Peek(3); bytes.Equal(mark, []byte("\uFEFF")) {
		buffered.Discard(3)
	}
	in := csv.NewReader(buffered)
	in.ReuseRecord = true
	header, err := in.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("empty file: the header %s and the classes are missing", strings.Join(idColumns, ","))
	}
	if err != nil {
		return nil, err
	}
	if len(header) < len(idColumns) || !slices.Equal(header[:len(idColumns)], idColumns) {
		return nil, fmt.Errorf("row 1: the header is %q: it must start with %s and go on with the classes", strings.Join(header, ","), strings.Join(idColumns, ","))
	}
	p := &Predictions{Classes: slices.Clone(header[len(idColumns):])}
	if err := validateClasses(p.Classes); err != nil {
		return nil, fmt.Errorf("row 1: %w", err)
	}
	seen := make(map[string]bool)
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return p, nil
		}
		if err != nil {
			return nil, err // csv.ParseError names line and column
		}
		line, _ := in.FieldPos(0)
		if err := p.appendRecord(record, seen); err != nil {
			return nil, fmt.Errorf("row %d, %w", line, err)
		}
	}
}

// appendRecord parses and validates one record. Its error starts with the
// column's name.
func (p *Predictions) appendRecord(record []string, seen map[string]bool) error {
	truth := Unknown
	if dx := record[2]; dx != "" {
		if truth = p.ClassIndex(dx); truth < 0 {
			return fmt.Errorf("column dx: unknown class %q (the header has %s)", dx, strings.Join(p.Classes, ", "))
		}
	}
	row := make([]float32, len(p.Classes))
	for k, text := range record[len(idColumns):] {
		v, err := strconv.ParseFloat(text, 32)
		if err != nil {
			return fmt.Errorf("column %s: %q is not a probability", p.Classes[k], text)
		}
		row[k] = float32(v)
	}
	p.ImageIDs = append(p.ImageIDs, strings.Clone(record[0]))
	p.LesionIDs = append(p.LesionIDs, strings.Clone(record[1]))
	p.Truth = append(p.Truth, truth)
	p.Probs = append(p.Probs, row)
	return p.validateRow(p.Len()-1, seen)
}

// WriteFile validates p and writes it to path in one step: a failure leaves
// what was there before.
func (p *Predictions) WriteFile(path string) error {
	if err := p.Validate(); err != nil {
		return fmt.Errorf("writing predictions: %s: %w", path, err)
	}
	return atomicfile.WriteFile(path, p.writeCSV)
}

// WriteCSV validates p and writes it in the form that [ReadCSV] reads, each
// probability as the shortest text that reads back to the same float32: equal
// tables give equal bytes.
func (p *Predictions) WriteCSV(w io.Writer) error {
	if err := p.Validate(); err != nil {
		return fmt.Errorf("writing predictions: %w", err)
	}
	return p.writeCSV(w)
}

func (p *Predictions) writeCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	record := slices.Concat(idColumns, p.Classes)
	out.Write(record) // a csv.Writer keeps its first error until Flush
	for i, id := range p.ImageIDs {
		record[0], record[1], record[2] = id, "", ""
		if len(p.LesionIDs) != 0 {
			record[1] = p.LesionIDs[i]
		}
		if t := p.Truth[i]; t != Unknown {
			record[2] = p.Classes[t]
		}
		for k, v := range p.Probs[i] {
			record[len(idColumns)+k] = strconv.FormatFloat(float64(v), 'g', -1, 32)
		}
		out.Write(record)
	}
	out.Flush()
	return out.Error()
}
