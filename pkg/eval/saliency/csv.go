package saliency

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/csvtable"
	"github.com/skinattn/skinattn/internal/oneline"
)

// unit is the last written digit. Readers compare means of many scores, whose
// intervals are about a hundred times as wide.
const unit = 1e-4

// round is the number that v becomes when it is written and read.
func round(v float64) float64 { return math.Round(v/unit) / (1 / unit) }

// idColumns are the CSV columns before the scores.
var idColumns = []string{"image_id", "lesion_id", "dx", "predicted", "mask_share"}

// WriteFile writes t to path in one step, as [Table.WriteCSV] does: a failure leaves
// the old file.
func (t *Table) WriteFile(path string) error { return atomicfile.WriteFile(path, t.WriteCSV) }

// WriteCSV validates t and writes it, a row an image, with the header
//
//	image_id,lesion_id,dx,predicted,mask_share,METHOD.mass_inside,METHOD.pointing,...
//
// in which each method has all metrics in their order: numbers with four
// decimals, an empty field for NaN.
func (t *Table) WriteCSV(w io.Writer) error {
	if err := t.Validate(); err != nil {
		return fmt.Errorf("writing scores: %w", err)
	}
	out := csv.NewWriter(w)
	record := columns(t.Methods)
	out.Write(record) // a csv.Writer keeps its first error until Flush
	for _, image := range t.Images {
		record = append(record[:0], image.ImageID, image.LesionID, t.Classes[image.Truth], t.Classes[image.Predicted], digits(max(image.MaskShare, unit)))
		for _, scores := range image.Scores {
			for _, v := range scores {
				record = append(record, digits(v))
			}
		}
		out.Write(record)
	}
	out.Flush()
	return out.Error()
}

// columns returns the header of a table.
func columns(methods []string) []string {
	header := slices.Clone(idColumns)
	for _, method := range methods {
		for _, metric := range metricNames {
			header = append(header, method+"."+metric)
		}
	}
	return header
}

// digits writes v with up to four decimals, NaN as an empty field.
func digits(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	text := strconv.FormatFloat(round(v), 'f', 4, 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// ReadTable reads the scores at path; see [ParseTable].
func ReadTable(path string, classes []string) (*Table, error) {
	var scores *Table
	err := csvtable.ReadFile(path, func(t *csvtable.Reader) (err error) {
		scores, err = readScores(t, classes, path)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading scores: %w", err)
	}
	return scores, nil
}

// ParseTable reads the output of [Table.WriteCSV]; classes names the classes in their
// order. A mistake in a row is an [eval.RowError].
func ParseTable(r io.Reader, classes []string) (*Table, error) {
	t, err := csvtable.NewReader(r, "")
	if err != nil {
		return nil, err
	}
	return readScores(t, classes, "")
}

func readScores(t *csvtable.Reader, classes []string, path string) (*Table, error) {
	methods, err := methodsOf(t.Header())
	if err != nil {
		return nil, t.Errorf("%w", err)
	}
	scores := &Table{Classes: classes, Methods: methods}
	if err := t.Each(func(fields []string) error {
		image, err := scores.parse(fields, t.Header())
		scores.Images = append(scores.Images, image)
		return err
	}); err != nil {
		return nil, err
	}
	if err := scores.Validate(); err != nil {
		return nil, &csvtable.Error{File: path, Err: err}
	}
	return scores, nil
}

// methodsOf finds the methods in a header.
func methodsOf(header []string) ([]string, error) {
	n := len(header) - len(idColumns)
	if n <= 0 || n%int(NumMetrics) != 0 || !slices.Equal(header[:len(idColumns)], idColumns) {
		return nil, fmt.Errorf("the header must start with %s and go on with the %d metrics of each method", strings.Join(idColumns, ","), NumMetrics)
	}
	var methods []string
	for at := len(idColumns); at < len(header); at += int(NumMetrics) {
		methods = append(methods, strings.TrimSuffix(header[at], "."+metricNames[0]))
	}
	for i, want := range columns(methods) {
		if header[i] != want {
			return nil, fmt.Errorf("column %d is %q where %s must be", i+1, header[i], want)
		}
	}
	return methods, nil
}

func (t *Table) parse(record, header []string) (Image, error) {
	image := Image{ImageID: strings.Clone(record[0]), LesionID: strings.Clone(record[1]), Truth: slices.Index(t.Classes, record[2]), Predicted: slices.Index(t.Classes, record[3]),
		Scores: make([]Scores, len(t.Methods))}
	for i, class := range []int{image.Truth, image.Predicted} {
		if class < 0 {
			return image, csvtable.Errorf(idColumns[2+i], "unknown class %q; known are %s", record[2+i], oneline.List(t.Classes))
		}
	}
	var err error
	if image.MaskShare, err = strconv.ParseFloat(record[4], 64); err != nil {
		return image, csvtable.Errorf("mask_share", "%w", csvtable.NotNumber(record[4], "a number"))
	}
	for i, text := range record[len(idColumns):] {
		v := math.NaN()
		if text != "" {
			if v, err = strconv.ParseFloat(text, 64); err != nil || math.IsNaN(v) {
				return image, csvtable.Errorf(header[len(idColumns)+i], "%w", csvtable.NotNumber(text, "a number"))
			}
		}
		image.Scores[i/int(NumMetrics)][i%int(NumMetrics)] = v
	}
	return image, nil
}
