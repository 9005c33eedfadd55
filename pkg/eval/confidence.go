package eval

import (
	"cmp"
	"slices"
)

// Confidence says how far predictions can be trusted by their confidence, the largest
// probability of an image.
type Confidence struct {
	// Threshold is the confidence below which predictions are right in a share of at most
	// Level of the images: the greatest hundredth for which at least MinBelow images say so,
	// and 0 if there is none.
	Threshold float64 `json:"threshold"`
	Level     float64 `json:"level"`
	// N images were looked at, and Right of them are predicted rightly; Below have a
	// confidence below Threshold, and BelowRight of these are right.
	N          int `json:"n"`
	Right      int `json:"right"`
	Below      int `json:"below"`
	BelowRight int `json:"below_right"`
}

// MinBelow is the least number of images on which a threshold of [Confidence] rests.
const MinBelow = 20

// ConfidenceThreshold finds the threshold for a level in [0, 1], from the images of known
// truth. As a threshold is a choice, take validation images, never the reported images.
func (t *Table) ConfidenceThreshold(level float64) Confidence {
	type image struct {
		confidence float64
		right      bool
	}
	images := make([]image, t.known.Len())
	c := Confidence{Level: level, N: len(images)}
	for i, row := range t.known.Probs {
		images[i] = image{float64(slices.Max(row)), argmax(row) == t.known.Truth[i]}
		if images[i].right {
			c.Right++
		}
	}
	slices.SortFunc(images, func(a, b image) int { return cmp.Compare(a.confidence, b.confidence) })
	below, right := 0, 0
	for hundredth := 1; hundredth <= 100; hundredth++ {
		threshold := float64(hundredth) / 100
		for below < len(images) && images[below].confidence < threshold {
			if images[below].right {
				right++
			}
			below++
		}
		if below >= MinBelow && float64(right) <= level*float64(below) {
			c.Threshold, c.Below, c.BelowRight = threshold, below, right
		}
	}
	return c
}

// AccuracyBelow is the share of right predictions below the threshold, NaN without an image
// there.
func (c Confidence) AccuracyBelow() float64 { return ratio(c.BelowRight, c.Below) }

// AccuracyFrom is the share of right predictions from the threshold on, NaN without an
// image there.
func (c Confidence) AccuracyFrom() float64 { return ratio(c.Right-c.BelowRight, c.N-c.Below) }
