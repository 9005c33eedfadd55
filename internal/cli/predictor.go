package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// predictor is the network of a run with the run's calibration.
type predictor struct {
	*skinattn.Model
	name        string           // of the run
	calibration *run.Calibration // nil: the run has none
	notes       []string         // caveats of the network
}

// openPredictor loads a run's network, and its calibration if it has one. Close it.
func (s *session) openPredictor(folder *run.Folder) (*predictor, error) {
	calibration, err := folder.Calibration()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	network, err := s.openModel(folder)
	if err != nil {
		return nil, err
	}
	return &predictor{network, folder.Dir, calibration, s.notes(runCaveats(folder)...)}, nil
}

// judgement is the part of a JSON answer that says how far a prediction can be trusted.
// A run without a calibration leaves it out but for Model.
type judgement struct {
	Model      string   `json:"model,omitempty"`
	Calibrated bool     `json:"calibrated,omitempty"`
	Confidence *float32 `json:"confidence,omitempty"` // the largest probability
	Uncertain  *bool    `json:"uncertain,omitempty"`
	Notes      []string `json:"notes,omitempty"` // caveats of the network, such as lost weights
}

// calibrated recalibrates the probabilities of a prediction if the run is calibrated.
func (p *predictor) calibrated(raw skinattn.Prediction) skinattn.Prediction {
	if p.calibration != nil {
		raw.Probabilities = p.calibration.Scaling.Probabilities(raw.Probabilities)
	}
	return raw
}

// judge judges a prediction with calibrated probabilities.
func (p *predictor) judge(calibrated skinattn.Prediction) judgement {
	j := judgement{Model: p.name, Notes: p.notes}
	if p.calibration != nil {
		confidence, uncertain := slices.Max(calibrated.Probabilities), p.calibration.Uncertain(calibrated.Probabilities)
		j.Calibrated, j.Confidence, j.Uncertain = true, &confidence, &uncertain
	}
	return j
}

// describe is a line about the model.
func (p *predictor) describe() string {
	if p.calibration == nil {
		return fmt.Sprintf("model %s; the probabilities are the network's own, not calibrated\n", p.name)
	}
	return fmt.Sprintf("model %s; calibrated probabilities (%s)\n", p.name, scalingName(p.calibration.Scaling))
}
