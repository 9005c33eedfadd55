package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"

	"github.com/skinattn/skinattn/models"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
)

type predictCommand struct {
	Dir    string   `name:"run" help:"Run folder with the trained network (default: the released model)." placeholder:"DIR"`
	Images []string `arg:"" optional:"" name:"image" help:"Photos, JPEG or PNG of any size, or folders of them."`
	patientFlags
	testSetFlags
}

// patientFlags describe a patient.
type patientFlags struct {
	Age          *float64 `help:"The patient's age in years (default: unknown)." placeholder:"A"`
	Sex          string   `help:"The patient's sex: female, male or unknown." placeholder:"S"`
	Localization string   `help:"Where the lesion is, such as back or face." placeholder:"L"`
}

// predictionRow is an entry of the JSON answer.
type predictionRow struct {
	Image         string              `json:"image"`
	Prediction    string              `json:"prediction,omitempty"`
	Probabilities map[string]float32  `json:"probabilities,omitempty"`
	Metadata      *predictionMetadata `json:"metadata,omitempty"`
	// Assumed are the fields of Metadata that were not known: the age is then the mean of the
	// training photos.
	Assumed []string `json:"assumed,omitempty"`
	judgement
	Unusual *unusualAnswer `json:"unusual,omitempty"`
	Truth   string         `json:"truth,omitempty"`    // the diagnosis, where a test set tells it
	LeftOut string         `json:"left_out,omitempty"` // why a photo of a test set is not predicted
	Error   string         `json:"error,omitempty"`
}

type predictionMetadata struct {
	Age          float64 `json:"age"`
	Sex          string  `json:"sex"`
	Localization string  `json:"localization"`
}

func (c *predictCommand) Run(s *session) error {
	given, err := c.given()
	if err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	var set *ham10000.TestSet
	if c.TestData != "" { // before the engine starts
		if set, err = c.open(); err != nil {
			return err
		}
	}
	folder, err := models.Open(c.Dir)
	if err != nil {
		return err
	}
	network, err := s.openPredictor(folder)
	if err != nil {
		return err
	}
	defer network.Close()
	network.LimitBatch(pipeline.PhotosTogether)
	// The garbage is decoded photos: large, without pointers, quick to collect.
	defer debug.SetGCPercent(debug.SetGCPercent(40))
	if set != nil {
		return c.predictSet(s, network, set)
	}
	metadata, err := given.Complete(network.MeanAge())
	if err != nil {
		return usageError{err}
	}
	photos, err := c.photos(s, metadata)
	if err != nil {
		return err
	}
	answer := newPredictionAnswer(s, network, photos)
	failed := 0
	err = pipeline.PredictPhotos(s.ctx, network.Model, photos, func(p pipeline.FilePrediction) error {
		if p.Err != nil {
			failed++
		}
		row, err := newPredictionRow(s.ctx, network, p, given, metadata)
		if err != nil {
			return err
		}
		return answer.add(row)
	})
	if closed := answer.close(); err == nil {
		err = closed
	}
	if err == nil && failed > 0 {
		err = errors.New(plural(failed, "image") + " could not be read; the others are above")
	}
	return err
}

// photos are the photos of one patient: files, and all JPEG and PNG files below folders, in
// the order of their names. A folder without any is an error.
func (c *predictCommand) photos(s *session, metadata skinattn.Metadata) (photos []pipeline.Photo, err error) {
	for _, path := range c.Images {
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			photos = append(photos, pipeline.Photo{Path: path, Metadata: metadata}) // the row says what is wrong
			continue
		}
		files, err := s.photosBelow(path)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			photos = append(photos, pipeline.Photo{Path: file, Metadata: metadata})
		}
	}
	return photos, nil
}

// check returns an error for flags that do not go together.
func (c *predictCommand) check() error {
	switch {
	case c.TestData == "" && len(c.Images) == 0:
		return usagef("predict takes images, or --test-data DIR")
	case c.TestData == "":
		return c.onlyWithTestData()
	case len(c.Images) > 0:
		return usagef("--test-data DIR predicts the photos of DIR; leave %s out", c.Images[0])
	case c.patientFlags != patientFlags{}:
		return usagef("--age, --sex and --localization are of one patient; with --test-data the table has them, or they are unknown")
	}
	return nil
}

// newPredictionRow is the row of a photo; given is its patient's metadata as far as it is
// known, and used as it was completed.
func newPredictionRow(ctx context.Context, network *predictor, r pipeline.FilePrediction, given, used skinattn.Metadata) (row predictionRow, err error) {
	row.Image = r.Path
	if r.Err != nil {
		row.Error = r.Err.Error()
		return row, nil
	}
	calibrated := network.calibrated(r.Prediction)
	row.Prediction, row.Probabilities = byClass(calibrated.Probabilities)
	row.judgement = network.judge(calibrated)
	if network.Metadata {
		row.Metadata, row.Assumed = (*predictionMetadata)(&used), given.Unknown()
	}
	row.Unusual, err = network.unusual(ctx, r)
	return row, err
}

// byClass returns the most probable class, and the probabilities by class.
func byClass(probabilities []float32) (best string, all map[string]float32) {
	all = make(map[string]float32, len(probabilities))
	first := 0
	for k, p := range probabilities {
		all[ham10000.Classes[k]] = p
		if p > probabilities[first] {
			first = k
		}
	}
	return ham10000.Classes[first], all
}

// given returns the metadata that the flags give; an age that they leave out is NaN.
func (f patientFlags) given() (skinattn.Metadata, error) {
	given := skinattn.Metadata{Age: math.NaN(), Sex: f.Sex, Localization: f.Localization}
	if f.Age != nil {
		given.Age = *f.Age // finite
		if err := skinattn.CheckAge(given.Age); err != nil {
			return given, usagef("--age: %w", err)
		}
	}
	if _, err := given.Complete(0); err != nil {
		return given, usageError{err}
	}
	return given, nil
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
