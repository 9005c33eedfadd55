package report

import (
	"math"

	"github.com/skinattn/skinattn/pkg/eval"
)

// clientRun is what the page's script needs of a run.
type clientRun struct {
	Name    string        `json:"name"`
	Classes []string      `json:"classes"`
	Images  []clientImage `json:"images"`
}

// clientImage is an image of known truth.
type clientImage struct {
	ID        string `json:"id"`
	Lesion    string `json:"lesion,omitempty"`
	Truth     int    `json:"truth"`
	Predicted int    `json:"predicted"`
	// Probabilities are in units of 1e-5, which keeps the page small.
	Probabilities []int  `json:"p"`
	Photo         string `json:"photo,omitempty"`   // data URL
	Overlay       string `json:"overlay,omitempty"` // data URL
	Weights       string `json:"weights,omitempty"` // range of the map in Overlay, in words
}

func newClientRun(name string, t *eval.Table) clientRun {
	p := t.Predictions()
	c := clientRun{Name: name, Classes: p.Classes, Images: []clientImage{}}
	for i, truth := range p.Truth {
		if truth == eval.TruthUnknown {
			continue
		}
		im := clientImage{ID: p.ImageIDs[i], Truth: truth, Predicted: p.Predicted(i)}
		if len(p.LesionIDs) > 0 {
			im.Lesion = p.LesionIDs[i]
		}
		for _, v := range p.Probs[i] {
			im.Probabilities = append(im.Probabilities, int(math.Round(float64(v)*1e5)))
		}
		c.Images = append(c.Images, im)
	}
	return c
}
