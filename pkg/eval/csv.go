package eval

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/csvtable"
	"github.com/skinattn/skinattn/internal/oneline"
)

// idColumns are the columns before the classes.
var idColumns = []string{"image_id", "lesion_id", "dx"}

// RowError is a mistake in a row of a CSV file, with file, line and column. Every
// reader of a CSV file in this module (predictions, metadata, splits, histories,
// scores of maps) returns it for a bad row; errors.As finds it.
type RowError = csvtable.Error

// ReadPredictions reads the predictions CSV at path; see [ParsePredictions].
func ReadPredictions(path string) (table *Table, err error) {
	err = csvtable.ReadFile(path, func(t *csvtable.Reader) error {
		table, err = readPredictions(t)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading predictions: %w", err)
	}
	return table, nil
}

// ParsePredictions reads a predictions CSV with the header
//
//	image_id,lesion_id,dx,CLASS,CLASS,...
//
// The class names and their order come from the header; dx is one of them, or
// empty where the true class is unknown; lesion_id may be empty. Probabilities
// become the nearest float32. What spreadsheets write is accepted: byte order marks,
// UTF-16, semicolons and tabs, CRLF and CR line ends; so is the first column without a name,
// or with the name "Unnamed: 0", that pandas adds.
//
// The rows are checked as by [Predictions.Validate], and rounded rows are normalised, with
// a note ([Table.Notes]). A mistake in a row is a [RowError].
func ParsePredictions(r io.Reader) (*Table, error) {
	t, err := csvtable.NewReader(r, "")
	if err != nil {
		return nil, err
	}
	return readPredictions(t)
}

func readPredictions(t *csvtable.Reader) (*Table, error) {
	header := t.Header()
	index := 0 // columns before the table's
	if len(header) > 0 && (header[0] == "" || header[0] == "Unnamed: 0") {
		index = 1
		header = header[index:]
	}
	if len(header) < len(idColumns) || !slices.Equal(header[:len(idColumns)], idColumns) {
		return nil, t.Errorf("the header is %q: it must start with %s and go on with the classes", strings.Join(t.Header(), ","), strings.Join(idColumns, ","))
	}
	p := &Predictions{Classes: slices.Clone(header[len(idColumns):])}
	if err := validateClasses(p.Classes); err != nil {
		return nil, t.Errorf("%w", err)
	}
	seen := make(map[string]bool)
	if err := t.Each(func(fields []string) error { return p.appendRecord(fields[index:], seen) }); err != nil {
		return nil, err
	}
	return normalizedTable(p)
}

// appendRecord parses and validates one row.
func (p *Predictions) appendRecord(fields []string, seen map[string]bool) error {
	truth := TruthUnknown
	if dx := fields[2]; dx != "" {
		if truth = p.ClassIndex(dx); truth < 0 {
			return csvtable.Errorf("dx", "unknown class %q (the header has %s)", dx, oneline.List(p.Classes))
		}
	}
	row := make([]float32, len(p.Classes))
	for k, text := range fields[len(idColumns):] {
		v, err := strconv.ParseFloat(text, 32)
		if err != nil {
			return csvtable.Errorf(p.Classes[k], "%w", csvtable.NotNumber(text, "a probability"))
		}
		row[k] = float32(v)
	}
	p.ImageIDs = append(p.ImageIDs, strings.Clone(fields[0]))
	p.LesionIDs = append(p.LesionIDs, strings.Clone(fields[1]))
	p.Truth = append(p.Truth, truth)
	p.Probs = append(p.Probs, row)
	return p.validateRow(p.Len()-1, seen)
}

// WriteFile writes t to path in one step, as [Table.WriteCSV] does: after a failure,
// an old file at path is unchanged.
func (t *Table) WriteFile(path string) error { return atomicfile.WriteFile(path, t.WriteCSV) }

// SHA256 is the hexadecimal SHA-256 of the bytes that [Table.WriteCSV] writes:
// equal for tables of equal content.
func (t *Table) SHA256() string {
	sum := sha256.New()
	t.WriteCSV(sum) // a hash does not fail
	return hex.EncodeToString(sum.Sum(nil))
}

// WriteCSV writes t in the form that [ParsePredictions] reads, each probability
// as the shortest text that reads back to the same float32: equal tables give
// equal bytes.
func (t *Table) WriteCSV(w io.Writer) error {
	p := t.rows
	out := csv.NewWriter(w)
	record := slices.Concat(idColumns, p.Classes)
	out.Write(record) // a csv.Writer keeps its first error until Flush
	for i, id := range p.ImageIDs {
		record[0], record[1], record[2] = id, "", ""
		if len(p.LesionIDs) != 0 {
			record[1] = p.LesionIDs[i]
		}
		if t := p.Truth[i]; t != TruthUnknown {
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
