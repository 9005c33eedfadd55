package ham10000

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/csvtable"
)

// columns are the header names of the eight-column form, in its order. The
// seven-column form lacks the last name.
var columns = []string{"lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization", "dataset"}

const optionalColumn = "dataset"

// maxAge is the highest plausible age in years; a higher number is a damaged field.
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
	// Localization is the body site, one of Localizations or the name of one of
	// CoarseSites.
	Localization string
	// Dataset is the source collection, empty in the seven-column form.
	Dataset string
	// Manipulation is what an export of the ISIC Archive says of a photo that is none as
	// taken, such as "synthetic"; empty in other tables.
	Manipulation string
}

// HasAge reports whether the patient's age is known.
func (r Record) HasAge() bool { return !math.IsNaN(r.Age) }

// ageBounds are the groups of ages that reports and model cards show, in order: each is of
// the ages below its bound that are in no earlier one.
var ageBounds = []struct {
	group string
	below float64
}{{"under 40", 40}, {"40 to 59", 60}, {"60 and older", math.Inf(1)}}

// AgeGroups are the values of [Record.AgeGroup], in order.
func AgeGroups() (groups []string) {
	for _, b := range ageBounds {
		groups = append(groups, b.group)
	}
	return append(groups, Unknown)
}

// AgeGroup is the group of the patient's age: three are as many as the rare diagnoses allow.
// An age of 0 may be an unknown one and is with the young.
func (r Record) AgeGroup() string {
	for _, b := range ageBounds {
		if r.Age < b.below {
			return b.group
		}
	}
	return Unknown // NaN is below nothing
}

// RowError is a mistake in a row of a metadata table or a split: which file,
// line and column, and why. It is the same type as RowError of package eval.
type RowError = csvtable.Error

// ReadMetadata reads the metadata table at path. The columns are found by their header
// names in any order; columns with other names are ignored. Package csvtable says which
// encodings and separators are read.
//
// The table has one of two forms. In the published form, column dataset may be absent; an
// empty age (or NaN, NA, None, unknown) is missing, such a sex or localization is [Unknown];
// names and values may be in capitals;
// a diagnosis may also be spelt out (see [DiagnosisOf]), and image ids may have the ending
// of their file or small letters (see [CanonicalID]).
//
// The other form is the export of the ISIC Archive, which has a column isic_id. Its
// diagnoses become those of HAM10000 without loss. Its sites are coarser: see [CoarseSites].
// Photos of the collection's validation and test part, and others that are not HAM10000's,
// are records like the others ([CollectionOf] tells them); of these, Dx is empty if the
// diagnosis is none of the seven.
//
// Any other value outside the table's vocabulary is a [RowError]: an
// unknown diagnosis, sex or site, an age that is no number of years, a row too
// short or too long, an image listed twice, and a lesion with two diagnoses
// (naming both lines).
func ReadMetadata(path string) (records []Record, err error) {
	err = csvtable.ReadFile(path, func(t *csvtable.Reader) error {
		records, err = readMetadata(t)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading metadata: %w", err)
	}
	return records, nil
}

func readMetadata(t *csvtable.Reader) ([]Record, error) {
	if isArchive(t.Header()) {
		return readArchive(t)
	}
	image := imageColumn(t.Header())
	at, err := t.Columns(withImage(columns[:len(columns)-1], image), optionalColumn)
	if err != nil {
		return nil, err
	}
	at["image_id"] = at[image]
	return readRecords(t, at, parseRecord)
}

// imageColumn is the name of the column of images: image_id, or file_name, which folders for the library datasets of Hugging
// Face have.
func imageColumn(header []string) string {
	const file = "file_name"
	has := func(want string) bool {
		return slices.ContainsFunc(header, func(name string) bool { return strings.EqualFold(strings.TrimSpace(name), want) })
	}
	if has(file) && !has("image_id") {
		return file
	}
	return "image_id"
}

// withImage returns names with another name for the column of images.
func withImage(names []string, image string) []string {
	names = slices.Clone(names)
	names[slices.Index(names, "image_id")] = image
	return names
}

// readRecords makes a record of each row by parse, whose argument gives the fields of the
// columns at.
func readRecords(t *csvtable.Reader, at map[string]int, parse func(field func(column string) string) (Record, error)) ([]Record, error) {
	var records []Record
	lineOfImage := make(map[string]int)
	type diagnosis struct {
		dx   string
		line int
	}
	byLesion := make(map[string]diagnosis)
	err := t.Each(func(fields []string) error {
		rec, err := parse(func(column string) string {
			i, ok := at[column]
			if !ok {
				return ""
			}
			return strings.Clone(strings.TrimSpace(fields[i]))
		})
		if err != nil {
			return err
		}
		if first, ok := lineOfImage[rec.ImageID]; ok {
			return csvtable.Errorf("image_id", "%s is listed already in line %d", rec.ImageID, first)
		}
		lineOfImage[rec.ImageID] = t.Line()
		if first, ok := byLesion[rec.LesionID]; !ok {
			byLesion[rec.LesionID] = diagnosis{rec.Dx, t.Line()}
		} else if first.dx != rec.Dx {
			return csvtable.Errorf("dx", "lesion %s is %s here and %s in line %d", rec.LesionID, rec.Dx, first.dx, first.line)
		}
		records = append(records, rec)
		return nil
	})
	if err == nil && len(records) == 0 {
		err = t.Errorf("no rows below the header")
	}
	return records, err
}

// ParseRecord makes a record of the fields of the published table, which the function field
// gives by column; see [ReadMetadata] for their values. The error is a [RowError] with the
// column.
func ParseRecord(field func(column string) string) (Record, error) {
	return parseRecord(func(column string) string { return strings.TrimSpace(field(column)) })
}

// parseRecord makes a record of a row, whose fields the function field gives.
func parseRecord(field func(column string) string) (Record, error) {
	rec := Record{DxType: field("dx_type"), Dataset: field("dataset")}
	for _, p := range []struct {
		column string
		set    func(text string) error
	}{
		{"image_id", func(text string) (err error) { rec.ImageID = CanonicalID(text); return checkID(rec.ImageID) }},
		{"lesion_id", func(text string) (err error) { rec.LesionID = CanonicalID(text); return checkID(rec.LesionID) }},
		{"dx", func(text string) (err error) { rec.Dx, err = parseDx(text); return err }},
		{"age", func(text string) (err error) { rec.Age, err = parseAge(text); return err }},
		{"sex", func(text string) (err error) { rec.Sex, err = parseValue(text, Sexes); return err }},
		{"localization", func(text string) (err error) { rec.Localization, err = parseValue(text, Sites()); return err }},
	} {
		if err := p.set(field(p.column)); err != nil {
			return rec, csvtable.Errorf(p.column, "%w", err)
		}
	}
	return rec, nil
}

func parseDx(text string) (string, error) {
	if dx, ok := DiagnosisOf(text); ok {
		return dx, nil
	}
	_, err := ClassIndex(text)
	return "", err
}

// checkID refuses characters that a file name or an unquoted CSV field cannot have.
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
	if absent(text) || strings.EqualFold(text, Unknown) {
		return math.NaN(), nil
	}
	age, err := strconv.ParseFloat(text, 64)
	if err != nil || !(age >= 0 && age <= maxAge) {
		return 0, csvtable.NotNumber(text, fmt.Sprintf("an age in years (0 to %d, or empty where it is not known)", maxAge))
	}
	return age, nil
}

// absent reports whether a field stands for no value, as pandas and R write it.
func absent(text string) bool {
	return slices.Contains([]string{"", "nan", "na", "n/a", "none", "null"}, strings.ToLower(text))
}

// sexWords are other words for Sexes.
var sexWords = map[string]string{"f": "female", "m": "male", "woman": "female", "man": "male"}

// parseValue finds a value among those known, in small or capital letters, and with _ or a
// space between words.
func parseValue(text string, known []string) (string, error) {
	if absent(text) {
		return Unknown, nil
	}
	value := strings.ReplaceAll(strings.ToLower(text), "_", " ")
	if word, ok := sexWords[value]; ok {
		value = word
	}
	if !slices.Contains(known, value) {
		return "", fmt.Errorf("unknown value %q; known are %s", text, strings.Join(known, ", "))
	}
	return value, nil
}

// WriteMetadata writes records to path in the eight-column form that
// [ReadMetadata] reads, all of it or nothing; a missing age is an empty field.
func WriteMetadata(path string, records []Record) error {
	return atomicfile.WriteFile(path, func(w io.Writer) error { return writeMetadata(w, records) })
}

func writeMetadata(w io.Writer, records []Record) error {
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
}
