package eval

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/skinattn/skinattn/internal/csvtable"
	"github.com/skinattn/skinattn/internal/oneline"
)

// TruthUnknown is the Truth of an image whose class is not known.
const TruthUnknown = -1

// SumTolerance is the greatest difference between 1 and the sum of the probabilities
// of one image. The terms of a float32 softmax err by about 1e-7; the tolerance allows
// half-precision engines and tables with six digits, and is far below any difference
// that a metric would show.
const SumTolerance = 1e-4

// RoundedTolerance is the greatest difference between 1 and the sum of n probabilities
// that were rounded to the given number of digits: half a unit of the last digit each.
// Tables of predictions take rows that were rounded to three or four digits, within this
// tolerance, and divide them by their sum.
func RoundedTolerance(n, digits int) float64 { return float64(n) * 0.5 * math.Pow10(-digits) }

// exactSum is the difference between 1 and the sum of a row below which it is not
// normalised: rounding to four digits makes at least twice as much.
const exactSum = 5e-5

// roundedDigits returns 3 or 4 if the probabilities of a row are whole multiples of
// 0.001 or 0.0001, as rounded numbers are, and 0 otherwise.
func roundedDigits(row []float32) int {
	for _, digits := range []int{3, 4} {
		scale := math.Pow10(digits)
		whole := func(v float32) bool {
			scaled := float64(v) * scale
			return math.Abs(scaled-math.Round(scaled)) <= 1e-7*scale // float32 rounds by less
		}
		if !slices.ContainsFunc(row, func(v float32) bool { return !whole(v) }) {
			return digits
		}
	}
	return 0
}

// rowSum returns the sum of a row, the greatest difference from 1 that it may have, and
// whether the row is to be normalised: rounding is why it differs from 1.
func rowSum(row []float32) (sum, tolerance float64, normalize bool) {
	for _, v := range row {
		sum += float64(v)
	}
	digits := roundedDigits(row)
	if digits == 0 {
		return sum, SumTolerance, false
	}
	const float32Rounding = 1e-6 // of decimal fractions that became float32
	tolerance = max(SumTolerance, RoundedTolerance(len(row), digits)) + float32Rounding
	return sum, tolerance, math.Abs(sum-1) > exactSum
}

// normalize divides the rounded rows by their sum and returns a note about them, empty
// if there are none.
func (p *Predictions) normalize() (note string) {
	changed, low, high := 0, math.Inf(1), math.Inf(-1)
	for _, row := range p.Probs {
		sum, _, rounded := rowSum(row)
		if !rounded {
			continue
		}
		changed, low, high = changed+1, min(low, sum), max(high, sum)
		for k, v := range row {
			row[k] = float32(float64(v) / sum)
		}
	}
	if changed == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d rows of probabilities are rounded to three or four digits and sum to %.4f to %.4f: each was divided by its sum", changed, len(p.Probs), low, high)
}

// notOne writes a sum with enough digits to show that it differs from 1 by more than the
// tolerance.
func notOne(sum, tolerance float64) string {
	for digits := 6; digits < 17; digits++ {
		text := strconv.FormatFloat(sum, 'g', digits, 64)
		if shown, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(shown-1) > tolerance*(1+1e-12) {
			return text
		}
	}
	return strconv.FormatFloat(sum, 'g', -1, 64)
}

// roundingSlack lets a probability exceed 1 by a few float32 rounding errors, as
// the average of several softmax outputs does.
const roundingSlack = 1e-6

// Predictions are class probabilities, with a row for each image: the raw data that
// [NewTable] checks and copies into a [Table].
//
// Row i is ImageIDs[i], LesionIDs[i], Truth[i] and Probs[i]. Probabilities are float32,
// the output of networks; every metric is computed from their exact float64 values.
type Predictions struct {
	// Classes names the columns of Probs, in class order (at least two).
	Classes []string
	// ImageIDs are unique and not empty.
	ImageIDs []string
	// LesionIDs groups photos of one lesion. An empty id (or a nil slice) means
	// unknown: the image counts as a lesion of its own.
	LesionIDs []string
	// Truth is the index of the true class, or TruthUnknown.
	Truth []int
	// Probs has a row of len(Classes) probabilities for each image.
	Probs [][]float32
}

// Len returns the number of images.
func (p *Predictions) Len() int { return len(p.ImageIDs) }

// Predicted returns the index of the largest probability of image i, the first
// in class order on a tie.
func (p *Predictions) Predicted(i int) int { return argmax(p.Probs[i]) }

func argmax(row []float32) int { return slices.Index(row, slices.Max(row)) }

// ClassIndex returns the column of the named class, or -1.
func (p *Predictions) ClassIndex(name string) int { return slices.Index(p.Classes, name) }

// Validate returns an error for the first mistake in p: slices of different lengths, bad class names, missing or repeated image ids,
// a true class out of range, or probabilities that are not finite, not in
// [0, 1] (except for float32 rounding) or do not sum to 1 within [SumTolerance] or, if
// they are rounded to three or four digits, [RoundedTolerance].
func (p *Predictions) Validate() error {
	if err := validateClasses(p.Classes); err != nil {
		return err
	}
	n := len(p.ImageIDs)
	if len(p.Truth) != n || len(p.Probs) != n {
		return fmt.Errorf("%d image ids, %d true classes and %d rows of probabilities: the table needs as many of each", n, len(p.Truth), len(p.Probs))
	}
	if len(p.LesionIDs) != n && len(p.LesionIDs) != 0 {
		return fmt.Errorf("%d image ids but %d lesion ids: give one for each image, or none", n, len(p.LesionIDs))
	}
	seen := make(map[string]bool, n)
	for i := range n {
		if err := p.validateRow(i, seen); err != nil {
			return fmt.Errorf("image %d (%q): %w", i, oneline.Clip(p.ImageIDs[i], oneline.Limit/2), err)
		}
	}
	return nil
}

// validateRow checks row i; seen holds the image ids of the rows before. Its error is a
// [RowError] with the column; callers add the line.
func (p *Predictions) validateRow(i int, seen map[string]bool) error {
	id := p.ImageIDs[i]
	if id == "" {
		return csvtable.Errorf("image_id", "is empty")
	}
	if hasControl(id) {
		return csvtable.Errorf("image_id", "%q has a control character", id)
	}
	if seen[id] {
		return csvtable.Errorf("image_id", "%q was given before", id)
	}
	seen[id] = true
	if len(p.LesionIDs) != 0 && hasControl(p.LesionIDs[i]) {
		return csvtable.Errorf("lesion_id", "%q has a control character", p.LesionIDs[i])
	}
	if t := p.Truth[i]; t != TruthUnknown && (t < 0 || t >= len(p.Classes)) {
		return csvtable.Errorf("dx", "class index %d, but there are %d classes", t, len(p.Classes))
	}
	row := p.Probs[i]
	if len(row) != len(p.Classes) {
		return csvtable.Errorf("", "%d probabilities for %d classes", len(row), len(p.Classes))
	}
	for k, v := range row {
		// The comparison is written so that NaN fails it.
		if !(v >= 0 && v <= 1+roundingSlack) {
			return csvtable.Errorf(p.Classes[k], "probability %v is not in [0, 1]", v)
		}
	}
	if sum, tolerance, _ := rowSum(row); math.Abs(sum-1) > tolerance {
		return csvtable.Errorf("", "the probabilities of %s sum to %s, not 1 (within %.2g)", oneline.Clip(strings.Join(p.Classes, ","), oneline.Limit), notOne(sum, tolerance), tolerance)
	}
	return nil
}

func validateClasses(classes []string) error {
	if len(classes) < 2 {
		return fmt.Errorf("%d class columns: a table of predictions needs at least two", len(classes))
	}
	seen := make(map[string]bool, len(classes))
	for k, c := range classes {
		switch {
		case strings.TrimSpace(c) != c || c == "":
			return fmt.Errorf("class column %d: name %q is empty or has space around it", k+1, c)
		case hasControl(c):
			return fmt.Errorf("class column %d: name %q has a control character", k+1, c)
		case seen[c]:
			return fmt.Errorf("class column %d: name %q is there twice", k+1, c)
		}
		seen[c] = true
	}
	return nil
}

// hasControl reports whether s has a control character: line ends do not survive a
// round trip through CSV, other control characters confuse terminals.
func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }
