package explain

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// smallConfig is the first blocks of MobileNetV2 with the whole head: maps of
// 4 x 4 at the cut, which the pure Go engine computes in no time.
func smallConfig(t *testing.T) spec.Network {
	t.Helper()
	cfg, err := skinattn.AuthorsNetwork("mobilenet_v2", spec.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Size, cfg.Cut, cfg.MetadataUnits[0] = 32, "block_4_depthwise", 16
	return cfg
}

// photos are n generated images with metadata.
func photos(n int) Request {
	images := Request{Images: skinattn.Floats(n, func(i int, dst []float32) { copy(dst, keras.FillImage(string(rune('a'+i)), 32)) })}
	for i := range n {
		images.Metadata = append(images.Metadata, skinattn.Metadata{Age: float64(20 * i), Sex: ham10000.Sexes[i%2], Localization: "back"})
	}
	return images
}

// allOptions has every method, with few samples and squares.
func allOptions() Options {
	options := DefaultOptions()
	options.Methods, options.Samples, options.Patch, options.Stride = Methods, 3, 12, 8
	return options
}

func TestMaps(t *testing.T) {
	network := filledModel(t, smallConfig(t), goEngine(t))
	images := photos(3)
	images.Classes = []int{Predicted, 4, 0}
	all := explained(t, network, allOptions(), images)

	shapes := map[Method]int{SoftAttention: 4, AttentionHeads: 4, GradCAM: 4, GradCAMPlusPlus: 4, Saliency: 32, SmoothGrad: 32, Occlusion: 4}
	predictions, err := network.Predict(context.Background(), skinattn.Request{Images: images.Images, Metadata: images.Metadata})
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range all {
		if want := predictions[i].Probabilities; largestDifference(x.Prediction.Probabilities, want) > 1e-6 {
			t.Errorf("image %d: the probabilities are %v, predicted are %v", i, x.Prediction.Probabilities, want)
		}
		class := images.Classes[i]
		if class == Predicted {
			class = slices.Index(predictions[i].Probabilities, slices.Max(predictions[i].Probabilities))
		}
		if x.Class != class {
			t.Errorf("image %d: class %d is explained, want %d", i, x.Class, class)
		}
		var names []string
		var heads [16]float64
		for _, m := range x.Maps {
			names = append(names, m.Name())
			if m.Height != shapes[m.Method] || m.Width != m.Height || len(m.Values) != m.Height*m.Width {
				t.Errorf("image %d: %s has %d values of %d x %d", i, m.Name(), len(m.Values), m.Height, m.Width)
			}
			if want := ham10000.Classes[class]; m.Method.ofAttention() && m.Class != "" || !m.Method.ofAttention() && m.Class != want {
				t.Errorf("image %d: %s is of class %q, explained is %q", i, m.Name(), m.Class, want)
			}
			if m.Method != Occlusion && slices.Min(m.Values) < 0 {
				t.Errorf("image %d: %s has the value %g", i, m.Name(), slices.Min(m.Values))
			}
			if slices.Max(m.Values) <= 0 && !m.Method.ofLayer() { // Grad-CAM may be 0 everywhere
				t.Errorf("image %d: %s is 0", i, m.Name())
			}
			if m.Head > 0 {
				for _, v := range m.Values {
					heads[m.Head-1] += float64(v)
				}
			}
		}
		if got, want := strings.Join(names, " "), "soft-attention attention-head-01 attention-head-02 attention-head-03 attention-head-04 "+
			"attention-head-05 attention-head-06 attention-head-07 attention-head-08 attention-head-09 attention-head-10 attention-head-11 "+
			"attention-head-12 attention-head-13 attention-head-14 attention-head-15 attention-head-16 grad-cam grad-cam++ saliency smoothgrad occlusion"; got != want {
			t.Errorf("image %d has the maps %s", i, got)
		}
		for h, sum := range heads {
			if math.Abs(sum-1) > 1e-5 {
				t.Errorf("image %d: head %d sums to %g", i, h+1, sum)
			}
		}
	}

	// The same again, to the bit; and each image alone.
	if again := explained(t, network, allOptions(), images); !reflect.DeepEqual(again, all) {
		t.Error("the same images have other maps the second time")
	}
	alone := images.part(1, 2)
	for j, m := range explained(t, network, allOptions(), alone)[0].Maps {
		if want := all[1].Maps[j]; largestDifference(m.Values, want.Values) > max(1e-6, 1e-4*float64(slices.Max(want.Values))) {
			t.Errorf("%s of the image alone differs", m.Name())
		}
	}

	// Another class has another Grad-CAM, but the same attention.
	images.Classes = []int{1, 1, 1}
	options := allOptions()
	options.Methods = []Method{SoftAttention, GradCAM}
	other := explained(t, network, options, images)
	for i, x := range other {
		if x.Class == all[i].Class {
			continue
		}
		if largestDifference(x.Maps[0].Values, all[i].Maps[0].Values) > 1e-6 {
			t.Errorf("image %d: the attention depends on the class", i)
		}
		if slices.Equal(x.Maps[1].Values, all[i].Maps[17].Values) {
			t.Errorf("image %d: Grad-CAM does not depend on the class", i)
		}
	}
}

// More images than a batch has come in their order, each once.
func TestManyImages(t *testing.T) {
	cfg := smallConfig(t)
	net, err := skinattn.NewNetwork(cfg)
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	if err := layers.Initialize(store, net.Graph.Variables(), 7); err != nil {
		t.Fatal(err)
	}
	network, err := skinattn.NewModel(goEngine(t).Backend, net, store, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer network.Close()
	options := DefaultOptions()
	e, err := New(network, options)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	images := photos(5)
	want, err := network.Predict(context.Background(), skinattn.Request{Images: images.Images, Metadata: images.Metadata, Attention: true})
	if err != nil {
		t.Fatal(err)
	}
	next := 0
	err = e.Explain(context.Background(), images, func(i int, x Explanation) error {
		if i != next {
			t.Errorf("image %d comes when %d is due", i, next)
		}
		next++
		if largestDifference(x.Maps[0].Values, sumOfHeads(want[i].Attention, 16)) > 1e-6 {
			t.Errorf("image %d has the attention of another", i)
		}
		return nil
	})
	if err != nil || next != 5 {
		t.Errorf("%d of 5 images were explained: %v", next, err)
	}

	stop := errors.New("stop")
	if err := e.Explain(context.Background(), images, func(i int, _ Explanation) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("an error of use gives %v", err)
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if err := e.Explain(canceled, images, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context gives %v", err)
	}
}

// The default engine, XLA where there is one, and the pure Go engine compute the same.
func TestEnginesAgree(t *testing.T) {
	other := testengine.Open(t)
	if other.Kind == engine.Go {
		t.Skip("there is no engine but the pure Go one")
	}
	images := photos(1)
	want := explained(t, filledModel(t, smallConfig(t), goEngine(t)), allOptions(), images)
	got := explained(t, filledModel(t, smallConfig(t), other), allOptions(), images)
	for j, m := range got[0].Maps {
		w := want[0].Maps[j]
		if d := largestDifference(m.Values, w.Values); d > 1e-4*float64(slices.Max(w.Values)) {
			t.Errorf("%s differs by %g of %g", m.Name(), d, slices.Max(w.Values))
		}
	}
}

func TestSmoothGrad(t *testing.T) {
	network := filledModel(t, smallConfig(t), goEngine(t))
	images := photos(2)
	options := DefaultOptions()
	options.Methods, options.Samples, options.Noise = []Method{Saliency, SmoothGrad}, 3, 0
	for i, x := range explained(t, network, options, images) {
		// A copy's place in the batch may change the rounding.
		if d := largestDifference(x.Maps[0].Values, x.Maps[1].Values); d > 1e-5*float64(slices.Max(x.Maps[0].Values)) {
			t.Errorf("image %d: SmoothGrad without noise is %g off the saliency", i, d)
		}
	}

	// With noise it is the mean of the gradients at the noisy photos, made here one
	// by one.
	options.Noise = .2
	e, err := New(network, options)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	all, err := e.ExplainAll(context.Background(), images)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range all {
		photo := make([]float32, 32*32*3)
		images.Images.Floats(i, photo)
		deviation := .2 * (slices.Max(photo) - slices.Min(photo))
		mean := make([]float64, len(photo))
		for sample := range 3 {
			err := e.gradients.Run(context.Background(), skinattn.Feed{
				Images: skinattn.Floats(1, func(_ int, pixels []float32) {
					for j := range pixels {
						pixels[j] = photo[j] + deviation*e.noise[sample][j]
					}
				}),
				Inputs: []skinattn.Input{network.MetadataInput(images.Metadata[i : i+1]), classInput(func(int) int { return x.Class })},
			}, func(_ int, outputs [][]float32) error {
				for j, g := range outputs[0] {
					mean[j] += float64(g) / 3
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		want := make([]float32, 32*32)
		for j, g := range mean {
			want[j/3] = max(want[j/3], float32(math.Abs(g)))
		}
		if d := largestDifference(x.Maps[1].Values, want); d > 1e-5*float64(slices.Max(want)) {
			t.Errorf("image %d: SmoothGrad is off by %g of %g", i, d, slices.Max(want))
		}
		if slices.Equal(x.Maps[0].Values, x.Maps[1].Values) {
			t.Errorf("image %d: the noise changes nothing", i)
		}
	}
	var sum, square float64
	for _, z := range slices.Concat(e.noise...) {
		sum += float64(z)
		square += float64(z) * float64(z)
	}
	// 9216 draws: five standard errors are .052 of the mean and .074 of the square.
	if n := float64(3 * 32 * 32 * 3); math.Abs(sum/n) > .052 || math.Abs(square/n-1) > .074 {
		t.Errorf("the noise has mean %g and mean square %g", sum/n, square/n)
	}
	if slices.Equal(e.noise[0], e.noise[1]) {
		t.Error("two copies have the same noise")
	}
	options.Seed++
	if other := explained(t, network, options, images); slices.Equal(other[0].Maps[1].Values, all[0].Maps[1].Values) {
		t.Error("another seed changes nothing")
	}
}

func TestOcclusion(t *testing.T) {
	network := filledModel(t, smallConfig(t), goEngine(t))
	images := photos(2)
	images.Classes = []int{4, Predicted}
	options := DefaultOptions()
	options.Methods, options.Patch, options.Stride, options.Fill = []Method{Occlusion}, 12, 8, 100
	// Four cells of 8 pixels; squares of 12 around their centres 4, 12, 20 and 28.
	squares := [][2]int{{0, 10}, {6, 18}, {14, 26}, {22, 32}}
	for i, x := range explained(t, network, options, images) {
		if drop := slices.Max(x.Maps[0].Values); drop < .01 {
			t.Errorf("image %d: the largest drop is %g, too small to tell anything", i, drop)
		}
		for row, vertical := range squares {
			for column, horizontal := range squares {
				occluded, err := network.Predict(context.Background(), skinattn.Request{Metadata: images.Metadata[i : i+1], Images: skinattn.Floats(1, func(_ int, dst []float32) {
					images.Images.Floats(i, dst)
					for y := vertical[0]; y < vertical[1]; y++ {
						for j := 3 * horizontal[0]; j < 3*horizontal[1]; j++ {
							dst[y*32*3+j] = 100
						}
					}
				})})
				if err != nil {
					t.Fatal(err)
				}
				want := x.Prediction.Probabilities[x.Class] - occluded[0].Probabilities[x.Class]
				if got := x.Maps[0].Values[row*4+column]; math.Abs(float64(got-want)) > 1e-6 {
					t.Errorf("image %d, row %d, column %d: the probability drops by %g, want %g", i, row, column, got, want)
				}
			}
		}
	}
}

// Squares by hand: squares cut off at the edges, and cells that the stride does not divide evenly.
func TestSquares(t *testing.T) {
	for _, c := range []struct {
		size, patch, stride int
		want                [][2]int
	}{
		{32, 8, 8, [][2]int{{0, 8}, {8, 16}, {16, 24}, {24, 32}}},
		{32, 16, 16, [][2]int{{0, 16}, {16, 32}}},
		{32, 32, 32, [][2]int{{0, 32}}},
		{32, 20, 16, [][2]int{{0, 18}, {14, 32}}},
		{10, 3, 4, [][2]int{{0, 3}, {4, 7}, {7, 10}}}, // three cells of 3 1/3: centres 1 2/3, 5, 8 1/3
		{5, 1, 1, [][2]int{{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}}},
	} {
		options := Options{Patch: c.patch, Stride: c.stride}
		var got [][2]int
		for cell := range options.cells(c.size) {
			from, to := options.square(cell, c.size)
			got = append(got, [2]int{from, to})
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("size %d, patch %d, stride %d: squares %v, want %v", c.size, c.patch, c.stride, got, c.want)
		}
	}
}

func TestMeanColor(t *testing.T) {
	if got := DefaultOptions().color([]float32{10, 20, 30, 30, 20, 0}); got != [3]float32{20, 20, 15} {
		t.Errorf("the mean colour is %v", got)
	}
}

// Every layer with maps has explanations, also the layers after the cut.
func TestLayers(t *testing.T) {
	network := filledModel(t, smallConfig(t), goEngine(t))
	for layer, want := range map[string][2]any{
		"": {4, "block_4_depthwise"}, LayerCut: {4, "block_4_depthwise"}, LayerAttended: {4, "soft_attention"},
		"features_relu": {2, "features_relu"}, "block_1_expand_relu": {16, "block_1_expand_relu"},
	} {
		options := DefaultOptions()
		options.Methods, options.Layer = []Method{GradCAM, GradCAMPlusPlus}, layer
		completed, err := options.Complete(network.Network)
		if err != nil || completed.Layer != want[1] {
			t.Errorf("layer %q is %q: %v", layer, completed.Layer, err)
		}
		for _, m := range explained(t, network, options, photos(1))[0].Maps {
			if m.Height != want[0] {
				t.Errorf("layer %q: %s has %d rows", layer, m.Name(), m.Height)
			}
		}
	}
}

// A network without attention and metadata, on its predicted classes.
func TestWithoutAttentionAndMetadata(t *testing.T) {
	cfg := smallConfig(t)
	cfg.SoftAttention, cfg.Metadata, cfg.Head = false, false, "gap"
	network := filledModel(t, cfg, goEngine(t))
	options := DefaultOptions()
	options.Methods, options.Patch = []Method{Saliency, GradCAM, Occlusion}, 32
	images := photos(1)
	images.Metadata = nil
	x := explained(t, network, options, images)[0]
	if len(x.Maps) != 3 || x.Maps[1].Height != 4 {
		t.Errorf("the maps are %v", x.Maps)
	}
	if _, err := New(network, DefaultOptions()); err == nil || !strings.Contains(err.Error(), "no Soft-Attention") {
		t.Errorf("attention maps of a network without: %v", err)
	}
	options.Layer = LayerAttended
	if _, err := New(network, options); err == nil || !strings.Contains(err.Error(), "no Soft-Attention") {
		t.Errorf("the attended layer of a network without: %v", err)
	}
}

func TestErrors(t *testing.T) {
	network := filledModel(t, smallConfig(t), goEngine(t))
	for want, spoil := range map[string]func(*Options){
		"no method":       func(o *Options) { o.Methods = nil },
		"chosen twice":    func(o *Options) { o.Methods = []Method{GradCAM, GradCAM} },
		`"guided"`:        func(o *Options) { o.Methods = []Method{"guided"} },
		`layer "nothing"`: func(o *Options) { o.Layer = "nothing" },
		"no feature maps": func(o *Options) { o.Layer = "features_flat" },
		"samples":         func(o *Options) { o.Samples = 0 },
		"noise":           func(o *Options) { o.Noise = math.NaN() },
		"patch":           func(o *Options) { o.Patch = 33 },
		"stride":          func(o *Options) { o.Stride = -1 },
		"fill":            func(o *Options) { o.Fill = 256 },
	} {
		options := allOptions()
		spoil(&options)
		if _, err := New(network, options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %s, got %v", want, err)
		}
	}
	e, err := New(network, allOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for want, spoil := range map[string]func(*Request){
		"1 images have 0 entries of metadata": func(r *Request) { r.Metadata = nil },
		"1 images have 2 classes":             func(r *Request) { r.Classes = []int{1, 2} },
		"class 7":                             func(r *Request) { r.Classes = []int{7} },
	} {
		images := photos(1)
		spoil(&images)
		if _, err := e.ExplainAll(context.Background(), images); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %s, got %v", want, err)
		}
	}
	after, err := network.AfterCut()
	if err != nil {
		t.Fatal(err)
	}
	head, err := skinattn.NewModel(goEngine(t).Backend, after, network.Store, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer head.Close()
	if _, err := New(head, DefaultOptions()); err == nil || !strings.Contains(err.Error(), "features") {
		t.Errorf("a network of features gives %v", err)
	}
}

func largestDifference(a, b []float32) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	var worst float64
	for i := range a {
		worst = max(worst, math.Abs(float64(a[i]-b[i])))
	}
	return worst
}
