package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/serve"
)

// purpose stands below predictions for people.
const purpose = serve.Purpose

// predictionAnswer writes each prediction as soon as it is there: a row of a table for people
// or an entry of a JSON array.
type predictionAnswer struct {
	w       io.Writer
	network *predictor
	json    bool
	rows    []predictionRow
	image   int // width of the first column, of the longest path
}

func newPredictionAnswer(s *session, network *predictor, photos []pipeline.Photo) *predictionAnswer {
	a := &predictionAnswer{w: s.stdout, network: network, json: s.JSON, image: len("image")}
	for _, photo := range photos {
		a.image = max(a.image, utf8.RuneCountInString(photo.Path))
	}
	return a
}

// add writes a row.
func (a *predictionAnswer) add(r predictionRow) error {
	first := len(a.rows) == 0
	a.rows = append(a.rows, r)
	if a.json {
		text, err := json.MarshalIndent(r, "  ", "  ")
		if err != nil {
			return err
		}
		between := ",\n  "
		if first {
			between = "[\n  "
		}
		_, err = io.WriteString(a.w, between+string(text))
		return err
	}
	var line strings.Builder
	if first {
		fmt.Fprintf(&line, "%-*s  %-*s", a.image, "image", longestClassName, "prediction")
		for _, class := range ham10000.Classes {
			fmt.Fprintf(&line, "  %-6s", class)
		}
		line.WriteByte('\n')
	}
	if r.Error != "" {
		fmt.Fprintf(&line, "%-*s  error: %s\n", a.image, r.Image, r.Error)
	} else {
		fmt.Fprintf(&line, "%-*s  %-*s", a.image, r.Image, longestClassName, ham10000.ClassName(r.Prediction))
		for _, class := range ham10000.Classes {
			fmt.Fprintf(&line, "  %.4f", r.Probabilities[class])
		}
		line.WriteByte('\n')
	}
	_, err := io.WriteString(a.w, line.String())
	return err
}

// close ends the answer, also behind an error: the rows are then the photos before.
func (a *predictionAnswer) close() error {
	switch {
	case !a.json:
		_, err := io.WriteString(a.w, notes(a.network, a.rows))
		return err
	case len(a.rows) == 0:
		_, err := io.WriteString(a.w, "[]\n")
		return err
	default:
		_, err := io.WriteString(a.w, "\n]\n")
		return err
	}
}

// writePredictions writes predictions for people, and below them what they rest on.
func writePredictions(w io.Writer, network *predictor, rows []predictionRow) error {
	a := &predictionAnswer{w: w, network: network, image: len("image")}
	for _, r := range rows {
		a.image = max(a.image, utf8.RuneCountInString(r.Image))
	}
	for _, r := range rows {
		if err := a.add(r); err != nil {
			return err
		}
	}
	return a.close()
}

// longestClassName is the width of the second column.
var longestClassName = func() (n int) {
	for _, class := range ham10000.Classes {
		n = max(n, utf8.RuneCountInString(ham10000.ClassName(class)))
	}
	return n
}()

// notes are lines about what predictions rest on.
func notes(network *predictor, rows []predictionRow) string {
	return network.describe() + uncertain(network, rows) + unusual(rows) + unknownMetadata(rows) + purpose + "\n"
}

// named is the number of photos that a note names.
const named = 5

// list names the first of some photos.
func list(photos []string) string {
	text := strings.Join(photos[:min(named, len(photos))], ", ")
	if len(photos) > named {
		text += fmt.Sprintf(" and %d more", len(photos)-named)
	}
	return text
}

// unusual names the photos that are unlike the training photos, and is empty if none is.
func unusual(rows []predictionRow) string {
	var all []string
	threshold := 0.
	for _, r := range rows {
		if r.Unusual != nil && r.Unusual.Unusual {
			all = append(all, fmt.Sprintf("%s (%.2f)", r.Image, r.Unusual.Score))
			threshold = r.Unusual.Threshold
		}
	}
	if all == nil {
		return ""
	}
	return fmt.Sprintf("unusual: %s: unlike anything that the network was trained on, so that its answer means little; %s of its validation photos have a score up to %.2f\n",
		list(all), percent(run.UnusualLevel), threshold)
}

// uncertain names the photos whose predictions are uncertain, and is empty if none is.
func uncertain(network *predictor, rows []predictionRow) string {
	var all []string
	for _, r := range rows {
		if r.Uncertain != nil && *r.Uncertain {
			all = append(all, fmt.Sprintf("%s (%s, %.2f)", r.Image, r.Prediction, *r.Confidence))
		}
	}
	if all == nil {
		return ""
	}
	c := network.calibration.Confidence
	return fmt.Sprintf("uncertain: %s: of %d validation photos with a confidence below %.2f, %s were predicted rightly\n",
		list(all), c.Below, c.Threshold, percent(c.AccuracyBelow()))
}

// unknownMetadata says in a line which metadata were assumed, and is empty if none were.
func unknownMetadata(rows []predictionRow) string {
	rows = slices.DeleteFunc(slices.Clone(rows), func(r predictionRow) bool { return r.Metadata == nil })
	var parts []string
	for _, field := range []string{"age", "sex", "localization"} {
		n, example := 0, predictionRow{}
		for _, r := range rows {
			if slices.Contains(r.Assumed, field) {
				n, example = n+1, r
			}
		}
		if n == 0 {
			continue
		}
		part := field
		if n < len(rows) {
			part += fmt.Sprintf(" of %s", plural(n, "photo"))
		}
		if field == "age" {
			part += fmt.Sprintf(" (assumed: %.1f years, the mean of the training photos)", example.Metadata.Age)
		}
		parts = append(parts, part)
	}
	if parts == nil {
		return ""
	}
	return "metadata unknown: " + strings.Join(parts, ", ") + "\n"
}
