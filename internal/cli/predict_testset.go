package cli

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
)

// testSetFlags are the flags of 'predict --test-data'.
type testSetFlags struct {
	TestData        string `help:"In place of photos: a folder with a test set, such as the official validation or test photos of ISIC 2018." placeholder:"DIR"`
	Truth           string `help:"With --test-data: the table of the truth, ISIC's ground truth or a metadata table (default: found by its name in DIR or beside it)." placeholder:"FILE"`
	WithoutMetadata bool   `help:"With --test-data: age, sex and localization count as unknown where the table has them, too."`
	Out             string `help:"With --test-data: the predictions CSV to write, which 'evaluate' takes." placeholder:"FILE"`
}

// onlyWithTestData returns an error if a flag is given that needs --test-data.
func (f testSetFlags) onlyWithTestData() error {
	switch {
	case f.Truth != "":
		return usagef("--truth needs --test-data DIR")
	case f.WithoutMetadata:
		return usagef("--without-metadata needs --test-data DIR; of a photo, --age, --sex and --localization are unknown unless they are given")
	case f.Out != "":
		return usagef("--out needs --test-data DIR; the probabilities of photos are on standard output, with --json for programs")
	}
	return nil
}

// open opens the test set, after a look at the place for the predictions: nothing is to be
// found wrong after minutes.
func (f testSetFlags) open() (*ham10000.TestSet, error) {
	if f.Out != "" {
		if info, err := os.Stat(filepath.Dir(f.Out)); err != nil {
			return nil, fmt.Errorf("the folder for --out: %w", err)
		} else if !info.IsDir() {
			return nil, usagef("--out is %s, but %s is no folder", f.Out, filepath.Dir(f.Out))
		}
	}
	return ham10000.OpenTestSet(f.TestData, f.Truth)
}

// predictSet predicts the photos of a test set.
func (f testSetFlags) predictSet(s *session, network *predictor, set *ham10000.TestSet) error {
	if f.WithoutMetadata {
		for i, r := range set.Records {
			r.Age, r.Sex, r.Localization = math.NaN(), ham10000.Unknown, ham10000.Unknown
			set.Records[i] = r
		}
	}
	used, err := skinattn.CompleteMetadata(set.Records, network.MeanAge())
	if err != nil {
		return err
	}
	photos := pipeline.PhotosOf(set, used)
	progress := s.progress("predicting")
	var rows []predictionRow
	var unreadable []error
	var probabilities [][]float32
	err = pipeline.PredictPhotos(s.ctx, network.Model, photos, func(p pipeline.FilePrediction) error {
		r := set.Records[len(rows)]
		row, err := newPredictionRow(s.ctx, network, p, skinattn.MetadataOf(r), used[len(rows)])
		if err != nil {
			return err
		}
		row.Truth = r.Dx
		rows = append(rows, row)
		progress(len(rows), len(photos))
		if p.Err != nil {
			unreadable = append(unreadable, p.Err)
			return nil
		}
		probabilities = append(probabilities, network.calibrated(p.Prediction).Probabilities)
		return nil
	})
	if err != nil {
		return err
	}
	if f.Out != "" && len(unreadable) == 0 {
		table, err := pipeline.Table(set.Records, probabilities)
		if err != nil {
			return err
		}
		if err := table.WriteFile(f.Out); err != nil {
			return err
		}
	}
	if s.JSON {
		err = s.answer(append(rows, leftOut(set)...))
	} else {
		err = f.describe(s.stdout, network, set, rows, len(unreadable) == 0)
	}
	if err == nil && len(unreadable) > 0 {
		err = fmt.Errorf("%s could not be read, and no predictions were written: %w", plural(len(unreadable), "image"), errors.Join(unreadable[:min(3, len(unreadable))]...))
	}
	return err
}

// leftOut are rows for the photos that are not predicted.
func leftOut(set *ham10000.TestSet) []predictionRow {
	var rows []predictionRow
	for _, id := range set.Unlisted {
		path, _ := set.ImagePath(id)
		rows = append(rows, predictionRow{Image: path, LeftOut: "no row in " + set.MetadataFile})
	}
	for _, out := range set.LeftOut {
		for _, id := range out.ImageIDs {
			path, found := set.ImagePath(id)
			if !found {
				path = id
			}
			rows = append(rows, predictionRow{Image: path, LeftOut: "of " + out.Why})
		}
	}
	if set.NeverReleased {
		rows = append(rows, predictionRow{Image: ham10000.NeverReleased, LeftOut: "it was never released"})
	}
	return rows
}

// describe answers for people: what was predicted, what of it was not known, and what now.
func (f testSetFlags) describe(w io.Writer, network *predictor, set *ham10000.TestSet, rows []predictionRow, written bool) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s of %s", plural(len(rows), "photo"), set.Dir)
	if set.MetadataFile != "" {
		fmt.Fprintf(&text, ", truth from %s\n", set.MetadataFile)
	} else {
		text.WriteString("; no table of their truth was found, so the column dx is empty (--truth names one)\n")
	}
	if set.NeverReleased {
		fmt.Fprintf(&text, "%s is in the table, was never released and does not count\n", ham10000.NeverReleased)
	}
	for _, out := range set.LeftOut {
		fmt.Fprintf(&text, "left out: %s of %s\n", plural(len(out.ImageIDs), "row"), out.Why)
	}
	if n := len(set.Unlisted); n > 0 {
		fmt.Fprintf(&text, "left out: %s without a row in the table, such as %s\n", plural(n, "photo"), set.Unlisted[0])
	}
	if !set.HasLesions() {
		text.WriteString("lesions unknown: each photo counts as a lesion of its own\n")
	}
	if f.Out != "" && written {
		fmt.Fprintf(&text, "predictions in %s; now: skinattn evaluate %[1]s\n", f.Out)
	}
	if _, err := io.WriteString(w, text.String()); err != nil {
		return err
	}
	if f.Out != "" {
		_, err := io.WriteString(w, notes(network, tallyOf(rows)))
		return err
	}
	return writePredictions(w, network, rows)
}
