package explain

import (
	"context"
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// Explainer explains what a network says of images. It is not for use by
// several goroutines at once.
type Explainer struct {
	// Options are those in use, completed.
	Options Options

	network   *skinattn.Model
	layer     *gradients // of Options.Layer; nil if no method wants them
	gradients *gradients // of the pixels; nil if no method wants them
	noise     [][]float32
}

// New prepares explanations of network, which may be trained or not. A
// compiled graph is made for each of what the methods need, when it is first
// needed.
func New(network *skinattn.Model, options Options) (*Explainer, error) {
	options, err := options.Complete(network.Network)
	if err != nil {
		return nil, fmt.Errorf("explaining: %w", err)
	}
	if network.Graph.Layer(backbone.InputLayer) == nil {
		return nil, fmt.Errorf("explaining: the network takes features; the whole one, which takes pixels, is needed")
	}
	e := &Explainer{Options: options, network: network}
	for _, m := range options.Methods {
		switch {
		case m.ofLayer() && e.layer == nil:
			e.layer, err = newLayerGradients(network, options)
		case m.ofPixels() && e.gradients == nil:
			e.gradients, err = newPixelGradients(network)
		}
		if err != nil {
			return nil, fmt.Errorf("explaining: %w", err)
		}
	}
	return e, nil
}

// Close frees the compiled graphs; the network stays as it is.
func (e *Explainer) Close() {
	for _, g := range []*gradients{e.layer, e.gradients} {
		if g != nil {
			g.exec.Finalize()
		}
	}
}

// Images are what is explained.
type Images struct {
	Count int
	// Image fills dst with the i-th image, as in skinattn.Floats; it may be called
	// more than once for an i.
	Image func(i int, dst []float32)
	// Metadata has Count completed entries, or is nil if the network takes none.
	Metadata []skinattn.Metadata
	// Classes has the class to explain of each image, Predicted for the one that
	// the network predicts; nil for all predicted.
	Classes []int
}

// Predicted in Images.Classes is the class of the largest probability, the first
// in class order on a tie.
const Predicted = -1

// Explanation is what there is to say of an image.
type Explanation struct {
	// Prediction is that of Model.Predict, for the image as it is: a network whose
	// predictions are means over turned views (see Model.PredictViews) is explained
	// on the upright one.
	Prediction skinattn.Prediction
	Class      int // explained, in class order
	// Maps are in the order of Options.Methods, with one a head for AttentionHeads.
	Maps []Map
}

// Explain explains images batch by batch and hands each explanation to use, in
// order; an error of use ends it. Two calls with equal images on a CPU give equal
// values, and so does an image among others or alone but for rounding.
func (e *Explainer) Explain(ctx context.Context, images Images, use func(i int, x Explanation) error) error {
	if err := e.check(images); err != nil {
		return fmt.Errorf("explaining: %w", err)
	}
	batch := e.network.Batch()
	for start := 0; start < images.Count; start += batch {
		part := images.part(start, min(start+batch, images.Count))
		explanations, err := e.explain(ctx, part)
		if err != nil {
			return err
		}
		for i, x := range explanations {
			if err := use(start+i, x); err != nil {
				return err
			}
		}
	}
	return nil
}

// ExplainAll is Explain for a few images, whose explanations it returns.
func (e *Explainer) ExplainAll(ctx context.Context, images Images) ([]Explanation, error) {
	all := make([]Explanation, 0, images.Count)
	err := e.Explain(ctx, images, func(_ int, x Explanation) error { all = append(all, x); return nil })
	return all, err
}

func (e *Explainer) check(images Images) error {
	if e.network.Metadata && len(images.Metadata) != images.Count {
		return fmt.Errorf("%d images have %d entries of metadata", images.Count, len(images.Metadata))
	}
	if images.Classes == nil {
		return nil
	}
	if len(images.Classes) != images.Count {
		return fmt.Errorf("%d images have %d classes", images.Count, len(images.Classes))
	}
	for i, class := range images.Classes {
		if class < Predicted || class >= ham10000.NumClasses {
			return fmt.Errorf("image %d: class %d is not in 0 to %d", i, class, ham10000.NumClasses-1)
		}
	}
	return nil
}

// part is the images from start up to end, read once and kept.
func (images Images) part(start, end int) Images {
	part := Images{Count: end - start, Image: func(i int, dst []float32) { images.Image(start+i, dst) }}
	if images.Metadata != nil {
		part.Metadata = images.Metadata[start:end]
	}
	if images.Classes != nil {
		part.Classes = images.Classes[start:end]
	}
	return part
}
