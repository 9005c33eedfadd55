package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// purpose stands below predictions for people.
const purpose = "for research and teaching; not a medical device"

// writePredictions writes predictions for people, and below them what they rest on.
func writePredictions(w io.Writer, network *predictor, rows []predictionRow) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "image\tprediction")
	for _, class := range ham10000.Classes {
		fmt.Fprintf(table, "\t%s", class)
	}
	fmt.Fprintln(table)
	for _, r := range rows {
		if r.Error != "" {
			fmt.Fprintf(table, "%s\terror: %s\n", r.Image, r.Error)
			continue
		}
		fmt.Fprintf(table, "%s\t%s", r.Image, ham10000.ClassName(r.Prediction))
		for _, class := range ham10000.Classes {
			fmt.Fprintf(table, "\t%.4f", r.Probabilities[class])
		}
		fmt.Fprintln(table)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, notes(network, rows))
	return err
}

// notes are lines about what predictions rest on.
func notes(network *predictor, rows []predictionRow) string {
	return network.describe() + uncertain(network, rows) + unknownMetadata(rows) + purpose + "\n"
}

// uncertain names the photos whose predictions are uncertain, and is empty if none is.
func uncertain(network *predictor, rows []predictionRow) string {
	const named = 5
	var all []string
	for _, r := range rows {
		if r.Uncertain != nil && *r.Uncertain {
			all = append(all, fmt.Sprintf("%s (%s, %.2f)", r.Image, r.Prediction, *r.Confidence))
		}
	}
	if all == nil {
		return ""
	}
	list := strings.Join(all[:min(named, len(all))], ", ")
	if len(all) > named {
		list += fmt.Sprintf(" and %d more", len(all)-named)
	}
	c := network.calibration.Confidence
	return fmt.Sprintf("uncertain: %s: of %d validation photos with a confidence below %.2f, %s were predicted rightly\n",
		list, c.Below, c.Threshold, percent(c.AccuracyBelow()))
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
