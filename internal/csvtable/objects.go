package csvtable

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// objects are the rows of JSON Lines. Every row has a field for each name of any row; it is
// empty where the row lacks the name or has null.
type objects struct {
	names  []string
	rows   []map[string]string
	lines  []int
	fields []string
}

// maxNames is more than any table has columns: rows that all have other names are none.
const maxNames = 1000

// isObjects reports whether a text begins as JSON Lines: with an object in one line that has
// a value which is no list and no object. The latter alone would be another kind of file.
func isObjects(head []byte) bool {
	line, _, _ := bytes.Cut(bytes.TrimLeft(head, " \t\r\n"), []byte("\n"))
	if len(line) == 0 || line[0] != '{' {
		return false
	}
	plain := false
	err := eachValue(line, func(_, _ string, nested bool) error {
		plain = plain || !nested
		return nil
	})
	return err == nil && plain
}

// readObjects reads all rows. An error has its line.
func readObjects(r *bufio.Reader) (*objects, error) {
	o := &objects{}
	known := map[string]bool{}
	for number := 1; ; number++ {
		line, err := r.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return nil, err
		}
		if text := bytes.TrimSpace(line); len(text) > 0 {
			row := map[string]string{}
			wrong := eachValue(text, func(name, value string, _ bool) error {
				if _, twice := row[name]; twice {
					return fmt.Errorf("the name %q is there twice", name)
				}
				if !known[name] {
					if known[name] = true; len(known) > maxNames {
						return fmt.Errorf("the objects have more than %d names", maxNames)
					}
					o.names = append(o.names, name)
				}
				row[name] = value
				return nil
			})
			if wrong != nil {
				return nil, &Error{Line: number, Err: wrong}
			}
			o.rows, o.lines = append(o.rows, row), append(o.lines, number)
		}
		if err == io.EOF {
			o.fields = make([]string, len(o.names))
			return o, nil
		}
	}
}

// next returns the row behind those that were returned before, and its line.
func (o *objects) next(line int) ([]string, int, error) {
	if len(o.rows) == 0 {
		return nil, line, io.EOF
	}
	row := o.rows[0]
	line = o.lines[0]
	o.rows, o.lines = o.rows[1:], o.lines[1:]
	for i, name := range o.names {
		o.fields[i] = row[name]
	}
	return o.fields, line, nil
}

var errNoObject = errors.New("this is no JSON object in one line")

// eachValue calls use with the names and values of a JSON object, in their order. A value
// that is a text is without its quotes, null is empty, and nested lists and objects are as
// they stand. NaN, which Python writes, is null.
func eachValue(line []byte, use func(name, value string, nested bool) error) error {
	if !json.Valid(line) {
		if line = withoutNaN(line); !json.Valid(line) {
			return errNoObject
		}
	}
	d := json.NewDecoder(bytes.NewReader(line))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return errNoObject
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return err
		}
		value := string(raw)
		switch raw[0] {
		case '"':
			if err := json.Unmarshal(raw, &value); err != nil {
				return err
			}
		case 'n':
			value = ""
		}
		if err := use(name.(string), value, raw[0] == '{' || raw[0] == '['); err != nil {
			return err
		}
	}
	return nil
}

// withoutNaN replaces NaN by null outside of texts.
func withoutNaN(line []byte) []byte {
	parts := strings.Split(string(line), `"`) // every second one is a text, quotes behind a backslash aside
	quoted := false
	for i, part := range parts {
		if !quoted {
			parts[i] = strings.ReplaceAll(part, "NaN", "null")
		}
		escaped := (len(part)-len(strings.TrimRight(part, `\`)))%2 == 1
		if !quoted || !escaped {
			quoted = !quoted
		}
	}
	return []byte(strings.Join(parts, `"`))
}
