package skinattn

import (
	"context"
	"fmt"
	"math"
	"slices"

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
		if m.PhotoSize() != m.Size && !m.fromFeatures {
			r.Images = m.preparedViews().of(r.Images)
		}
		return m.Predict(ctx, r)
	}
	if m.Metadata {
		if err := m.CheckMetadata(r.Images, r.Metadata); err != nil {
			return nil, fmt.Errorf("predicting: %w", err)
		}
		ofViews := make([]Metadata, r.Images.Len()*m.Views)
		for i := range ofViews {
			ofViews[i] = r.Metadata[i/m.Views]
		}
		r.Metadata = ofViews
	}
	r.Images = m.preparedViews().of(r.Images)
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
	viewsKey
	rotations []*imaging.Rotation // nil: photos stay as they are
}

// viewsKey is what the views of a network depend on.
type viewsKey struct {
	source, size, views int
	oversampled         bool
}

func (n *Network) viewsKey() viewsKey {
	return viewsKey{n.PhotoSize(), n.Size, n.Views, n.Oversample != 0}
}

// NewViews returns the views of n's predictions: one, upright, for a network without turned
// views.
func (n *Network) NewViews() *Views {
	v := &Views{viewsKey: n.viewsKey()}
	if n.Views == 0 {
		if v.source == v.size {
			v.rotations = []*imaging.Rotation{nil}
		} else {
			v.rotations = []*imaging.Rotation{imaging.NewRotation(v.source, v.size, 0, false)}
		}
		return v
	}
	for k := range n.Views {
		degrees, mirror := n.view(k)
		v.rotations = append(v.rotations, imaging.NewRotation(v.source, v.size, degrees, mirror))
	}
	return v
}

// preparedViews are NewViews, made at first use: it takes milliseconds.
func (m *Model) preparedViews() *Views {
	if m.views == nil || m.views.viewsKey != m.viewsKey() {
		m.views = m.NewViews()
	}
	return m.views
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

// FillBytes is Fill for a photo of whole numbers.
func (v *Views) FillBytes(dst []float32, photo []uint8, k int) {
	if v.rotations[k] == nil {
		imaging.RGBOrder.Floats(dst, photo)
		return
	}
	v.rotations[k].Bytes(dst, photo)
}

// photo is a photo in memory, as floats or as bytes, which take a quarter of the memory.
type photo struct {
	floats []float32
	bytes  []uint8
}

// fill is Fill for a photo in either form.
func (v *Views) fill(dst []float32, p photo, k int) {
	if p.bytes != nil {
		v.FillBytes(dst, p.bytes, k)
	} else {
		v.Fill(dst, p.floats, k)
	}
}

// row writes a row of a view to dst [Size 3]. Rows of a view are best made in order.
func (v *Views) row(dst []float32, p photo, k, row int) {
	rotation := v.rotations[k]
	switch {
	case rotation == nil && p.bytes == nil:
		copy(dst, p.floats[row*len(dst):])
	case rotation == nil:
		imaging.RGBOrder.Floats(dst, p.bytes[row*len(dst):])
	case p.bytes == nil:
		rotation.Row(dst, p.floats, row)
	default:
		rotation.RowOfBytes(dst, p.bytes, row)
	}
}

// of returns the views of photos: those of the first photo, then those of the second, and so
// on. The images are not for use by several goroutines, but for viewed.writeRow.
func (v *Views) of(photos Images) Images {
	w := &viewed{Views: v, photos: photos}
	n := photos.Len() * v.Len()
	return Images{n: n, views: w, floats: func(i int, dst []float32) {
		w.read(i, i+1)
		v.fill(dst, w.photo(i), i%v.Len())
	}}
}

// viewed are the views of photos. A view is made row by row where a network takes it, from
// a photo that was read before.
type viewed struct {
	*Views
	photos Images
	first  int     // photo in memory
	memory []photo // first and the photos behind it
	spare  []photo
}

// read has the photos of images from start up to end in memory, and no others. Photos that
// are there already stay.
func (w *viewed) read(start, end int) {
	first, last := start/w.Len(), (end-1)/w.Len()
	var memory []photo
	for i, p := range w.memory {
		if number := w.first + i; w.photos.held == nil && (number < first || number > last) {
			w.spare = append(w.spare, p)
		}
	}
	for number := first; number <= last; number++ {
		if at := number - w.first; at >= 0 && at < len(w.memory) {
			memory = append(memory, w.memory[at])
			continue
		}
		if w.photos.held != nil {
			memory = append(memory, photo{floats: w.photos.held(number)})
			continue
		}
		var p photo
		if n := len(w.spare); n > 0 {
			p, w.spare = w.spare[n-1], w.spare[:n-1]
		}
		values := w.source * w.source * 3
		if w.photos.bytes != nil { // perhaps in a file, whose end may have been cut off: read here alone
			p.bytes = append(p.bytes[:0], w.photos.bytes(number)[:values]...)
		} else {
			p.floats = slices.Grow(p.floats[:0], values)[:values]
			w.photos.Floats(number, p.floats)
		}
		memory = append(memory, p)
	}
	w.first, w.memory = first, memory
}

// photo is the photo in memory of which image i is a view.
func (w *viewed) photo(i int) photo { return w.memory[i/w.Len()-w.first] }

// writeRow writes a row of image i, whose photo has been read. Several goroutines may call
// it at the same time.
func (w *viewed) writeRow(i, row int, dst []float32) { w.row(dst, w.photo(i), i%w.Len(), row) }
