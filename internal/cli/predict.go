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
	Dir          string   `name:"run" help:"Run folder with the trained network." required:"" placeholder:"DIR"`
	Images       []string `arg:"" name:"image" help:"Photos, JPEG or PNG of any size."`
	Age          *float64 `help:"The patient's age in years (default: unknown)." placeholder:"A"`
	Sex          string   `help:"The patient's sex: female, male or unknown." placeholder:"S"`
	Localization string   `help:"Where the lesion is, such as back or face." placeholder:"L"`
}

// Help is the command's long help.
func (predictCommand) Help() string {
	return `Example:
  skinattn predict --run runs/mnv2 ISIC_0027419.jpg --age 80 --sex male --localization scalp

For research and teaching; not a medical device.`
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

// Run predicts.
func (c *predictCommand) Run(s *session) error {
	given, err := givenMetadata(c.Age, c.Sex, c.Localization)
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
		rows[i].Probabilities = map[string]float32{}
		best := 0
		for k, p := range r.Probabilities {
			rows[i].Probabilities[ham10000.Classes[k]] = p
			if p > r.Probabilities[best] {
				best = k
			}
		}
		rows[i].Prediction = ham10000.Classes[best]
		if network.Metadata {
			rows[i].Metadata = &predictionMetadata{metadata.Age, metadata.Sex, metadata.Localization}
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

// givenMetadata is what the flags say of a patient.
func givenMetadata(age *float64, sex, localization string) (skinattn.Metadata, error) {
	given := skinattn.Metadata{Age: math.NaN(), Sex: sex, Localization: localization}
	if age != nil {
		if given.Age = *age; !(given.Age >= 0 && given.Age <= 130) {
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
