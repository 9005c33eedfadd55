package skinattn

import (
	"context"
	"fmt"
	"math"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
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
	degrees, mirror := m.view(k)
	r.Images = r.Images.turned(m.PhotoSize(), m.Size, degrees, mirror)
	return m.Predict(ctx, r)
}

// view says how view k is turned.
func (n *Network) view(k int) (degrees float64, mirror bool) {
	step := float64(k)
	if n.Oversample == 0 {
		step += .5
	}
	return step * 360 / float64(n.Views), k%2 == 1
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
	views := m.NewViews()
	photo, held := make([]float32, m.PhotoSize()*m.PhotoSize()*3), -1
	photos := r.Images
	r.Images = Floats(photos.Len()*views.Len(), func(i int, dst []float32) {
		if number := i / views.Len(); number != held {
			photos.Floats(number, photo)
			held = number
		}
		views.Fill(dst, photo, i%views.Len())
	})
	return m.PredictTurned(ctx, r)
}

// PredictTurned is [Model.PredictViews] where the views are there already: the images are
// those that [Views] makes of the first photo, then those of the second, and so on, while
// the metadata have an entry for each photo. The views of photos are computed in one batch
// as far as it has room.
func (m *Model) PredictTurned(ctx context.Context, r Request) ([]Prediction, error) {
	if m.Views == 0 {
		return m.Predict(ctx, r)
	}
	if m.Metadata {
		if err := m.CheckMetadata(r.Images.Slice(0, r.Images.Len()/m.Views), r.Metadata); err != nil {
			return nil, fmt.Errorf("predicting: %w", err)
		}
		ofViews := make([]Metadata, r.Images.Len())
		for i := range ofViews {
			ofViews[i] = r.Metadata[i/m.Views]
		}
		r.Metadata = ofViews
	}
	r.Attention = false
	turned, err := m.Predict(ctx, r)
	if err != nil {
		return nil, err
	}
	predictions := make([]Prediction, len(turned)/m.Views)
	for i := range predictions {
		probabilities, logits := make([]float32, ham10000.NumClasses), make([]float32, ham10000.NumClasses)
		for _, view := range turned[i*m.Views:][:m.Views] {
			for class, probability := range view.Probabilities {
				probabilities[class] += probability / float32(m.Views)
			}
		}
		for class, probability := range probabilities {
			logits[class] = float32(math.Log(max(float64(probability), math.SmallestNonzeroFloat32)))
		}
		predictions[i] = Prediction{Logits: logits, Probabilities: probabilities}
	}
	return predictions, nil
}

// Views makes of a photo the images that its prediction is the mean of. It is safe for use
// by several goroutines.
type Views struct {
	rotations []*imaging.Rotation
}

// NewViews returns the views of n's predictions: one, upright, for a network without turned
// views.
func (n *Network) NewViews() *Views {
	if n.Views == 0 {
		if n.PhotoSize() == n.Size {
			return &Views{[]*imaging.Rotation{nil}} // photos stay as they are
		}
		return &Views{[]*imaging.Rotation{imaging.NewRotation(n.PhotoSize(), n.Size, 0, false)}}
	}
	v := &Views{}
	for k := range n.Views {
		degrees, mirror := n.view(k)
		v.rotations = append(v.rotations, imaging.NewRotation(n.PhotoSize(), n.Size, degrees, mirror))
	}
	return v
}

// Len is the number of views of a photo, at least 1.
func (v *Views) Len() int { return len(v.rotations) }

// Fill writes view k, from 0, of photo [PhotoSize PhotoSize 3] to dst [Size Size 3].
func (v *Views) Fill(dst, photo []float32, k int) {
	if v.rotations[k] == nil {
		copy(dst, photo)
		return
	}
	v.rotations[k].Floats(dst, photo)
}
