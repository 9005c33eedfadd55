package saliency

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
)

// Table holds the scores of several maps of each of a set of images.
type Table struct {
	Classes []string // names of the classes, in their order
	Methods []string // names of the makers of maps, in the order of Image.Scores
	Images  []Image
}

// Image is one image of a [Table].
type Image struct {
	ImageID, LesionID string
	Truth, Predicted  int     // classes
	MaskShare         float64 // of the picture
	// Scores has one entry for each method. A metric is NaN for all methods or for
	// none, so that paired differences cover all images with the metric.
	Scores []Scores
}

// Validate reports the first thing that makes t no table of scores.
func (t *Table) Validate() error {
	for k, names := range [][]string{t.Classes, t.Methods} {
		for i, name := range names {
			if name == "" || strings.ContainsFunc(name, unicode.IsControl) || slices.Contains(names[:i], name) {
				return fmt.Errorf("%s %d: name %q is empty, repeated or has a control character", []string{"class", "method"}[k], i+1, name)
			}
		}
	}
	if len(t.Classes) == 0 || len(t.Methods) == 0 || len(t.Images) == 0 {
		return fmt.Errorf("%d classes, %d methods, %d images: at least 1 of each is needed", len(t.Classes), len(t.Methods), len(t.Images))
	}
	seen := make(map[string]bool, len(t.Images))
	for i := range t.Images {
		image := &t.Images[i]
		if seen[image.ImageID] {
			return fmt.Errorf("image %q is there twice", image.ImageID)
		}
		seen[image.ImageID] = true
		if err := t.validateImage(image); err != nil {
			return fmt.Errorf("image %q: %w", image.ImageID, err)
		}
	}
	return nil
}

func (t *Table) validateImage(image *Image) error {
	switch {
	case image.ImageID == "":
		return errors.New("image_id is empty")
	case strings.ContainsFunc(image.ImageID+image.LesionID, unicode.IsControl):
		return errors.New("image_id or lesion_id has a control character")
	case image.Truth < 0 || image.Truth >= len(t.Classes) || image.Predicted < 0 || image.Predicted >= len(t.Classes):
		return fmt.Errorf("classes %d and %d: there are %d", image.Truth, image.Predicted, len(t.Classes))
	case !(image.MaskShare > 0 && image.MaskShare <= 1):
		return fmt.Errorf("mask_share is %v: it must be above 0 and at most 1", image.MaskShare)
	case len(image.Scores) != len(t.Methods):
		return fmt.Errorf("scores of %d methods: there are %d", len(image.Scores), len(t.Methods))
	}
	for k, scores := range image.Scores {
		for m, v := range scores {
			if math.IsNaN(v) != math.IsNaN(image.Scores[0][m]) {
				return fmt.Errorf("%s is defined for %s or for %s alone", Metric(m), t.Methods[0], t.Methods[k])
			}
			if !math.IsNaN(v) && !(v >= 0 && v <= 1) {
				return fmt.Errorf("%s of %s is %v: it must be in [0, 1]", Metric(m), t.Methods[k], v)
			}
		}
	}
	return nil
}

// Round rounds all numbers to the digits that [Table.WriteFile] writes, so that t and
// the file give equal results.
func (t *Table) Round() {
	for i := range t.Images {
		image := &t.Images[i]
		image.MaskShare = max(round(image.MaskShare), unit)
		for k := range image.Scores {
			for m := range NumMetrics {
				image.Scores[k][m] = round(image.Scores[k][m])
			}
		}
	}
}
