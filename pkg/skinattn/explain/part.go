package explain

import (
	"context"
	"math"
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// part is a few images with all that is computed of them.
type part struct {
	*Explainer
	pixels       [][]float32
	metadata     []skinattn.Metadata // nil if the network takes none
	explanations []Explanation
	// values are those of the maps by method and image, but for the attention's,
	// which are in the predictions.
	values map[Method][][]float32
}

// explain explains as many images as the network predicts at once.
func (e *Explainer) explain(ctx context.Context, images Images) ([]Explanation, error) {
	p := &part{Explainer: e, metadata: images.Metadata, values: map[Method][][]float32{}}
	for i := range images.Count {
		pixels := make([]float32, e.network.Size*e.network.Size*3)
		images.Image(i, pixels)
		p.pixels = append(p.pixels, pixels)
	}
	for _, step := range []func(context.Context, []int) error{p.predict, p.differentiate, p.occlude} {
		if err := step(ctx, images.Classes); err != nil {
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

// predict fills in predictions and classes, and the maps of a layer if there
// are to be any.
func (p *part) predict(ctx context.Context, classes []int) error {
	class := func(i int) int {
		if classes == nil {
			return Predicted
		}
		return classes[i]
	}
	explained := func(i int, x skinattn.Prediction) Explanation {
		if c := class(i); c != Predicted {
			return Explanation{Prediction: x, Class: c}
		}
		return Explanation{Prediction: x, Class: slices.Index(x.Probabilities, slices.Max(x.Probabilities))}
	}
	if p.layer == nil {
		predictions, err := p.network.Predict(ctx, len(p.pixels), skinattn.Floats(func(i int, dst []float32) { copy(dst, p.pixels[i]) }), p.metadata, nil)
		for i, x := range predictions {
			p.explanations = append(p.explanations, explained(i, x))
		}
		return err
	}
	encode := p.encoder()
	return p.layer.run(ctx, len(p.pixels), func(i int, pixels, metadata []float32) int {
		copy(pixels, p.pixels[i])
		encode(i, metadata)
		return class(i)
	}, func(i int, results [][]float32) {
		x := skinattn.Prediction{Logits: results[0], Probabilities: results[1]}
		results = results[2:]
		if p.network.SoftAttention {
			x.Attention, results = results[0], results[1:]
		}
		p.explanations = append(p.explanations, explained(i, x))
		for _, m := range p.Options.Methods {
			if m.ofLayer() {
				p.values[m], results = append(p.values[m], results[0]), results[1:]
			}
		}
	})
}

// encoder returns what writes the encoded metadata of an image.
func (p *part) encoder() func(i int, dst []float32) {
	if p.metadata == nil {
		return func(int, []float32) {}
	}
	encoded := skinattn.EncodeMetadata(p.metadata)
	return func(i int, dst []float32) { copy(dst, encoded[i*skinattn.MetadataWidth:]) }
}

// differentiate makes the maps of the pixels' gradients.
func (p *part) differentiate(ctx context.Context, _ []int) error {
	if p.gradients == nil {
		return nil
	}
	first := 0 // copies before the noisy ones
	if slices.Contains(p.Options.Methods, Saliency) {
		first = 1
	}
	copies := first
	if slices.Contains(p.Options.Methods, SmoothGrad) {
		copies += p.Options.Samples
		p.drawNoise()
	}
	encode := p.encoder()
	sum := make([]float64, p.network.Size*p.network.Size*3)
	return p.gradients.run(ctx, copies*len(p.pixels), func(k int, pixels, metadata []float32) int {
		i, sample := k/copies, k%copies-first
		copy(pixels, p.pixels[i])
		if sample >= 0 {
			deviation := float32(p.Options.Noise) * (slices.Max(pixels) - slices.Min(pixels))
			for j, z := range p.noise[sample] {
				pixels[j] += deviation * z
			}
		}
		encode(i, metadata)
		return p.explanations[i].Class
	}, func(k int, results [][]float32) {
		sample := k%copies - first
		if sample < 0 {
			p.values[Saliency] = append(p.values[Saliency], largestOfChannels(results[0], 1))
			return
		}
		for j, g := range results[0] {
			sum[j] += float64(g)
		}
		if sample == p.Options.Samples-1 {
			p.values[SmoothGrad] = append(p.values[SmoothGrad], largestOfChannels(sum, p.Options.Samples))
			clear(sum)
		}
	})
}

// largestOfChannels makes a map [H W] of the absolute mean gradient [H W 3],
// whose sum over count gradients is given.
func largestOfChannels[T float32 | float64](sum []T, count int) []float32 {
	values := make([]float32, len(sum)/3)
	for i := range values {
		for _, v := range sum[3*i : 3*i+3] {
			values[i] = max(values[i], float32(math.Abs(float64(v))/float64(count)))
		}
	}
	return values
}

// mapsOf are the maps of a method for the i-th image.
func (p *part) mapsOf(m Method, i int) []Map {
	x := p.explanations[i]
	class := ham10000.Classes[x.Class]
	switch m {
	case SoftAttention, AttentionHeads:
		shape := p.network.AttentionShape()
		heads, height, width := shape[0], shape[1], shape[2]
		if m == SoftAttention {
			return []Map{{Method: m, Height: height, Width: width, Values: sumOfHeads(x.Prediction.Attention, heads)}}
		}
		maps := make([]Map, heads)
		for h := range maps {
			maps[h] = Map{Method: m, Head: h + 1, Height: height, Width: width, Values: x.Prediction.Attention[h*height*width : (h+1)*height*width]}
		}
		return maps
	case GradCAM, GradCAMPlusPlus:
		shape := p.network.Graph.Layer(p.Options.Layer).Out
		return []Map{{Method: m, Class: class, Height: shape[0], Width: shape[1], Values: p.values[m][i]}}
	case Occlusion:
		cells := p.Options.cells(p.network.Size)
		return []Map{{Method: m, Class: class, Height: cells, Width: cells, Values: p.values[m][i]}}
	default:
		return []Map{{Method: m, Class: class, Height: p.network.Size, Width: p.network.Size, Values: p.values[m][i]}}
	}
}

// sumOfHeads adds maps [heads H W] up.
func sumOfHeads(maps []float32, heads int) []float32 {
	sum := make([]float32, len(maps)/heads)
	for i, v := range maps {
		sum[i%len(sum)] += v
	}
	return sum
}
