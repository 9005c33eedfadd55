package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/likeness"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// predictor is the network of a run with the run's calibration.
type predictor struct {
	*skinattn.Model
	name        string           // of the run
	calibration *run.Calibration // nil: the run has none
	notes       func() []string  // caveats of the network, and of an engine that started late
	likeness    *likeness.Comparer
}

// openPredictor loads a run's network, and its calibration if it has one. Close it.
func (s *session) openPredictor(folder *run.Folder) (*predictor, error) {
	return s.openPredictorWith(folder, nil, s.predictionEngine)
}

// openPredictorWith is openPredictor on an engine, with an index of the photos of data, if not nil, that the
// run was trained on.
func (s *session) openPredictorWith(folder *run.Folder, data *ham10000.Dataset, open func() (*engine.Engine, error)) (*predictor, error) {
	calibration, err := folder.Calibration()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	eng, err := open()
	if err != nil {
		return nil, err
	}
	network, err := checkpoint.LoadModel(folder, eng, s.log)
	if err != nil {
		return nil, err
	}
	caveats := folder.Caveats()
	p := &predictor{Model: network, name: folder.Dir, calibration: calibration, notes: func() []string { return s.notes(caveats...) }}
	var index *likeness.Index
	if data != nil {
		index, err = likeness.NewIndex(s.ctx, eng, network, folder, data, s.progress, s.log)
	}
	if err == nil {
		p.likeness, err = likeness.Open(network, folder, index)
	}
	if err != nil {
		network.Close()
		return nil, err
	}
	return p, nil
}

// Close frees the network.
func (p *predictor) Close() {
	p.likeness.Close()
	p.Model.Close()
}

// unusualAnswer is the part of a JSON answer that says how unlike the training photos a photo
// is.
type unusualAnswer struct {
	Score     float64 `json:"score"`
	Threshold float64 `json:"threshold"`
	Unusual   bool    `json:"unusual"` // whether the score is above the threshold
}

// unusual says how unlike the training photos a photo is, nil if the run has no score.
func (p *predictor) unusual(ctx context.Context, r pipeline.FilePrediction) (*unusualAnswer, error) {
	if r.Err != nil || p.likeness.Unusual() == nil {
		return nil, nil
	}
	_, verdict, err := p.likeness.Compare(ctx, r.Upright(p.Network), 0)
	return (*unusualAnswer)(verdict), err
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
	j := judgement{Model: p.name, Notes: p.notes()}
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
