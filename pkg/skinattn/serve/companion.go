package serve

import (
	"context"
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/likeness"
)

// NewCompanion is the companion that compares with the photos of a comparer.
func NewCompanion(comparer *likeness.Comparer) Companion { return companion{comparer} }

type companion struct{ *likeness.Comparer }

func (c companion) HasSimilar() bool { return c.HasIndex() }

func (c companion) Compare(ctx context.Context, photo []float32, most int) ([]Similar, *Unusual, error) {
	photos, verdict, err := c.Comparer.Compare(ctx, photo, most)
	var similar []Similar
	for _, p := range photos {
		similar = append(similar, Similar{ImageID: p.ImageID, LesionID: p.LesionID, SameLesion: p.SameLesion, Dx: p.Dx, Distance: p.Distance})
	}
	return similar, (*Unusual)(verdict), err
}

func (c companion) Rule() *UnusualRule {
	u := c.Unusual()
	if u == nil {
		return nil
	}
	rule := &UnusualRule{Threshold: u.Threshold, Description: fmt.Sprintf(
		"The score is the distance of the photo's features to those of the %d training photos, about 1 for photos of lesions; %.0f %% of the validation photos have at most %.2f. "+
			"It finds pictures that are no photos of lesions; it does not say whether the answer for a lesion is right.", u.Images, 100*u.Level, u.Threshold)}
	return rule
}
