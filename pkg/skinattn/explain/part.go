package explain

import (
	"context"
	"math"
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// part is a batch of images with all results for it.
type part struct {
	*Explainer
	Request
	explanations []Explanation
	attention    [][]float32 // by image, [heads H W]; nil if no method needs it
	// values are the maps by method and image, without the attention's.
	values map[Method][][]float32
}

// explain explains one batch of images.
func (e *Explainer) explain(ctx context.Context, r Request) ([]Explanation, error) {
	var err error
	if r.Images, err = r.Images.InMemory(e.network.Size * e.network.Size * 3); err != nil {
		return nil, err
	}
	p := &part{Explainer: e, Request: r, values: map[Method][][]float32{}}
	for _, step := range []func(context.Context) error{p.predict, p.differentiate, p.occlude} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	for i := range p.explanations {
		for _, m := range e.Options.Methods {
			p.explanations[i].Maps = append(p.explanations[i].Maps, p.mapsOf(m, i)...)
		}
	}
	return p.explanations, nil
}

// classOf returns the class to explain of image i, or Predicted.
func (r Request) classOf(i int) int {
	if r.Classes == nil {
		return Predicted
	}
	return r.Classes[i]
}

// add adds the explanation of the next image, so far without maps.
func (p *part) add(x skinattn.Prediction) {
	if x.Attention != nil {
		p.attention, x.Attention = append(p.attention, x.Attention), nil
	}
	class := p.classOf(len(p.explanations))
	if class == Predicted {
		class = slices.Index(x.Probabilities, slices.Max(x.Probabilities))
	}
	p.explanations = append(p.explanations, Explanation{Prediction: x, Class: class})
}

// predict fills in predictions and classes, the attention maps if a method needs them,
// and the maps of the methods with ofLayer.
func (p *part) predict(ctx context.Context) error {
	attention := slices.ContainsFunc(p.Options.Methods, Method.ofAttention)
	if p.layer == nil {
		predictions, err := p.network.Predict(ctx, skinattn.Request{Images: p.Images, Metadata: p.Metadata, Attention: attention})
		for _, x := range predictions {
			p.add(x)
		}
		return err
	}
	feed := skinattn.Feed{Images: p.Images, Inputs: []skinattn.Input{p.network.MetadataInput(p.Metadata), classInput(p.classOf)}}
	return p.layer.Run(ctx, feed, func(_ int, outputs [][]float32) error {
		x := skinattn.Prediction{Logits: slices.Clone(outputs[0]), Probabilities: slices.Clone(outputs[1])}
		maps := outputs[2:]
		if p.network.SoftAttention {
			if attention {
				x.Attention = slices.Clone(maps[0])
			}
			maps = maps[1:]
		}
		p.add(x)
		for _, m := range p.Options.Methods {
			if m.ofLayer() {
				p.values[m], maps = append(p.values[m], slices.Clone(maps[0])), maps[1:]
			}
		}
		return nil
	})
}

// differentiate makes the maps of the methods with ofPixels. Image i has copies i*copies
// to (i+1)*copies-1: the photo itself if Saliency is wanted, then SmoothGrad's noisy ones.
func (p *part) differentiate(ctx context.Context) error {
	if p.gradients == nil {
		return nil
	}
	first := 0 // copies before the noisy ones
	if slices.Contains(p.Options.Methods, Saliency) {
		first = 1
	}
	copies := first + len(p.noise)
	n := copies * p.Images.Len()
	var metadata []skinattn.Metadata
	for i := range p.Metadata {
		metadata = append(metadata, slices.Repeat(p.Metadata[i:i+1], copies)...)
	}
	feed := skinattn.Feed{
		Images: skinattn.Floats(n, func(k int, pixels []float32) {
			p.Images.Floats(k/copies, pixels)
			if sample := k%copies - first; sample >= 0 {
				deviation := float32(p.Options.Noise) * (slices.Max(pixels) - slices.Min(pixels))
				for j, z := range p.noise[sample] {
					pixels[j] += deviation * z
				}
			}
		}),
		Inputs: []skinattn.Input{p.network.MetadataInput(metadata), classInput(func(k int) int { return p.explanations[k/copies].Class })},
	}
	sum := make([]float64, p.network.Size*p.network.Size*3)
	return p.gradients.Run(ctx, feed, func(k int, outputs [][]float32) error {
		sample := k%copies - first
		if sample < 0 {
			p.values[Saliency] = append(p.values[Saliency], largestOfChannels(outputs[0], 1))
			return nil
		}
		for j, g := range outputs[0] {
			sum[j] += float64(g)
		}
		if sample == p.Options.Samples-1 {
			p.values[SmoothGrad] = append(p.values[SmoothGrad], largestOfChannels(sum, p.Options.Samples))
			clear(sum)
		}
		return nil
	})
}

// largestOfChannels returns a map [H W]: the largest absolute value over the channels of
// the mean gradient [H W 3], given as the sum of count gradients.
func largestOfChannels[T float32 | float64](sum []T, count int) []float32 {
	values := make([]float32, len(sum)/3)
	for i := range values {
		for _, v := range sum[3*i : 3*i+3] {
			values[i] = max(values[i], float32(math.Abs(float64(v))/float64(count)))
		}
	}
	return values
}

// mapsOf returns the maps of a method for image i.
func (p *part) mapsOf(m Method, i int) []Map {
	if m.ofAttention() {
		shape := p.network.AttentionShape()
		heads, height, width := shape[0], shape[1], shape[2]
		if m == SoftAttention {
			return []Map{{Method: m, Height: height, Width: width, Values: sumOfHeads(p.attention[i], heads)}}
		}
		maps := make([]Map, heads)
		for h := range maps {
			maps[h] = Map{Method: m, Head: h + 1, Height: height, Width: width, Values: p.attention[i][h*height*width : (h+1)*height*width]}
		}
		return maps
	}
	height, width := p.network.Size, p.network.Size
	switch {
	case m.ofLayer():
		shape := p.network.Graph.Layer(p.Options.Layer).Out
		height, width = shape[0], shape[1]
	case m == Occlusion:
		height = p.Options.cells(height)
		width = height
	}
	class := ham10000.Classes[p.explanations[i].Class]
	return []Map{{Method: m, Class: class, Height: height, Width: width, Values: p.values[m][i]}}
}

// sumOfHeads returns the sum [H W] of maps [heads H W] over the heads.
func sumOfHeads(maps []float32, heads int) []float32 {
	sum := make([]float32, len(maps)/heads)
	for i, v := range maps {
		sum[i%len(sum)] += v
	}
	return sum
}
