package attention

import (
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/eval/saliency"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/explain"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/weights"
)

// centreShare is the standard deviation of the centred Gaussian, as a share of the side.
const centreShare = 0.25

// PriorBaselines are the baselines with one map for all images: a uniform map, a
// Gaussian in the centre, and the mean of the training part's masks.
var PriorBaselines = []string{"baseline:uniform", "baseline:centre", "baseline:mean-lesion"}

// heatMap is a saliency map [rows cols] in the method's own resolution.
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

// same is a method with one map for all images.
func same(name string, h heatMap) scoredMethod {
	return scoredMethod{name, func(int) heatMap { return h }}
}

// methods makes all maps: first the maps of the trained network, then the baselines. It
// fills s.classes.
func (s *scorer) methods(ctx context.Context, cfg run.Config, parts *split.Split) ([]scoredMethod, error) {
	measured, err := s.mapsOf(ctx, s.net, "maps", "")
	if err != nil {
		return nil, err
	}
	size := s.net.Size
	all := append(measured,
		same(PriorBaselines[0], heatMap{1, 1, saliency.Uniform(1)}),
		same(PriorBaselines[1], heatMap{size, size, saliency.Gaussian(size, centreShare*float64(size))}))
	lesion, err := s.meanLesion(ctx, parts)
	if err != nil {
		return nil, err
	}
	all = append(all, same(PriorBaselines[2], lesion))
	for _, m := range measured {
		all = append(all, scoredMethod{"baseline:mean-" + m.name, s.meanOfOthers(m)})
	}
	// The baselines' networks have the run's architecture and cut.
	net, err := skinattn.NewNetwork(cfg.Network)
	if err != nil {
		return nil, err
	}
	starts := []struct{ name, file string }{{"untrained", ""}}
	if s.Weights != "" {
		starts = append(starts, struct{ name, file string }{"imagenet", s.Weights})
	}
	for _, w := range starts {
		store := model.NewStore()
		if w.file != "" {
			if err := weights.LoadBackbone(w.file, net, store); err != nil {
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

// meanLesion is the mean of the training part's masks: the places of lesions in the
// photos of this collection.
func (s *scorer) meanLesion(ctx context.Context, parts *split.Split) (heatMap, error) {
	records, err := parts.Select(s.Data.Records, split.Train)
	if err != nil {
		return heatMap{}, err
	}
	masks, err := s.readMasks(ctx, records)
	if err != nil {
		return heatMap{}, err
	}
	mean := heatMap{s.net.Size, s.net.Size, make([]float32, s.net.Size*s.net.Size)}
	masked := 0
	for _, mask := range masks {
		if mask.inside == nil {
			continue
		}
		masked++
		for i, in := range mask.inside {
			if in {
				mean.values[i]++ // exact up to 2^24 masks
			}
		}
	}
	if masked == 0 {
		return heatMap{}, fmt.Errorf("%s: no image of part train has a lesion mask; their mean is a baseline", s.Data.Dir)
	}
	for i := range mean.values {
		mean.values[i] /= float32(masked)
	}
	return mean, nil
}

// meanOfOthers is a method's mean map over the images of all other lesions, hence the part
// of its maps that does not depend on the picture. Each map has weight 1, whatever its sum.
func (s *scorer) meanOfOthers(m scoredMethod) func(i int) heatMap {
	first := m.of(0)
	total := make([]float64, len(first.values))
	add := func(sum []float64, values []float32, sign float64) {
		var mass float64
		for _, v := range values {
			mass += float64(v)
		}
		if mass > 0 { // a map of zeros is left out
			for k, v := range values {
				sum[k] += sign * float64(v) / mass
			}
		}
	}
	ofLesion := map[string][]int{}
	for i, r := range s.records {
		ofLesion[r.LesionID] = append(ofLesion[r.LesionID], i)
		add(total, m.of(i).values, 1)
	}
	return func(i int) heatMap {
		own := ofLesion[s.records[i].LesionID]
		if len(own) == len(s.records) { // there is no other lesion
			return heatMap{1, 1, saliency.Uniform(1)}
		}
		rest := slices.Clone(total)
		for _, j := range own {
			add(rest, m.of(j).values, -1)
		}
		mean := heatMap{first.rows, first.cols, make([]float32, len(rest))}
		for k, v := range rest {
			mean.values[k] = float32(max(0, v)) // the differences may round to less than 0
		}
		return mean
	}
}

// mapsOf makes the maps of one network, with prefix before their names. The first call,
// for the trained network, sets the classes that all networks explain: its predictions.
func (s *scorer) mapsOf(ctx context.Context, net *skinattn.Model, title, prefix string) ([]scoredMethod, error) {
	explainer, err := explain.New(net, s.Explain)
	if err != nil {
		return nil, err
	}
	defer explainer.Close()
	request := explain.Request{Images: s.images, Metadata: s.metadata, Classes: s.classes}
	follow := s.follow(title)
	maps := make([][]heatMap, len(s.Explain.Methods))
	classes := make([]int, len(s.records))
	err = explainer.Explain(ctx, request, func(i int, x explain.Explanation) error {
		classes[i] = x.Class
		for k, m := range x.Maps {
			for j, v := range m.Values { // below 0 where occlusion raises the probability
				m.Values[j] = max(0, v)
			}
			maps[k] = append(maps[k], heatMap{m.Height, m.Width, m.Values})
		}
		follow(i+1, len(s.records))
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.classes = classes
	methods := make([]scoredMethod, len(maps))
	for k := range maps {
		methods[k] = scoredMethod{prefix + string(s.Explain.Methods[k]), func(i int) heatMap { return maps[k][i] }}
	}
	return methods, nil
}
