package skinattn

import (
	"context"
	"math"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// Upright returns photos [PhotoSize PhotoSize 3] as the network takes them,
// [Size Size 3]. The features that a network after the cut takes stay as they are.
func (n *Network) Upright(photos Images) Images {
	if n.PhotoSize() == n.Size || n.fromFeatures {
		return photos
	}
	return photos.turned(n.PhotoSize(), n.Size, 0, false)
}

// PredictView computes the predictions of view k of spec.Network.Views of each photo,
// [PhotoSize PhotoSize 3]. View k of n is turned by k*360/n degrees, and every second view
// is mirrored. Where photos are not oversampled all views are turned by half a step more, so
// that none is upright: training has turned photos at random and thus smoothed them by
// interpolation, and the network recognises unsmoothed photos less well.
func (m *Model) PredictView(ctx context.Context, r Request, k int) ([]Prediction, error) {
	step := float64(k)
	if m.Oversample == 0 {
		step += .5
	}
	r.Images = r.Images.turned(m.PhotoSize(), m.Size, step*360/float64(m.Views), k%2 == 1)
	return m.Predict(ctx, r)
}

// PredictViews computes the predictions with all spec.Network.Views views of each photo,
// [PhotoSize PhotoSize 3]; without views it is [Model.Predict] on upright photos.
//
// With views, the probabilities are the mean over the views, the logits are the
// logarithms of the probabilities, and there are no attention maps.
func (m *Model) PredictViews(ctx context.Context, r Request) ([]Prediction, error) {
	if m.Views == 0 {
		r.Images = m.Upright(r.Images)
		return m.Predict(ctx, r)
	}
	n := r.Images.Len()
	predictions := make([]Prediction, n)
	for i := range predictions {
		predictions[i].Probabilities = make([]float32, ham10000.NumClasses)
	}
	for view := range m.Views {
		one := Request{Images: r.Images, Metadata: r.Metadata}
		if r.Progress != nil {
			one.Progress = func(done, _ int) { r.Progress(view*n+done, m.Views*n) }
		}
		ofView, err := m.PredictView(ctx, one, view)
		if err != nil {
			return nil, err
		}
		for i, p := range ofView {
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
