package run

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/safetensors"
	"github.com/skinattn/skinattn/pkg/eval/ood"
)

// Unusual says which photos are unlike all that a run's network was trained on: those whose
// embedding has a score above the threshold. It is unusual.json, and unusual.safetensors with
// the Gaussian.
type Unusual struct {
	// Weights is the SHA-256, hexadecimal, of the weights up to the layer; see
	// skinattn.Network.HashUpToCut.
	Weights string `json:"weights_sha256"`
	// Layer is the layer whose means over all places are the embedding.
	Layer string `json:"layer"`
	Width int    `json:"width"` // values of an embedding
	Rank  int    `json:"rank"`  // components of the Gaussian

	Images    int     `json:"images"`    // training photos of the fit
	Threshold float64 `json:"threshold"` // a photo with a score above is unusual
	Level     float64 `json:"level"`     // share of the validation photos that are not
	N         int     `json:"n"`         // validation photos
	Above     int     `json:"above"`     // of them unusual

	// Compared are sets of other pictures, on which the score was measured.
	Compared []Compared `json:"compared"`

	Gaussian *ood.Gaussian `json:"-"`
}

// Compared says how well the score tells a set of pictures from photos of lesions.
type Compared struct {
	Pictures string `json:"pictures"` // what they are
	N        int    `json:"n"`
	// AUROC is the chance that one of them has a higher score than a validation photo.
	AUROC   float64 `json:"auroc"`
	Unusual float64 `json:"unusual"` // share above the threshold
}

// UnusualLevel is the share of the validation photos that the threshold calls usual.
const UnusualLevel = .95

// Score is the score of a photo's embedding, and whether it is unusual.
func (u *Unusual) Score(embedding []float32) (score float64, unusual bool) {
	score = u.Gaussian.Score(embedding)
	return score, score > u.Threshold
}

// names of the tensors.
const (
	tensorMean       = "mean"
	tensorComponents = "components"
	tensorVariances  = "variances"
	tensorRest       = "rest"
)

// Unusual reads unusual.json and unusual.safetensors. A run without is a *MissingError.
func (f *Folder) Unusual() (*Unusual, error) {
	text, err := f.readFile(UnusualFile)
	if err != nil {
		return nil, err
	}
	u := &Unusual{}
	if err := f.decode(UnusualFile, text, u); err != nil {
		return nil, err
	}
	if !(u.Threshold > 0) || math.IsInf(u.Threshold, 0) {
		return nil, fmt.Errorf("reading %s: threshold is %g; it must be above 0", f.Path(UnusualFile), u.Threshold)
	}
	raw, err := f.readFile(UnusualTensorsFile)
	if err != nil {
		return nil, err
	}
	if u.Gaussian, err = parseGaussian(raw); err == nil && (u.Gaussian.Width() != u.Width || u.Gaussian.Rank() != u.Rank) {
		err = fmt.Errorf("it has %d components of %d values, %s says %d of %d", u.Gaussian.Rank(), u.Gaussian.Width(), UnusualFile, u.Rank, u.Width)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", f.Path(UnusualTensorsFile), err)
	}
	return u, nil
}

func parseGaussian(raw []byte) (*ood.Gaussian, error) {
	tensors, err := safetensors.Parse(raw)
	if err != nil {
		return nil, err
	}
	g, rest := &ood.Gaussian{}, []float32(nil)
	places := map[string]*[]float32{tensorMean: &g.Mean, tensorComponents: &g.Components, tensorVariances: &g.Variances, tensorRest: &rest}
	for _, t := range tensors {
		to, known := places[t.Name]
		if !known {
			return nil, fmt.Errorf("tensor %q is unknown", t.Name)
		}
		*to = t.Data
	}
	if len(rest) != 1 {
		return nil, errors.New("the tensor rest must be one number")
	}
	g.Rest = rest[0]
	return g, g.Check()
}

// WriteUnusual writes unusual.json and unusual.safetensors. The latter is first: what has
// unusual.json has both.
func (f *Folder) WriteUnusual(u *Unusual) error {
	g := u.Gaussian
	var tensors bytes.Buffer
	err := safetensors.Write(&tensors, []safetensors.Tensor{
		{Name: tensorComponents, Shape: []int{g.Rank(), g.Width()}, Data: g.Components},
		{Name: tensorMean, Shape: []int{g.Width()}, Data: g.Mean},
		{Name: tensorRest, Shape: nil, Data: []float32{g.Rest}},
		{Name: tensorVariances, Shape: []int{g.Rank()}, Data: g.Variances},
	})
	if err == nil {
		err = atomicfile.WriteFile(f.Path(UnusualTensorsFile), func(w io.Writer) error {
			_, err := tensors.WriteTo(w)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", f.Path(UnusualTensorsFile), err)
	}
	return f.writeJSON(UnusualFile, u)
}
