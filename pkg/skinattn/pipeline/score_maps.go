package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/eval/saliency"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// Names of what ScoreOptions.Methods can have.
const (
	SoftAttentionMap = "soft-attention" // the sum of the heads
	GradCAMMap       = "grad-cam"       // of the predicted class
)

// ScoreMethods are the maps that Score can measure.
var ScoreMethods = []string{SoftAttentionMap, GradCAMMap}

// centreShare is the standard deviation of the centred Gaussian, of the side.
const centreShare = 0.25

// heatMap is a map as a method gives it, [rows cols].
type heatMap struct {
	rows, cols int
	values     []float32
}

// upsampled is the map on size x size pixels.
func (h heatMap) upsampled(size int) []float32 {
	if h.rows == size && h.cols == size {
		return h.values
	}
	return saliency.Upsample(h.values, h.rows, h.cols, size, size)
}

// scoredMethod has a map for every image.
type scoredMethod struct {
	name string
	of   func(i int) heatMap
}

// same is a method that has one map for all images.
func same(name string, h heatMap) scoredMethod {
	return scoredMethod{name, func(int) heatMap { return h }}
}

// checkMethods finds unknown methods, and those that the network lacks.
func (s *scorer) checkMethods() error {
	if len(s.Methods) == 0 {
		s.Methods = slices.Clone(ScoreMethods)
		if !s.net.SoftAttention {
			s.Methods = slices.DeleteFunc(s.Methods, func(m string) bool { return m == SoftAttentionMap })
		}
	}
	for i, m := range s.Methods {
		switch {
		case !slices.Contains(ScoreMethods, m):
			return fmt.Errorf("map %q is unknown; choose of %s", m, strings.Join(ScoreMethods, ", "))
		case slices.Contains(s.Methods[:i], m):
			return fmt.Errorf("map %q is asked for twice", m)
		case m == SoftAttentionMap && !s.net.SoftAttention:
			return fmt.Errorf("the run's network has no Soft-Attention; leave out %s", m)
		}
	}
	return nil
}

// methods makes all maps, measured ones first. It fills s.classes.
func (s *scorer) methods(ctx context.Context, cfg run.Config, parts *split.Split) ([]scoredMethod, error) {
	measured, err := s.mapsOf(ctx, s.net, "maps", "")
	if err != nil {
		return nil, err
	}
	size := s.net.Size
	all := append(measured,
		same("baseline:uniform", heatMap{1, 1, saliency.Uniform(1)}),
		same("baseline:centre", heatMap{size, size, saliency.Gaussian(size, centreShare*float64(size))}))
	lesion, err := s.meanLesion(parts)
	if err != nil {
		return nil, err
	}
	all = append(all, same("baseline:mean-lesion", lesion))
	for _, m := range measured {
		all = append(all, scoredMethod{"baseline:mean-" + m.name, s.meanOfOthers(m)})
	}
	// The untrained networks have the architecture and the cut of the run.
	net, err := skinattn.NewNetwork(cfg.Network)
	if err != nil {
		return nil, err
	}
	weights := []struct{ name, file string }{{"untrained", ""}}
	if s.Weights != "" {
		weights = append(weights, struct{ name, file string }{"imagenet", s.Weights})
	}
	for _, w := range weights {
		store := model.NewStore()
		if w.file != "" {
			if err := loadBackbone(w.file, net, store); err != nil {
				return nil, err
			}
		}
		if err := layers.Initialize(store, net.Graph.Variables(), s.Seed); err != nil {
			return nil, fmt.Errorf("drawing weights: %w", err)
		}
		other, err := skinattn.NewModel(s.eng.Backend, net, store, 0)
		if err != nil {
			return nil, err
		}
		maps, err := s.mapsOf(ctx, other, w.name+" maps", "baseline:"+w.name+"-")
		other.Close()
		if err != nil {
			return nil, err
		}
		all = append(all, maps...)
	}
	grid := measured[0].of(0)
	return append(all, scoredMethod{fmt.Sprintf("ceiling:lesion-%dx%d", grid.rows, grid.cols), func(i int) heatMap {
		return heatMap{grid.rows, grid.cols, s.masks[i].Coarse(grid.rows, grid.cols)}
	}}), nil
}

// meanLesion is the mean of the training part's masks: where lesions lie in
// photos of this collection.
func (s *scorer) meanLesion(parts *split.Split) (heatMap, error) {
	records, err := parts.Select(s.Data.Records, split.Train)
	if err != nil {
		return heatMap{}, err
	}
	masks, err := s.readMasks(records)
	if err != nil {
		return heatMap{}, err
	}
	mean := heatMap{s.net.Size, s.net.Size, make([]float32, s.net.Size*s.net.Size)}
	found := 0
	for _, mask := range masks {
		if mask.inside == nil {
			continue
		}
		found++
		for i, in := range mask.inside {
			if in {
				mean.values[i]++ // exact up to 2^24 masks
			}
		}
	}
	if found == 0 {
		return heatMap{}, fmt.Errorf("%s: no image of part train has a lesion mask; their mean is a baseline", s.Data.Dir)
	}
	for i := range mean.values {
		mean.values[i] /= float32(found)
	}
	return mean, nil
}

// meanOfOthers is a method's mean map over the images of all other lesions: what
// it shows whatever the picture. Each map counts the same, whatever its sum.
func (s *scorer) meanOfOthers(m scoredMethod) func(i int) heatMap {
	first := m.of(0)
	total := make([]float64, len(first.values))
	byLesion := map[string][]float64{}
	counts := map[string]int{}
	add := func(sum []float64, values []float32) {
		var mass float64
		for _, v := range values {
			mass += float64(v)
		}
		if mass > 0 { // a map of zeros says nothing
			for k, v := range values {
				sum[k] += float64(v) / mass
			}
		}
	}
	for i, r := range s.records {
		if byLesion[r.LesionID] == nil {
			byLesion[r.LesionID] = make([]float64, len(total))
		}
		counts[r.LesionID]++
		add(total, m.of(i).values)
		add(byLesion[r.LesionID], m.of(i).values)
	}
	return func(i int) heatMap {
		mean := heatMap{first.rows, first.cols, make([]float32, len(total))}
		others := float64(len(s.records) - counts[s.records[i].LesionID])
		if others == 0 { // one lesion alone: nothing to compare with
			return heatMap{1, 1, saliency.Uniform(1)}
		}
		for k, v := range byLesion[s.records[i].LesionID] {
			mean.values[k] = float32(max(0, total[k]-v) / others)
		}
		return mean
	}
}

// mapsOf makes the maps of one network, with prefix before their names. Those of
// the trained network, without prefix, say also what it predicts.
func (s *scorer) mapsOf(ctx context.Context, net *skinattn.Model, title, prefix string) ([]scoredMethod, error) {
	n := len(s.records)
	follow := s.Progress(title)
	predictions, err := net.Predict(ctx, n, s.images, s.metadata, func(done int) { follow(done, n) })
	if err != nil {
		return nil, err
	}
	if prefix == "" {
		s.classes = make([]int, n)
		for i, p := range predictions {
			s.classes[i] = argmax(p.Probabilities)
		}
	}
	var maps []scoredMethod
	for _, name := range s.Methods {
		of, err := s.mapsBy(ctx, name, net, predictions)
		if err != nil {
			return nil, err
		}
		maps = append(maps, scoredMethod{prefix + name, of})
	}
	return maps, nil
}

// mapsBy makes the maps of one method.
func (s *scorer) mapsBy(ctx context.Context, name string, net *skinattn.Model, predictions []skinattn.Prediction) (func(i int) heatMap, error) {
	switch name {
	case SoftAttentionMap:
		shape := net.AttentionShape()
		return func(i int) heatMap { return headSum(predictions[i].Attention, shape) }, nil
	}
	return nil, fmt.Errorf("map %q is unknown", name)
}

// headSum adds the maps of all heads, [heads rows cols].
func headSum(maps []float32, shape []int) heatMap {
	sum := heatMap{shape[1], shape[2], make([]float32, shape[1]*shape[2])}
	for head := range slices.Chunk(maps, len(sum.values)) {
		for k, v := range head {
			sum.values[k] += v
		}
	}
	return sum
}
