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

// columns are the CSV header.
var columns = slices.Concat([]string{"image_id", "lesion_id", "dx", "predicted", "mask_share", "method"}, metricNames[:])

// WriteFile validates t and writes it to path in one step, as [Table.WriteCSV].
func (t *Table) WriteFile(path string) error {
	if err := t.Validate(); err != nil {
		return fmt.Errorf("writing scores: %s: %w", path, err)
	}
	return atomicfile.WriteFile(path, t.writeCSV)
}

// WriteCSV validates t and writes it with the header
//
//	image_id,lesion_id,dx,predicted,mask_share,method,mass_inside,pointing,pointing_near,iou,auc,deletion,insertion
//
// and for each image a row a method, numbers with four decimals, an empty field
// for NaN.
func (t *Table) WriteCSV(w io.Writer) error {
	if err := t.Validate(); err != nil {
		return fmt.Errorf("writing scores: %w", err)
	}
	return t.writeCSV(w)
}

func (t *Table) writeCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	out.Write(columns) // a csv.Writer keeps its first error until Flush
	for _, image := range t.Images {
		for k, scores := range image.Scores {
			record := []string{image.ImageID, image.LesionID, t.Classes[image.Truth], t.Classes[image.Predicted],
				digits(max(image.MaskShare, unit)), t.Methods[k]}
			for _, v := range scores {
				record = append(record, digits(v))
			}
			out.Write(record)
		}
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
// order. The rows of an image stand together, and every image has the same
// methods in the same order. Errors name row and column; rows count from 1 at the
// header.
func ReadCSV(r io.Reader, classes []string) (*Table, error) {
	in := csv.NewReader(r)
	header, err := in.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("empty file: the header %s is missing", strings.Join(columns, ","))
	}
	if err != nil {
		return nil, err
	}
	if !slices.Equal(header, columns) {
		return nil, fmt.Errorf("row 1: the header is %q: it must be %s", strings.Join(header, ","), strings.Join(columns, ","))
	}
	t := &Table{Classes: classes}
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err // csv.ParseError names line and column
		}
		line, _ := in.FieldPos(0)
		if err := t.appendRecord(record); err != nil {
			return nil, fmt.Errorf("row %d: %w", line, err)
		}
	}
	if err := t.Validate(); err != nil {
		return nil, err
	}
	return t, nil
}

// appendRecord adds one row to its image.
func (t *Table) appendRecord(record []string) error {
	image := Image{ImageID: record[0], LesionID: record[1], Truth: slices.Index(t.Classes, record[2]), Predicted: slices.Index(t.Classes, record[3])}
	if image.Truth < 0 || image.Predicted < 0 {
		return fmt.Errorf("columns dx and predicted: %q and %q; known are %s", record[2], record[3], strings.Join(t.Classes, ", "))
	}
	var err error
	if image.MaskShare, err = strconv.ParseFloat(record[4], 64); err != nil {
		return fmt.Errorf("column mask_share: %q is not a number", record[4])
	}
	var scores Scores
	for m, text := range record[6:] {
		if text == "" {
			scores[m] = math.NaN()
		} else if scores[m], err = strconv.ParseFloat(text, 64); err != nil || math.IsNaN(scores[m]) {
			return fmt.Errorf("column %s: %q is not a number", Metric(m), text)
		}
	}
	last := len(t.Images) - 1
	if last < 0 || t.Images[last].ImageID != image.ImageID {
		if last >= 0 && len(t.Images[last].Scores) != len(t.Methods) {
			return fmt.Errorf("column method: image %q before has %d methods, the first one has %d", t.Images[last].ImageID, len(t.Images[last].Scores), len(t.Methods))
		}
		t.Images = append(t.Images, image)
		last++
	}
	at := &t.Images[last]
	if at.LesionID != image.LesionID || at.Truth != image.Truth || at.Predicted != image.Predicted || at.MaskShare != image.MaskShare {
		return fmt.Errorf("columns lesion_id to mask_share: not as in the row of %q before", image.ImageID)
	}
	k := len(at.Scores)
	if last == 0 {
		t.Methods = append(t.Methods, record[5])
	}
	if k >= len(t.Methods) || t.Methods[k] != record[5] {
		return fmt.Errorf("column method: %q; the methods must be those of the first image, %s, in that order", record[5], strings.Join(t.Methods, ", "))
	}
	at.Scores = append(at.Scores, scores)
	return nil
}
