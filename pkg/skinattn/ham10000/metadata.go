package ham10000

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/skinattn/skinattn/internal/atomicfile"
)

// columns are the header names of the eight-column form, in its order. The
// seven-column form lacks the last.
var columns = []string{"lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization", "dataset"}

const optionalColumn = "dataset"

// maxAge bounds what is taken for an age in years; more is a damaged field.
const maxAge = 130

// Record is one row of the metadata table: one photo.
type Record struct {
	// ImageID names the photo and its file, such as "ISIC_0027419".
	ImageID string
	// LesionID names the lesion shown, such as "HAM_0000118"; photos share it.
	LesionID string
	// Dx is the diagnosis, one of Classes.
	Dx string
	// DxType is how the diagnosis was made: histo, follow_up, consensus or
	// confocal. It gives the diagnosis away and must never be a model input.
	DxType string
	// Age is the patient's age in years, rounded to 5; NaN where missing.
	Age float64
	// Sex is one of Sexes.
	Sex string
	// Localization is the body site, one of Localizations.
	Localization string
	// Dataset is the source collection, empty in the seven-column form.
	Dataset string
}

// HasAge tells whether the patient's age is known.
func (r Record) HasAge() bool { return !math.IsNaN(r.Age) }

// ReadMetadata reads the metadata table at path, comma- or tab-separated. The
// columns are found by their header names in any order; columns with other
// names are ignored, and column dataset may be absent. An empty age (or NaN,
// NA, unknown) is missing, an empty sex or localization is [Unknown].
//
// Everything else that is not in the table's vocabulary is an error that names
// the file, the line and the column: an unknown diagnosis, sex or site, an age
// that is no number of years, a row too short or too long, an image listed
// twice, and a lesion with two diagnoses (naming both lines).
func ReadMetadata(path string) ([]Record, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading metadata: %w", err)
	}
	defer f.Close()
	return readMetadata(f, path)
}

// readMetadata is ReadMetadata on a stream; name stands for it in errors.
func readMetadata(r io.Reader, name string) ([]Record, error) {
	rows, err := newTable(r, name)
	if err != nil {
		return nil, err
	}
	var records []Record
	lineOfImage := make(map[string]int)
	type diagnosis struct {
		dx   string
		line int
	}
	byLesion := make(map[string]diagnosis)
	for {
		rec, line, err := rows.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if first, ok := lineOfImage[rec.ImageID]; ok {
			return nil, fmt.Errorf("%s:%d: column image_id: %s is listed already in line %d", name, line, rec.ImageID, first)
		}
		lineOfImage[rec.ImageID] = line
		if first, ok := byLesion[rec.LesionID]; !ok {
			byLesion[rec.LesionID] = diagnosis{rec.Dx, line}
		} else if first.dx != rec.Dx {
			return nil, fmt.Errorf("%s:%d: column dx: lesion %s is %s here and %s in line %d", name, line, rec.LesionID, rec.Dx, first.dx, first.line)
		}
		records = append(records, rec)
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("%s: no rows below the header", name)
	}
	return records, nil
}

// table walks the rows of a metadata file.
type table struct {
	name string
	csv  *csv.Reader
	at   map[string]int // position of each known column
}

func newTable(r io.Reader, name string) (*table, error) {
	buffered := bufio.NewReader(r)
	if mark, _ := buffered.Peek(3); string(mark) == "\ufeff" {
		buffered.Discard(3)
	}
	t := &table{name: name, csv: csv.NewReader(buffered), at: make(map[string]int)}
	// Dataverse serves its own conversion of the table tab-separated.
	head, _ := buffered.Peek(buffered.Size())
	if line, _, _ := strings.Cut(string(head), "\n"); strings.Contains(line, "\t") && !strings.Contains(line, ",") {
		t.csv.Comma = '\t'
	}
	t.csv.ReuseRecord = true
	header, err := t.csv.Read()
	if err == io.EOF {
		return nil, fmt.Errorf("%s: the file is empty; want a header with %s", name, strings.Join(columns, ","))
	}
	if err != nil {
		return nil, t.explain(err)
	}
	for i, column := range header {
		column = strings.TrimSpace(column)
		if !slices.Contains(columns, column) {
			continue
		}
		if _, twice := t.at[column]; twice {
			return nil, fmt.Errorf("%s:1: the header names column %s twice", name, column)
		}
		t.at[column] = i
	}
	var missing []string
	for _, column := range columns {
		if _, ok := t.at[column]; !ok && column != optionalColumn {
			missing = append(missing, column)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%s:1: the header lacks %s; want %s", name, strings.Join(missing, ", "), strings.Join(columns, ","))
	}
	return t, nil
}

// next returns the next record and its line number, or io.EOF.
func (t *table) next() (rec Record, line int, err error) {
	fields, err := t.csv.Read()
	if err == io.EOF {
		return rec, 0, io.EOF
	}
	if err != nil {
		return rec, 0, t.explain(err)
	}
	line, _ = t.csv.FieldPos(0)
	field := func(column string) string {
		i, ok := t.at[column]
		if !ok {
			return ""
		}
		// The clone lets go of the row's shared backing string.
		return strings.Clone(strings.TrimSpace(fields[i]))
	}
	rec = Record{DxType: field("dx_type"), Dataset: field("dataset")}
	parse := []struct {
		column string
		set    func(text string) error
	}{
		{"image_id", func(text string) (err error) { rec.ImageID, err = text, checkID(text); return err }},
		{"lesion_id", func(text string) (err error) { rec.LesionID, err = text, checkID(text); return err }},
		{"dx", func(text string) (err error) { rec.Dx = text; _, err = ClassIndex(text); return err }},
		{"age", func(text string) (err error) { rec.Age, err = parseAge(text); return err }},
		{"sex", func(text string) (err error) { rec.Sex, err = parseValue(text, Sexes); return err }},
		{"localization", func(text string) (err error) { rec.Localization, err = parseValue(text, Localizations); return err }},
	}
	for _, p := range parse {
		if err := p.set(field(p.column)); err != nil {
			return rec, line, fmt.Errorf("%s:%d: column %s: %w", t.name, line, p.column, err)
		}
	}
	return rec, line, nil
}

// explain words an error of package csv as file:line: cause.
func (t *table) explain(err error) error {
	var parseErr *csv.ParseError
	if !errors.As(err, &parseErr) {
		return fmt.Errorf("reading %s: %w", t.name, err)
	}
	if errors.Is(parseErr.Err, csv.ErrFieldCount) {
		return fmt.Errorf("%s:%d: the row has not as many fields as the header: %w", t.name, parseErr.Line, parseErr.Err)
	}
	return fmt.Errorf("%s:%d: %w", t.name, parseErr.Line, parseErr.Err)
}

// checkID refuses what cannot be part of a file name or of a plain CSV field.
func checkID(id string) error {
	if id == "" {
		return errors.New("the field is empty")
	}
	for _, c := range id {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-', c == '.':
		default:
			return fmt.Errorf("%q has the character %q; an identifier has letters, digits, '_', '-' and '.'", id, c)
		}
	}
	return nil
}

func parseAge(text string) (float64, error) {
	switch strings.ToLower(text) {
	case "", "nan", "na", Unknown:
		return math.NaN(), nil
	}
	age, err := strconv.ParseFloat(text, 64)
	if err != nil || !(age >= 0 && age <= maxAge) {
		return 0, fmt.Errorf("%q is no age in years (0 to %d, or empty where it is not known)", text, maxAge)
	}
	return age, nil
}

func parseValue(text string, known []string) (string, error) {
	if text == "" {
		return Unknown, nil
	}
	if !slices.Contains(known, text) {
		return "", fmt.Errorf("unknown value %q; known are %s", text, strings.Join(known, ", "))
	}
	return text, nil
}

// WriteMetadata writes records to path in the eight-column form that
// [ReadMetadata] reads, all of it or nothing; a missing age is an empty field.
func WriteMetadata(path string, records []Record) error {
	return atomicfile.WriteFile(path, func(w io.Writer) error {
		out := csv.NewWriter(w)
		out.Write(columns) // an error stays with the writer until Flush
		for _, r := range records {
			age := ""
			if r.HasAge() {
				age = strconv.FormatFloat(r.Age, 'f', -1, 64)
			}
			out.Write([]string{r.LesionID, r.ImageID, r.Dx, r.DxType, age, r.Sex, r.Localization, r.Dataset})
		}
		out.Flush()
		return out.Error()
	})
}
