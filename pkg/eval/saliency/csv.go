package saliency

import (
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

// unit is the last digit that is written. Scores are read as means of many, whose
// intervals are a hundred times as wide.
const unit = 1e-4

// round is the number that v becomes when it is written and read.
func round(v float64) float64 { return math.Round(v/unit) / (1 / unit) }

// idColumns are the CSV columns before the scores.
var idColumns = []string{"image_id", "lesion_id", "dx", "predicted", "mask_share"}

// WriteFile validates t and writes it to path in one step, as [Table.WriteCSV].
func (t *Table) WriteFile(path string) error {
	if err := t.Validate(); err != nil {
		return fmt.Errorf("writing scores: %s: %w", path, err)
	}
	return atomicfile.WriteFile(path, t.writeCSV)
}

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
	return t.writeCSV(w)
}

func (t *Table) writeCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	record := slices.Clone(idColumns)
	for _, method := range t.Methods {
		for _, metric := range metricNames {
			record = append(record, method+"."+metric)
		}
	}
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

// digits is v with up to four decimals, empty for NaN.
func digits(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	text := strconv.FormatFloat(round(v), 'f', 4, 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// ReadFile reads the scores at path; see [ReadCSV]. Errors name path.
func ReadFile(path string, classes []string) (*Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading scores: %w", err)
	}
	defer f.Close()
	t, err := ReadCSV(f, classes)
	if err != nil {
		return nil, fmt.Errorf("reading scores: %s: %w", path, err)
	}
	return t, nil
}

// ReadCSV reads what [Table.WriteCSV] writes; classes names the classes in their
// order. Errors name row and column; rows count from 1 at the header.
func ReadCSV(r io.Reader, classes []string) (*Table, error) {
	in := csv.NewReader(r)
	header, err := in.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("empty file: the header %s,... is missing", strings.Join(idColumns, ","))
	}
	if err != nil {
		return nil, err
	}
	t := &Table{Classes: classes}
	if t.Methods, err = methodsOf(header); err != nil {
		return nil, fmt.Errorf("row 1: %w", err)
	}
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err // csv.ParseError names line and column
		}
		image, err := t.parse(record, header)
		if err != nil {
			line, _ := in.FieldPos(0)
			return nil, fmt.Errorf("row %d: %w", line, err)
		}
		t.Images = append(t.Images, image)
	}
	if err := t.Validate(); err != nil {
		return nil, err
	}
	return t, nil
}

// methodsOf finds the methods in a header.
func methodsOf(header []string) ([]string, error) {
	n := len(header) - len(idColumns)
	if n <= 0 || n%int(NumMetrics) != 0 || !slices.Equal(header[:len(idColumns)], idColumns) {
		return nil, fmt.Errorf("the header must start with %s and go on with the %d metrics of each method", strings.Join(idColumns, ","), NumMetrics)
	}
	var methods []string
	for i, name := range header[len(idColumns):] {
		method, metric := "", metricNames[i%int(NumMetrics)]
		if i%int(NumMetrics) == 0 {
			method = strings.TrimSuffix(name, "."+metric)
			methods = append(methods, method)
		} else {
			method = methods[len(methods)-1]
		}
		if name != method+"."+metric {
			return nil, fmt.Errorf("column %d is %q where %s.%s must be", len(idColumns)+i+1, name, method, metric)
		}
	}
	return methods, nil
}

func (t *Table) parse(record, header []string) (Image, error) {
	image := Image{ImageID: record[0], LesionID: record[1], Truth: slices.Index(t.Classes, record[2]), Predicted: slices.Index(t.Classes, record[3]),
		Scores: make([]Scores, len(t.Methods))}
	if image.Truth < 0 || image.Predicted < 0 {
		return image, fmt.Errorf("columns dx and predicted: %q and %q; known are %s", record[2], record[3], strings.Join(t.Classes, ", "))
	}
	var err error
	if image.MaskShare, err = strconv.ParseFloat(record[4], 64); err != nil {
		return image, fmt.Errorf("column mask_share: %q is not a number", record[4])
	}
	for i, text := range record[len(idColumns):] {
		v := math.NaN()
		if text != "" {
			if v, err = strconv.ParseFloat(text, 64); err != nil || math.IsNaN(v) {
				return image, fmt.Errorf("column %s: %q is not a number", header[len(idColumns)+i], text)
			}
		}
		image.Scores[i/int(NumMetrics)][i%int(NumMetrics)] = v
	}
	return image, nil
}
