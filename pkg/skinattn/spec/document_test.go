package spec

import (
	"cmp"
	"flag"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/testgolden"
)

var update = flag.Bool("update", false, "write the generated part of docs/training.md anew")

// Every difference between two regimes shows in the table.
func TestDocumentShowsEveryDifference(t *testing.T) {
	for _, d := range deviations {
		if d.differences() == "" {
			t.Errorf("%s of %v: the table does not show what is changed", d.regime, d.backbones)
		}
	}
}

func TestTrainingDocument(t *testing.T) {
	testgolden.Generated(t, "../../../docs/training.md", "go test ./pkg/skinattn/spec -update", document(), *update)
}

// document is the generated part of docs/training.md: the table of regimes side by
// side, and the changes of each deviation, in Markdown.
func document() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| | `%s` |\n|---%s|\n", strings.Join(Names(), "` | `"), strings.Repeat("|---", len(table)))
	for _, row := range rows {
		cells := make([]string, len(table))
		for i, r := range table {
			cells[i] = row.cell(&r)
		}
		fmt.Fprintf(&b, "| %s | %s |\n", row.name, strings.Join(cells, " | "))
	}
	b.WriteString("\n| regime | backbones | differs in | because |\n|---|---|---|---|\n")
	for _, d := range deviations {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", d.regime, strings.Join(d.backbones, ", "), d.differences(), cmp.Or(d.why, "so in its notebook"))
	}
	return b.String()
}

// differences are the changed rows of a deviation, as they are after it.
func (d deviation) differences() string {
	plain, err := Find(d.regime)
	if err != nil {
		panic(err) // a misspelt row of deviations
	}
	changed := plain
	d.change(&changed)
	var cells []string
	for _, row := range rows {
		if after := row.cell(&changed); after != row.cell(&plain) {
			cells = append(cells, row.name+": "+after)
		}
	}
	return strings.Join(cells, "; ")
}

// row is a line of the table: a field of Regime, or of the Network in it.
type row struct {
	name, zero string // zero names the zero value in words
	index      []int
}

// rows are the lines of the table: every field that a regime or a deviation sets,
// in order.
var rows = slices.DeleteFunc(slices.Concat(fieldRows(reflect.TypeFor[Regime](), nil), networkRows()), func(r row) bool {
	for _, regime := range table {
		if !r.in(&regime).IsZero() {
			return false
		}
		for _, d := range deviations {
			changed := regime
			if d.change(&changed); !r.in(&changed).IsZero() {
				return false
			}
		}
	}
	return true
})

func networkRows() []row {
	field, _ := reflect.TypeFor[Regime]().FieldByName("Network")
	return fieldRows(field.Type, field.Index)
}

func fieldRows(t reflect.Type, index []int) (rows []row) {
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name == "-" || name == "name" {
			continue
		}
		tag := t.Field(i).Tag
		rows = append(rows, row{cmp.Or(tag.Get("label"), strings.ReplaceAll(name, "_", " ")), tag.Get("zero"), append(slices.Clone(index), i)})
	}
	return rows
}

func (r row) in(of *Regime) reflect.Value { return reflect.ValueOf(of).Elem().FieldByIndex(r.index) }

// cell is the row's value in a regime, in words.
func (r row) cell(of *Regime) string {
	value := r.in(of)
	switch {
	case value.Kind() == reflect.Bool && value.Bool():
		return "yes"
	case value.Kind() == reflect.Bool:
		return "no"
	case value.IsZero():
		return cmp.Or(r.zero, "none")
	case value.Kind() == reflect.Struct:
		return settings(value.Interface())
	}
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(value.Interface()), " ", ", "), "[]")
}

// settings lists the fields of a struct that are set, under their JSON names.
func settings(s any) string {
	var parts []string
	v := reflect.ValueOf(s)
	for i := range v.NumField() {
		if field := v.Field(i); !field.IsZero() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			name = strings.ReplaceAll(name, "_", " ")
			if field.Kind() != reflect.Bool {
				name += fmt.Sprintf(" %v", field.Interface())
			}
			parts = append(parts, name)
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "none")
}
