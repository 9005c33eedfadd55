package csvtable

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

// read returns the rows of a table, each with its line.
func read(text string) (rows [][]string, lines []int, err error) {
	t, err := NewReader(strings.NewReader(text), "t.csv")
	if err != nil {
		return nil, nil, err
	}
	err = t.Each(func(fields []string) error {
		rows, lines = append(rows, slices.Clone(fields)), append(lines, t.Line())
		return nil
	})
	return rows, lines, err
}

func TestReader(t *testing.T) {
	want := [][]string{{"1", "x\ny"}, {"2", ""}}
	for name, text := range map[string]string{
		"plain":                          "a,b\n1,\"x\ny\"\n2,\n",
		"no line end":                    "a,b\n1,\"x\ny\"\n2,",
		"byte order mark":                "\uFEFFa,b\n1,\"x\ny\"\n2,\n",
		"tabs":                           "a\tb\n1\t\"x\ny\"\n2\t\n",
		"CRLF":                           "a,b\r\n1,\"x\r\ny\"\r\n2,\r\n",
		"quoted header":                  "\uFEFF\"a\",b\n1,\"x\ny\"\n2,\n",
		"semicolons":                     "a;b\n1;\"x\ny\"\n2;\n",
		"vertical bars":                  "a|b\n1|\"x\ny\"\n2|\n",
		"semicolons, a comma in quotes":  "\"a\";b\n1;\"x\ny\"\n2;\n",
		"CR":                             "a,b\r1,\"x\ry\"\r2,\r",
		"CR, no line end":                "a,b\r1,\"x\ry\"\r2,",
		"CR CRLF":                        "a,b\r\r\n1,\"x\r\r\ny\"\r\r\n2,\r\r\n",
		"UTF-16, little-endian":          utf16Text(false, "\uFEFFa\tb\r\n1\t\"x\r\ny\"\r\n2\t\r\n"),
		"UTF-16, big-endian":             utf16Text(true, "\uFEFFa;b\n1;\"x\ny\"\n2;\n"),
		"UTF-16 without a mark":          utf16Text(false, "a,b\n1,\"x\ny\"\n2,\n"),
		"UTF-16, big-endian without one": utf16Text(true, "a,b\r1,\"x\ry\"\r2,\r"),
	} {
		rows, lines, err := read(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if want := []int{2, 4}; !slices.Equal(lines, want) {
			t.Errorf("%s: lines %v, want %v", name, lines, want)
		}
	}
	// Excel writes this line before the header where the separator is another than the
	// country's; lines count on.
	rows, lines, err := read("sep=;\r\na;b\r\n1;\"x\r\ny\"\r\n2;\r\n")
	if err != nil || !cmp.Equal(rows, want) || !slices.Equal(lines, []int{3, 5}) {
		t.Errorf("sep=;: %q in lines %v, %v", rows, lines, err)
	}
	// After a header with a comma, a tab is an ordinary character.
	if rows, _, err := read("a,b\tc\n1\t2,3\n"); err != nil || rows[0][0] != "1\t2" {
		t.Errorf("tab beside a comma: %q, %v", rows, err)
	}
}

// utf16Text encodes a text by the standard library, which the reader does not use.
func utf16Text(bigEndian bool, text string) string {
	var order binary.AppendByteOrder = binary.LittleEndian
	if bigEndian {
		order = binary.BigEndian
	}
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		out = order.AppendUint16(out, unit)
	}
	return string(out)
}

// Files that people take for tables, with the first bytes of their formats' definitions.
func TestFilesThatAreNoTables(t *testing.T) {
	for text, want := range map[string]string{
		"PAR1\x15\x04\x15":                        "t.csv: this is a Parquet file, not a table of text",
		"PK\x03\x04\x14\x00":                      "t.csv: this is a zip archive or an Excel workbook, not a table of text; unpack it, or save the sheet as CSV",
		"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":        "t.csv: this is an Excel workbook, not a table of text; save the sheet as CSV",
		"\x1f\x8b\x08\x00":                        "t.csv: this is compressed by gzip, not a table of text; unpack it with gunzip",
		"\n<!DOCTYPE html><html>":                 "t.csv: this is a web page, not a table of text; fetch the file again",
		"<HTML>":                                  "t.csv: this is a web page, not a table of text; fetch the file again",
		"{\"a\": [1]}":                            "t.csv: this is JSON, not a table of text; save the table as CSV",
		"{\n\"a\": 1}":                            "t.csv: this is JSON, not a table of text; save the table as CSV",
		"[{\"a\": 1}]":                            "t.csv: this is JSON, not a table of text; save the table as CSV",
		"version https://git-lfs.github.com/spec": "t.csv: this is a pointer of Git LFS in place of the file, not a table of text; 'git lfs pull' fetches the file",
		"\xff\xfe\x00\x00a\x00\x00\x00":           "t.csv: this is text in UTF-32, not a table of text; save it in UTF-8",
		"\x89PNG\r\n\x1a\n\x00\x00\x00\x0d":       "t.csv: this is a binary file, not a table of text",
	} {
		_, err := NewReader(strings.NewReader(text), "t.csv")
		var wrong *FormatError
		if !errors.As(err, &wrong) || err.Error() != want || wrong.Parquet != strings.HasPrefix(text, "PAR1") {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// JSON Lines, as Python and pandas write them.
func TestJSONLines(t *testing.T) {
	text := `{"a": "x\"NaN\u00e9", "b": 80.0, "c": {"d": [1, "2"]}}` + "\n\n" + `{"b": NaN, "a": null, "e": true}` + "\r\n"
	for name, text := range map[string]string{"plain": text, "byte order mark": "\uFEFF" + text, "UTF-16": utf16Text(false, "\uFEFF"+text), "no line end": strings.TrimSpace(text)} {
		table, err := NewReader(strings.NewReader(text), "t.csv")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff([]string{"a", "b", "c", "e"}, table.Header()); diff != "" {
			t.Errorf("%s: header (-want +got):\n%s", name, diff)
		}
		rows, lines, err := read(text)
		want := [][]string{{`x"NaNé`, "80.0", `{"d": [1, "2"]}`, ""}, {"", "", "", "true"}}
		if diff := cmp.Diff(want, rows); diff != "" || err != nil || !slices.Equal(lines, []int{1, 3}) {
			t.Errorf("%s: lines %v, %v (-want +got):\n%s", name, lines, err, diff)
		}
	}
	many := `{"a": 1}` + "\n"
	for i := range 2000 {
		many += fmt.Sprintf("{\"n%d\": 1}\n", i)
	}
	for text, want := range map[string]string{
		`{"a": 1}` + "\n" + `{"a": 1`:          "t.csv:2: this is no JSON object in one line",
		`{"a": 1}` + "\n" + `[1]`:              "t.csv:2: this is no JSON object in one line",
		`{"a": 1}` + "\n" + `{"a": 1, "a": 2}`: `t.csv:2: the name "a" is there twice`,
		`{"a": 1} {"a": 2}`:                    "t.csv: this is JSON, not a table of text; save the table as CSV",
		many:                                   "t.csv:1001: the objects have more than 1000 names",
	} {
		if _, _, err := read(text); err == nil || err.Error() != want {
			t.Errorf("%.60q: %v, want %s", text, err, want)
		}
	}
	table, err := NewReader(strings.NewReader(`{"a": 1}`), "t.csv")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := table.Columns([]string{"b"}); err == nil || err.Error() != "t.csv: the header lacks b; it has a" {
		t.Errorf("missing column: %v", err)
	}
}

func TestNotNumber(t *testing.T) {
	for text, want := range map[string]string{
		"x":     `"x" is not an age`,
		"0,35":  `"0,35" is not an age: it has a decimal comma; write points, or save the table with the language set to English`,
		"1,2,3": `"1,2,3" is not an age`,
	} {
		if err := NotNumber(text, "an age"); err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestColumns(t *testing.T) {
	table, err := NewReader(strings.NewReader("x, b ,a,\n"), "t.csv")
	if err != nil {
		t.Fatal(err)
	}
	at, err := table.Columns([]string{"a", "b"}, "c")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"a": 2, "b": 1}, at); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := table.Columns([]string{"a", "d", "e"}, "c"); err == nil || err.Error() != "t.csv:1: the header lacks d, e; it has x, b, a," {
		t.Errorf("missing columns: %v", err)
	}
	if empty, err := NewReader(strings.NewReader("\uFEFF"), "t.csv"); err != nil {
		t.Errorf("empty: %v", err)
	} else if _, err := empty.Columns([]string{"a"}); err == nil || err.Error() != "t.csv:1: the file is empty; the header lacks a" {
		t.Errorf("empty: %v", err)
	}
	for _, wanted := range []struct{ required, optional string }{{"a", "b"}, {"b", "a"}} {
		table, err := NewReader(strings.NewReader("a,b,a\n"), "t.csv")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := table.Columns([]string{wanted.required}, wanted.optional); err == nil || err.Error() != "t.csv:1: the header names column a twice" {
			t.Errorf("%+v: %v", wanted, err)
		}
	}
}

func TestErrors(t *testing.T) {
	cause := errors.New("cause")
	for want, e := range map[string]Error{
		"t.csv:3: column a: cause": {File: "t.csv", Line: 3, Column: "a"},
		"t.csv:3: cause":           {File: "t.csv", Line: 3},
		"t.csv: column a: cause":   {File: "t.csv", Column: "a"},
		"line 3: column a: cause":  {Line: 3, Column: "a"},
		"column a: cause":          {Column: "a"},
		"cause":                    {},
	} {
		e.Err = cause
		if e.Error() != want || !errors.Is(&e, cause) {
			t.Errorf("%+v: %q, want %q", e, e.Error(), want)
		}
	}
	for text, want := range map[string]string{
		"a,\"b\n1,2\n":            "t.csv:2: extraneous or missing \" in quoted-field",
		"a,b\n1,2\n3\n":           "t.csv:3: the row has 1 fields and the header 2",
		"a,b\n\n\"1\n\",2\n3,4,5": "t.csv:5: the row has 3 fields and the header 2",
	} {
		_, _, err := read(text)
		var e *Error
		if !errors.As(err, &e) || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	// What spreadsheets leave below a table.
	if rows, _, err := read("a,b\n1,2\n,\n   \n,,,,\n"); err != nil || len(rows) != 1 {
		t.Errorf("rows of nothing: %v, %v", rows, err)
	}
	table, err := NewReader(strings.NewReader("a,b\n1,2\n"), "t.csv")
	if err != nil {
		t.Fatal(err)
	}
	err = table.Each(func([]string) error { return Errorf("b", "%w!", cause) })
	if err == nil || err.Error() != "t.csv:2: column b: cause!" || !errors.Is(err, cause) {
		t.Errorf("a row's error: %v", err)
	}
}

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.csv")
	if err := os.WriteFile(path, []byte("a\n1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := ReadFile(path, func(table *Reader) error {
		return table.Each(func([]string) error { return errors.New("cause") })
	})
	if err == nil || err.Error() != path+":2: cause" {
		t.Errorf("a row's error: %v", err)
	}
	if err := ReadFile(path+".absent", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
}

// For any bytes, rows have as many fields as the header, line numbers rise, and errors
// name the table.
func FuzzReader(f *testing.F) {
	f.Add("a,b\n1,\"x\ny\"\n2,\n")
	f.Add("\uFEFFa\tb\r\n1\t2\r\n")
	f.Add("a,b\n1,\"\n")
	f.Add("sep=;\ra;b\r\r\n1;2\r")
	f.Add(utf16Text(false, "a|b\r1|2"))
	f.Add("PAR1")
	f.Add("{\"a\": 1, \"b\": NaN}\n\n{\"b\": \"x\", \"c\": [1]}")
	f.Fuzz(func(t *testing.T, text string) {
		table, err := NewReader(strings.NewReader(text), "t.csv")
		if err == nil {
			line := table.Line()
			err = table.Each(func(fields []string) error {
				if len(fields) != len(table.Header()) || table.Line() <= line {
					t.Errorf("%d fields at line %d after line %d, with %d columns", len(fields), table.Line(), line, len(table.Header()))
				}
				line = table.Line()
				return nil
			})
		}
		if err != nil && !strings.HasPrefix(err.Error(), "t.csv") {
			t.Errorf("error %q does not name the table", err)
		}
	})
}
