package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/skinattn/skinattn/internal/oneline"
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
	tally   tally
	image   int // width of the first column, of the longest path
}

// tally is what the lines below predictions tell of them. It takes the same memory for any
// number of photos.
type tally struct {
	rows               int
	uncertain, unusual some
	unusualFrom        float64 // the score above which a photo is unusual
	withMetadata       int
	assumed            map[string]int // photos by field
	meanAge            float64        // where an age was assumed
}

// some are photos of which the first are named.
type some struct {
	photos []string
	more   int
}

func (s *some) add(photo string) {
	const named = 5
	if len(s.photos) < named {
		s.photos = append(s.photos, photo)
	} else {
		s.more++
	}
}

func (s some) String() string {
	text := strings.Join(s.photos, ", ")
	if s.more > 0 {
		text += fmt.Sprintf(" and %d more", s.more)
	}
	return text
}

func (t *tally) add(r predictionRow) {
	t.rows++
	if r.Uncertain != nil && *r.Uncertain {
		t.uncertain.add(fmt.Sprintf("%s (%s, %.2f)", oneline.Name(r.Image), r.Prediction, *r.Confidence))
	}
	if r.Unusual != nil && r.Unusual.Unusual {
		t.unusual.add(fmt.Sprintf("%s (%.2f)", oneline.Name(r.Image), r.Unusual.Score))
		t.unusualFrom = r.Unusual.Threshold
	}
	if r.Metadata == nil {
		return
	}
	t.withMetadata++
	for _, field := range r.Assumed {
		if t.assumed == nil {
			t.assumed = map[string]int{}
		}
		t.assumed[field]++
		if field == "age" {
			t.meanAge = r.Metadata.Age
		}
	}
}

func newPredictionAnswer(s *session, network *predictor, photos []pipeline.Photo) *predictionAnswer {
	a := &predictionAnswer{w: s.stdout, network: network, json: s.JSON, image: len("image")}
	for _, photo := range photos {
		a.image = max(a.image, utf8.RuneCountInString(oneline.Name(photo.Path)))
	}
	return a
}

// add writes a row.
func (a *predictionAnswer) add(r predictionRow) error {
	first := a.tally.rows == 0
	a.tally.add(r)
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
		fmt.Fprintf(&line, "%-*s  error: %s\n", a.image, oneline.Name(r.Image), oneline.Name(r.Error))
	} else {
		fmt.Fprintf(&line, "%-*s  %-*s", a.image, oneline.Name(r.Image), longestClassName, ham10000.ClassName(r.Prediction))
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
		_, err := io.WriteString(a.w, notes(a.network, a.tally))
		return err
	case a.tally.rows == 0:
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
		a.image = max(a.image, utf8.RuneCountInString(oneline.Name(r.Image)))
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

// tallyOf is the tally of rows.
func tallyOf(rows []predictionRow) (t tally) {
	for _, r := range rows {
		t.add(r)
	}
	return t
}

// notes are lines about what predictions rest on.
func notes(network *predictor, t tally) string {
	return network.describe() + uncertain(network, t) + unusual(t) + unknownMetadata(t) + purpose + "\n"
}

// unusual names the photos that are unlike the training photos, and is empty if none is.
func unusual(t tally) string {
	if t.unusual.photos == nil {
		return ""
	}
	return fmt.Sprintf("unusual: %s: unlike anything that the network was trained on, so that its answer means little; %s of its validation photos have a score up to %.2f\n",
		t.unusual, percent(run.UnusualLevel), t.unusualFrom)
}

// uncertain names the photos whose predictions are uncertain, and is empty if none is.
func uncertain(network *predictor, t tally) string {
	if t.uncertain.photos == nil {
		return ""
	}
	c := network.calibration.Confidence
	return fmt.Sprintf("uncertain: %s: of %d validation photos with a confidence below %.2f, %s were predicted rightly\n",
		t.uncertain, c.Below, c.Threshold, percent(c.AccuracyBelow()))
}

// unknownMetadata says in a line which metadata were assumed, and is empty if none were.
func unknownMetadata(t tally) string {
	var parts []string
	for _, field := range []string{"age", "sex", "localization"} {
		n := t.assumed[field]
		if n == 0 {
			continue
		}
		part := field
		if n < t.withMetadata {
			part += fmt.Sprintf(" of %s", plural(n, "photo"))
		}
		if field == "age" {
			part += fmt.Sprintf(" (assumed: %.1f years, the mean of the training photos)", t.meanAge)
		}
		parts = append(parts, part)
	}
	if parts == nil {
		return ""
	}
	return "metadata unknown: " + strings.Join(parts, ", ") + "\n"
}
