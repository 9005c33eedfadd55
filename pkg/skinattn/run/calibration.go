package run

import (
	"fmt"
	"math"
	"slices"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// UncertainLevel is the share of right predictions that makes a confidence too low: a
// prediction is called uncertain if, of the validation photos that the network was as
// unsure of or more, at most half were predicted rightly.
const UncertainLevel = .5

// Calibration is calibration.json: how the probabilities of the run's network become
// calibrated ones, and the confidence below which a prediction is uncertain. Files with
// predictions in the run folder are not calibrated.
type Calibration struct {
	// FittedOn is the SHA-256, hexadecimal, of the validation predictions.
	FittedOn   string          `json:"fitted_on_sha256"`
	Scaling    *eval.Scaling   `json:"scaling"`
	Confidence eval.Confidence `json:"confidence"` // of calibrated probabilities
}

// Calibrate fits a temperature to validation predictions and chooses the threshold on
// them.
func Calibrate(val *eval.Table) (*Calibration, error) {
	scaling, err := eval.FitTemperature(val)
	if err != nil {
		return nil, err
	}
	calibrated, err := scaling.Apply(val)
	if err != nil {
		return nil, err
	}
	return &Calibration{val.SHA256(), scaling, calibrated.ConfidenceThreshold(UncertainLevel)}, nil
}

// Uncertain reports whether a prediction with calibrated probabilities is uncertain.
func (c *Calibration) Uncertain(probabilities []float32) bool {
	return float64(slices.Max(probabilities)) < c.Confidence.Threshold
}

// Calibration reads calibration.json. A run that is not calibrated has none: a
// *MissingError.
func (f *Folder) Calibration() (*Calibration, error) {
	text, err := f.readFile(CalibrationFile)
	if err != nil {
		return nil, err
	}
	c := &Calibration{}
	if err := f.decode(CalibrationFile, text, c); err != nil {
		return nil, err
	}
	threshold := c.Confidence.Threshold
	switch {
	case c.Scaling == nil:
		err = fmt.Errorf("no scaling")
	case math.IsNaN(threshold) || threshold < 0 || threshold > 1:
		err = fmt.Errorf("confidence.threshold is %g; it must be in 0 to 1", threshold)
	default:
		err = c.Scaling.Check(ham10000.Classes)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", f.Path(CalibrationFile), err)
	}
	return c, nil
}

// WriteCalibration writes calibration.json.
func (f *Folder) WriteCalibration(c *Calibration) error { return f.writeJSON(CalibrationFile, c) }
