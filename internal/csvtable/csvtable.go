// Package csvtable reads CSV tables with a header and says where in the file a
// mistake is. Every table that this project reads goes through it.
//
// It reads what spreadsheets and pandas write: UTF-8 with or without a byte order mark,
// UTF-16; lines that end with LF, CRLF or CR; fields between commas, semicolons, tabs or
// vertical bars, whichever is most frequent in the header; Excel's first line "sep=;". It
// also reads JSON Lines, an object a line, as the library datasets of Hugging Face has its
// metadata.jsonl.
// Other files that people take for tables (workbooks, archives, Parquet, web pages, ...)
// are a [*FormatError].
package csvtable

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/internal/oneline"
)

// Error is a mistake in a table. Its text is
//
//	FILE:LINE: column COLUMN: cause
//
// without the parts that are not known. Values of the table in it are shortened.
type Error struct {
	File   string // empty for a table that is not a file
	Line   int    // of the file, from 1 at the header; 0 if the mistake is in no one line
	Column string // name of the column; empty if the mistake is in no one column
	Err    error
}

func (e *Error) Error() string {
	var place string
	switch {
	case e.File != "" && e.Line > 0:
		place = fmt.Sprintf("%s:%d: ", e.File, e.Line)
	case e.File != "":
		place = e.File + ": "
	case e.Line > 0:
		place = fmt.Sprintf("line %d: ", e.Line)
	}
	if e.Column != "" {
		place += "column " + oneline.Clip(e.Column, oneline.Limit/2) + ": "
	}
	return place + oneline.Short(e.Err.Error())
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an [*Error] of a column, or of a whole row if column is empty.
// [Reader.Each] adds file and line.
func Errorf(column, format string, args ...any) error {
	return &Error{Column: column, Err: fmt.Errorf(format, args...)}
}

// Reader reads the rows of one table.
type Reader struct {
	name    string
	csv     *csv.Reader
	objects *objects // in place of csv, for JSON Lines
	header  []string
	before  int // lines before those that csv counts
	line    int
}

// NewReader reads the header of a table; name stands for the table in errors
// and may be empty. The header of an empty table has no columns.
func NewReader(r io.Reader, name string) (*Reader, error) {
	text, err := textReader(r)
	if err != nil {
		return nil, &Error{File: name, Err: err}
	}
	t := &Reader{name: name}
	head, _ := text.Peek(headBytes)
	if isObjects(head) {
		if t.objects, err = readObjects(text); err != nil {
			return nil, t.place(err)
		}
		t.header = t.objects.names
		return t, nil
	}
	line, _, _ := strings.Cut(string(head), "\n")
	comma := separatorLine(line)
	if comma != 0 {
		text.Discard(len(line) + len("\n"))
		t.before = 1
	} else {
		comma = separator(line)
	}
	t.csv = csv.NewReader(text)
	t.csv.FieldsPerRecord = -1 // Each compares, which rows of empty fields need not be
	t.csv.Comma = comma
	header, err := t.csv.Read()
	switch err {
	case nil:
		t.header = header
		t.line = t.at()
	case io.EOF:
		t.line = 1
	default:
		return nil, t.place(err)
	}
	t.csv.ReuseRecord = true
	return t, nil
}

// at returns the line of the record that was read last.
func (t *Reader) at() int {
	line, _ := t.csv.FieldPos(0)
	return t.before + line
}

// ReadFile opens the table at path, reads its header, and lets read do the rest.
func ReadFile(path string, read func(*Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	t, err := NewReader(f, path)
	if err != nil {
		return err
	}
	return read(t)
}

// Header returns the names of the columns as they stand in the file.
func (t *Reader) Header() []string { return t.header }

// Columns finds columns by their names, white space around them aside; where no column has a
// name, one counts that has it in other letters, such as capitals. A missing required column and a column that stands there twice are errors. A missing optional
// column has no entry.
func (t *Reader) Columns(required []string, optional ...string) (map[string]int, error) {
	at := make(map[string]int)
	wanted := slices.Concat(required, optional)
	for i, column := range t.header {
		column = strings.TrimSpace(column)
		if !slices.Contains(wanted, column) {
			continue
		}
		if _, twice := at[column]; twice {
			return nil, t.Errorf("the header names column %s twice", column)
		}
		at[column] = i
	}
	for _, column := range wanted {
		if _, found := at[column]; found {
			continue
		}
		for i, other := range t.header {
			if !strings.EqualFold(strings.TrimSpace(other), column) {
				continue
			}
			if _, twice := at[column]; twice {
				return nil, t.Errorf("the header names column %s twice", column)
			}
			at[column] = i
		}
	}
	missing := slices.DeleteFunc(slices.Clone(required), func(column string) bool {
		_, ok := at[column]
		return ok
	})
	if len(missing) > 0 {
		const most = 80 // bytes that the message repeats of the header
		var names []string
		for _, name := range t.header {
			names = append(names, strings.TrimSpace(name))
		}
		has := oneline.Clip(strings.TrimRight(strings.Join(names, ", "), " "), most)
		return nil, t.Errorf("the header lacks %s%s", strings.Join(missing, ", "), map[bool]string{true: "; it has " + has}[has != ""])
	}
	return at, nil
}

// Line returns the line of the current row, which is the header at first.
func (t *Reader) Line() int { return t.line }

// Errorf returns an [*Error] at the current line, which says so if the table is
// empty.
func (t *Reader) Errorf(format string, args ...any) error {
	if t.header == nil {
		format = "the file is empty; " + format
	}
	return t.place(fmt.Errorf(format, args...))
}

// Each calls row for every row below the header, with as many fields as the
// header has, and stops at the first error. Rows that have nothing but white space are left
// out. An error of row gets the place of
// the row. Each reuses the slice fields for the next row; a field that is kept
// should be cloned, as it shares the memory of its row.
func (t *Reader) Each(row func(fields []string) error) error {
	for {
		fields, err := t.read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return t.place(err)
		}
		if blank(fields) { // as spreadsheets write them below the table
			continue
		}
		if len(fields) != len(t.header) {
			return t.place(fmt.Errorf("the row has %d fields and the header %d", len(fields), len(t.header)))
		}
		if err := row(fields); err != nil {
			return t.place(err)
		}
	}
}

// read returns the fields of the next row, whose line is then the current one.
func (t *Reader) read() (fields []string, err error) {
	if t.objects != nil {
		fields, t.line, err = t.objects.next(t.line)
	} else if fields, err = t.csv.Read(); err == nil && !blank(fields) {
		t.line = t.at()
	}
	for i, f := range fields {
		fields[i] = withoutReturns(f)
	}
	return fields, err
}

// withoutReturns has no carriage returns before the ends of lines within a field: package csv
// takes one away, and a table that is written again would lose the next.
func withoutReturns(field string) string {
	for strings.Contains(field, "\r\n") {
		field = strings.ReplaceAll(field, "\r\n", "\n")
	}
	return field
}

// blank reports whether there is nothing in a row.
func blank(fields []string) bool {
	for _, f := range fields {
		if strings.TrimSpace(f) != "" {
			return false
		}
	}
	return true
}

// place makes err an Error at the current line, or where package csv found it.
func (t *Reader) place(err error) error {
	var at *Error
	var parse *csv.ParseError
	switch {
	case errors.As(err, &at) && at.Line > 0:
		return &Error{File: t.name, Line: at.Line, Column: at.Column, Err: at.Err}
	case errors.As(err, &parse):
		return &Error{File: t.name, Line: t.before + parse.Line, Err: parse.Err}
	case errors.As(err, &at):
		return &Error{File: t.name, Line: t.line, Column: at.Column, Err: at.Err}
	}
	return &Error{File: t.name, Line: t.line, Err: err}
}
