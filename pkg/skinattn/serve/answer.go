package serve

import (
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// Purpose is in every answer about a photo, and always in sight on the page.
const Purpose = "for research and teaching; not a medical device"

// Prediction is the answer to POST /v1/predict. The fields up to Notes mean what they mean in
// the answer of 'skinattn predict --json', with the same values.
type Prediction struct {
	Prediction    string             `json:"prediction"`
	Probabilities map[string]float32 `json:"probabilities"` // by class
	Metadata      *Metadata          `json:"metadata,omitempty"`
	// Assumed are the fields of Metadata that were not given.
	Assumed    []string `json:"assumed,omitempty"`
	Model      string   `json:"model"`
	Calibrated bool     `json:"calibrated"`
	Confidence float32  `json:"confidence"` // the largest probability
	// Uncertain says that the confidence is below the threshold of the calibration; a
	// network without one leaves it out.
	Uncertain *bool    `json:"uncertain,omitempty"`
	Notes     []string `json:"notes,omitempty"`

	RunnerUp string  `json:"runner_up"` // the second most probable class
	Margin   float32 `json:"margin"`    // Confidence less the probability of RunnerUp
	Purpose  string  `json:"purpose"`

	Sweep   *Sweep    `json:"sweep,omitempty"`
	Similar []Similar `json:"similar,omitempty"`
	Unusual *Unusual  `json:"unusual,omitempty"`
}

// Metadata is what the network was told of the patient.
type Metadata struct {
	Age          float64 `json:"age"` // years
	Sex          string  `json:"sex"`
	Localization string  `json:"localization"`
}

// Sweep says how the probabilities move with one field of the metadata while the others stay
// as they are. All are computed in one batch.
type Sweep struct {
	Age          AgeSweep    `json:"age"`
	Sex          []WordSweep `json:"sex"`
	Localization []WordSweep `json:"localization"`
}

// AgeSweep has the probabilities by class at each of the ages.
type AgeSweep struct {
	Ages          []float64            `json:"ages"` // years
	Probabilities map[string][]float32 `json:"probabilities"`
}

// WordSweep has the probabilities for one word.
type WordSweep struct {
	Word          string             `json:"word"`
	Probabilities map[string]float32 `json:"probabilities"`
}

// Similar is a photo of the training part that resembles the photo.
type Similar struct {
	ImageID  string `json:"image_id"`
	LesionID string `json:"lesion_id"`
	// SameLesion says that a nearer photo of the list shows the same lesion.
	SameLesion bool    `json:"same_lesion"`
	Dx         string  `json:"dx"`       // diagnosis, a class
	Distance   float64 `json:"distance"` // cosine distance of the features, 0 to 2; the nearest photo comes first
	// Photo is the address of the photo itself, /v1/photos/ID; empty if the server does
	// not have the photos.
	Photo string `json:"photo,omitempty"`
}

// Unusual says how unlike the training photos a photo is.
type Unusual struct {
	Score     float64 `json:"score"` // the larger, the more unlike
	Threshold float64 `json:"threshold"`
	Unusual   bool    `json:"unusual"` // whether the score is above the threshold
}

// Explanation is the answer to POST /v1/explain.
type Explanation struct {
	Prediction
	Class       string  `json:"class"` // that the class-dependent maps explain
	Probability float32 `json:"probability"`
	// View is the part of the photo that the network sees, in the photo's pixels: the maps
	// lie over it.
	View  View  `json:"view"`
	Photo Size  `json:"photo"`
	Maps  []Map `json:"maps"`
}

// View is a rectangle, in pixels.
type View struct {
	Left   int `json:"left"`
	Top    int `json:"top"`
	Width  int `json:"width"`
	Height int `json:"height"`
}

// Size is the width and height of a picture in pixels.
type Size struct {
	Width  int `json:"width"`
	Height int `json:"height"`
}

// Map is a map of an explanation.
type Map struct {
	Method string      `json:"method"`          // soft-attention or grad-cam
	Class  string      `json:"class,omitempty"` // empty for maps that are the same for all classes
	Low    float32     `json:"low"`             // least value
	High   float32     `json:"high"`            // greatest value
	Flat   bool        `json:"flat"`            // the map points nowhere
	Values [][]float32 `json:"values"`          // rows from the top, of values from the left
	// Picture is the map as a PNG in base64, drawn over the whole view: colours from 0 to
	// the greatest value, without transparency.
	Picture string `json:"picture"`
}

// Model is the answer to GET /v1/model.
type Model struct {
	Model         string  `json:"model"` // its name
	Version       string  `json:"version"`
	Backbone      string  `json:"backbone"`
	Size          int     `json:"size"` // width and height of the network's input in pixels
	Views         int     `json:"views"`
	SoftAttention bool    `json:"soft_attention"`
	Metadata      bool    `json:"metadata"` // whether the network takes age, sex and site
	Calibrated    bool    `json:"calibrated"`
	Classes       []Class `json:"classes"` // in the order of the classes
	// MeanAge stands in for an unknown age, in years; 0 for a network without metadata.
	MeanAge       float64  `json:"mean_age"`
	AgeRange      [2]int   `json:"age_range"` // least and greatest age that is taken
	Sexes         []string `json:"sexes"`
	Localizations []string `json:"localizations"`
	// Confidence is the rule of uncertain predictions; a network without calibration
	// leaves it out.
	Confidence *ConfidenceRule `json:"confidence,omitempty"`
	Similar    bool            `json:"similar"` // whether answers have similar photos
	Photos     bool            `json:"photos"`  // and whether the server has these
	Unusual    *UnusualRule    `json:"unusual,omitempty"`
	MaxBytes   int64           `json:"max_bytes"`  // of a request
	MaxPixels  int             `json:"max_pixels"` // of a photo
	Notes      []string        `json:"notes,omitempty"`
	Purpose    string          `json:"purpose"`
}

// Class is a class and the diagnosis that it stands for.
type Class struct {
	Class     string `json:"class"`
	Diagnosis string `json:"diagnosis"`
}

// ConfidenceRule says which predictions are uncertain: those with a confidence below
// Threshold. Of Below validation photos with such a confidence the share AccuracyBelow was
// predicted rightly.
type ConfidenceRule struct {
	Threshold     float64 `json:"threshold"`
	Below         int     `json:"below"`
	AccuracyBelow float64 `json:"accuracy_below"`
}

// UnusualRule describes the score of [Unusual].
type UnusualRule struct {
	Threshold float64 `json:"threshold"`
	// Description says what the score is, how the threshold was chosen and how well it
	// tells lesions from other pictures.
	Description string `json:"description"`
}

// byClass are values in class order by the names of the classes.
func byClass[T any](values []T) map[string]T {
	named := make(map[string]T, len(values))
	for k, v := range values {
		named[ham10000.Classes[k]] = v
	}
	return named
}

// topTwo are the most probable and the second most probable class, the first in class order
// on a tie.
func topTwo(probabilities []float32) (first, second int) {
	second = -1
	for k, p := range probabilities {
		switch {
		case k == 0:
		case p > probabilities[first]:
			first, second = k, first
		case second < 0 || p > probabilities[second]:
			second = k
		}
	}
	return first, second
}

// newPrediction is the answer for the network's prediction of a photo.
func (s *Server) newPrediction(raw skinattn.Prediction, given, used skinattn.Metadata) Prediction {
	probabilities := raw.Probabilities
	if s.opts.Calibration != nil {
		probabilities = s.opts.Calibration.Scaling.Probabilities(probabilities)
	}
	first, second := topTwo(probabilities)
	answer := Prediction{
		Prediction: ham10000.Classes[first], Probabilities: byClass(probabilities),
		Model: s.opts.Name, Confidence: probabilities[first], Notes: s.opts.Notes,
		RunnerUp: ham10000.Classes[second], Margin: probabilities[first] - probabilities[second], Purpose: Purpose,
	}
	if s.opts.Calibration != nil {
		uncertain := s.opts.Calibration.Uncertain(probabilities)
		answer.Calibrated, answer.Uncertain = true, &uncertain
	}
	if s.net.info().Metadata {
		answer.Metadata = &Metadata{Age: used.Age, Sex: used.Sex, Localization: used.Localization}
		answer.Assumed = given.Unknown()
	}
	return answer
}
