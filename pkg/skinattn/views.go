package skinattn

import (
	"context"
	"math"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// PredictViews computes the predictions for the first n images as spec.Network.Views has them:
// with 0 they are Predict's; else the probabilities are the mean over that many
// views of each image, the logits their logarithms, and there are no attention
// maps: those of the image as it is come from Predict. The k-th of n views is turned by (k+1/2)*360/n degrees,
// and every second one mirrored: none is turned by a right angle, since a network
// that was trained on turned photos, which interpolation has smoothed, knows the
// sharper ones less well.
func (m *Model) PredictViews(ctx context.Context, n int, images Images, metadata []Metadata) ([]Prediction, error) {
	if m.Views == 0 {
		return m.Predict(ctx, n, images, metadata, nil)
	}
	predictions := make([]Prediction, n)
	for i := range predictions {
		predictions[i].Probabilities = make([]float32, ham10000.NumClasses)
	}
	upright := make([]float32, m.Size*m.Size*3)
	for view := range m.Views {
		degrees := (float64(view) + .5) * 360 / float64(m.Views)
		turned := Floats(func(i int, dst []float32) {
			images.write(i, upright)
			imaging.Turn(dst, upright, m.Size, degrees, view%2 == 1)
		})
		seen, err := m.Predict(ctx, n, turned, metadata, nil)
		if err != nil {
			return nil, err
		}
		for i, p := range seen {
			for class, probability := range p.Probabilities {
				predictions[i].Probabilities[class] += probability / float32(m.Views)
			}
		}
	}
	for i, p := range predictions {
		logits := make([]float32, len(p.Probabilities))
		for class, probability := range p.Probabilities {
			logits[class] = float32(math.Log(max(float64(probability), math.SmallestNonzeroFloat32)))
		}
		predictions[i].Logits = logits
	}
	return predictions, nil
}
