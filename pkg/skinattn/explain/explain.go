package explain

import (
	"context"
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// Explainer explains a network's predictions. Each of its graphs is compiled when first
// needed. It is not for use by several goroutines at once.
type Explainer struct {
	Options Options // completed

	network   *skinattn.Model
	layer     *skinattn.Program // predictions and maps of Options.Layer; nil if no method needs it
	gradients *skinattn.Program // gradients of the pixels; nil if no method needs them
	noise     [][]float32       // by sample; nil without SmoothGrad
}

// New prepares explanations of network, which may be trained or not. Close the explainer
// after use.
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
		if m == SmoothGrad {
			e.noise = drawNoise(options, network.Size)
		}
		if err != nil {
			return nil, fmt.Errorf("explaining: %w", err)
		}
	}
	return e, nil
}

// Close frees the compiled graphs; the network stays as it is.
func (e *Explainer) Close() {
	for _, p := range []*skinattn.Program{e.layer, e.gradients} {
		if p != nil {
			p.Close()
		}
	}
}

// Request is the input of an explanation.
type Request struct {
	Images skinattn.Images
	// Metadata has a completed entry for each image; a network that takes none ignores
	// it.
	Metadata []skinattn.Metadata
	// Classes has the class to explain of each image, Predicted for the class that the
	// network predicts; nil means Predicted for all.
	Classes []int
}

// Predicted in Request.Classes is the class of the largest probability, the first in
// class order on a tie.
const Predicted = -1

// Explanation is the explanation of one image.
type Explanation struct {
	// Prediction is the result of Model.Predict for the image as it is, also where the
	// network's predictions are means over turned views (see Model.PredictViews). It has
	// no attention maps; the methods SoftAttention and AttentionHeads give them.
	Prediction skinattn.Prediction
	Class      int // explained, in class order
	// Maps are in the order of Options.Methods. AttentionHeads has one for each head.
	Maps []Map
}

// Explain explains images batch by batch and hands each explanation to use, in order; an
// error of use ends it. Two calls with equal images on a CPU give equal values. An image
// explained alone gives the same values as among others, but for rounding.
func (e *Explainer) Explain(ctx context.Context, r Request, use func(i int, x Explanation) error) error {
	if err := e.check(r); err != nil {
		return fmt.Errorf("explaining: %w", err)
	}
	batch := e.network.Batch()
	for start := 0; start < r.Images.Len(); start += batch {
		explanations, err := e.explain(ctx, r.part(start, min(start+batch, r.Images.Len())))
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

// ExplainAll is Explain for a few images; it returns their explanations.
func (e *Explainer) ExplainAll(ctx context.Context, r Request) ([]Explanation, error) {
	all := make([]Explanation, 0, r.Images.Len())
	err := e.Explain(ctx, r, func(_ int, x Explanation) error { all = append(all, x); return nil })
	return all, err
}

func (e *Explainer) check(r Request) error {
	if err := e.network.CheckMetadata(r.Images, r.Metadata); err != nil {
		return err
	}
	if r.Classes == nil {
		return nil
	}
	if len(r.Classes) != r.Images.Len() {
		return fmt.Errorf("%d images have %d classes", r.Images.Len(), len(r.Classes))
	}
	for i, class := range r.Classes {
		if class < Predicted || class >= ham10000.NumClasses {
			return fmt.Errorf("image %d: class %d is not in 0 to %d", i, class, ham10000.NumClasses-1)
		}
	}
	return nil
}

// part returns the request for the images from start up to end.
func (r Request) part(start, end int) Request {
	r.Images = r.Images.Slice(start, end)
	if r.Metadata != nil {
		r.Metadata = r.Metadata[start:end]
	}
	if r.Classes != nil {
		r.Classes = r.Classes[start:end]
	}
	return r
}
