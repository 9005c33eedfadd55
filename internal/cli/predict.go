package cli

import (
	"errors"
	"fmt"
	"math"
	"text/tabwriter"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

type predictCommand struct {
	Dir    string   `name:"run" help:"Run folder with the trained network." required:"" placeholder:"DIR"`
	Images []string `arg:"" name:"image" help:"Photos, JPEG or PNG of any size."`
	patientFlags
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
	Error         string              `json:"error,omitempty"`
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
	folder, err := run.Open(c.Dir)
	if err != nil {
		return err
	}
	network, err := s.openModel(folder)
	if err != nil {
		return err
	}
	defer network.Close()
	metadata, err := given.Complete(network.MeanAge())
	if err != nil {
		return usageError{err}
	}
	results, err := pipeline.PredictFiles(s.ctx, network, c.Images, metadata)
	if err != nil {
		return err
	}
	rows := make([]predictionRow, len(results))
	failed := 0
	for i, r := range results {
		rows[i] = predictionRow{Image: r.Path}
		if r.Err != nil {
			rows[i].Error = r.Err.Error()
			failed++
			continue
		}
		rows[i].Prediction, rows[i].Probabilities = byClass(r.Probabilities)
		if network.Metadata {
			rows[i].Metadata = (*predictionMetadata)(&metadata)
		}
	}
	if s.JSON {
		err = s.answer(rows)
	} else {
		err = writePredictions(s, rows)
	}
	if err == nil && failed > 0 {
		err = errors.New(plural(failed, "image") + " could not be read; the others are above")
	}
	return err
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
		if given.Age = *f.Age; !(given.Age >= 0 && given.Age <= 130) {
			return given, usagef("--age is %g; it must be in 0 to 130 years", given.Age)
		}
	}
	if _, err := given.Complete(0); err != nil {
		return given, usageError{err}
	}
	return given, nil
}

func writePredictions(s *session, rows []predictionRow) error {
	table := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
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
	return table.Flush()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
