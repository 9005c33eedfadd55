package training

import (
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// call runs a graph function once and returns its flat result.
func call[F graph.ExecGraphFnOneOutput](t *testing.T, function F, args ...any) []float32 {
	t.Helper()
	out, err := graph.CallOnce(testengine.Open(t).Backend, function, args...)
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float32](out)
}

func near(t *testing.T, what string, got []float32, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range want {
		if math.Abs(float64(got[i])-want[i]) > tolerance {
			t.Errorf("%s: got %v, want %v", what, got, want)
			return
		}
	}
}

// By hand: logits log 3, 0, 0 have softmax .6, .2, .2 and sigmoids .75, .5, .5.
func TestLosses(t *testing.T) {
	logits := [][]float32{{float32(math.Log(3)), 0, 0}, {float32(math.Log(3)), 0, 0}}
	labels := []int32{0, 1}
	ln := math.Log
	for _, c := range []struct {
		name      string
		loss      spec.Loss
		smoothing float64
		want      []float64
	}{
		{"cross-entropy", spec.Loss{}, 0, []float64{-ln(.6), -ln(.2)}},
		{"smoothed", spec.Loss{}, .3, []float64{-.8*ln(.6) - .2*ln(.2), -.1*ln(.6) - .9*ln(.2)}},
		{"focal 2", spec.Loss{Kind: spec.Focal, Gamma: 2}, 0, []float64{-.16 * ln(.6), -.64 * ln(.2)}},
		{"focal 0 is cross-entropy", spec.Loss{Kind: spec.Focal}, 0, []float64{-ln(.6), -ln(.2)}},
		{"focal .5", spec.Loss{Kind: spec.Focal, Gamma: .5}, 0, []float64{-math.Sqrt(.4) * ln(.6), -math.Sqrt(.8) * ln(.2)}},
		{"multi-weighted without focus", spec.Loss{Kind: spec.MultiWeighted}, 0,
			[]float64{-ln(.75) - 2*ln(.5), -ln(.25) - 2*ln(.5)}},
		{"multi-weighted", spec.Loss{Kind: spec.MultiWeighted, Gamma: 1}, 0,
			[]float64{-.25*ln(.75) - 2*.5*ln(.5), -.75*ln(.25) - 2*.5*ln(.5)}},
		{"multi-weighted, outliers held", spec.Loss{Kind: spec.MultiWeighted, Gamma: 1, Limit: .3}, 0,
			[]float64{-.25*ln(.75) - 2*.5*ln(.5), -.75*ln(.3) - 2*.5*ln(.5)}},
	} {
		got := call(t, func(logits, labels *graph.Node) *graph.Node { return imageLoss(c.loss, logits, labels, c.smoothing) }, logits, labels)
		near(t, c.name, got, c.want, 1e-5)
	}
}

// Two photos of 2x2 pixels, 1..4 and 10 times that, in all channels.
func TestBlend(t *testing.T) {
	var photos []float32
	for _, v := range []float32{1, 2, 3, 4, 10, 20, 30, 40} {
		photos = append(photos, v, v, v)
	}
	metadata := [][]float32{{1, 0}, {0, 1}}
	for _, c := range []struct {
		name        string
		blend       Blend
		photo, meta []float64 // of the first
		share       float64
	}{
		{"mixup", Blend{Partner: []int32{1, 0}, Share: []float32{.75, 1}, Boxes: make([]Box, 2)},
			[]float64{3.25, 6.5, 9.75, 13}, []float64{.75, .25}, .75},
		{"cutmix of the right column", Blend{Partner: []int32{1, 0}, Share: []float32{1, 1}, Boxes: []Box{{0, 1, 2, 2}, {}}},
			[]float64{1, 20, 3, 40}, []float64{.5, .5}, .5},
		{"with itself", Blend{Partner: []int32{0, 1}, Share: []float32{.3, .3}, Boxes: make([]Box, 2)},
			[]float64{1, 2, 3, 4}, []float64{1, 0}, .3},
	} {
		both := call(t, func(photos, metadata, partner, blend *graph.Node) *graph.Node {
			x, m := blended(photos, metadata, blend, func(x *graph.Node) *graph.Node { return partnersOf(x, partner) })
			return graph.Concatenate([]*graph.Node{graph.Reshape(x, -1), graph.Reshape(m, -1), labelShare(blend)}, 0)
		}, tensors.FromFlatDataAndDimensions(photos, 2, 2, 2, 3), metadata, c.blend.Partner, c.blend.tensor(2))
		var red []float32
		for i := range 4 {
			red = append(red, both[3*i])
		}
		near(t, c.name, red, c.photo, 1e-5)
		near(t, c.name+", metadata", both[24:26], c.meta, 1e-6)
		near(t, c.name+", label", both[28:29], []float64{c.share}, 1e-6)
	}
}

func TestDrawBlend(t *testing.T) {
	const n, size = 64, 32
	first := entry{id: 7}
	for _, mix := range []spec.Mix{{Mixup: .4}, {CutMix: 1}} {
		b := drawBlend(mix, size, n, 1, 2, first)
		seen := map[int32]bool{}
		for i, partner := range b.Partner {
			seen[partner] = true
			box := b.Boxes[i]
			if mix.Mixup > 0 && (box != Box{} || b.Share[i] < 0 || b.Share[i] > 1) {
				t.Fatalf("mixup draws share %g, box %v", b.Share[i], box)
			}
			if mix.CutMix > 0 && (b.Share[i] != 1 || box[0] < 0 || box[2] > size || box[0] > box[2] || box[1] > box[3]) {
				t.Fatalf("CutMix draws share %g, box %v", b.Share[i], box)
			}
		}
		if len(seen) != n {
			t.Errorf("%d of %d are partners", len(seen), n)
		}
		if again := drawBlend(mix, size, n, 1, 2, first); again.Share[3] != b.Share[3] || again.Boxes[3] != b.Boxes[3] {
			t.Error("the same batch draws another blend")
		}
	}
	// Beta(.001, .001) has half of its mass below 1e-300, and no share that is no number:
	// 640 draws are 0 or 1 but for a few, at even odds within five standard deviations.
	ones, between := 0, 0
	for i := range 10 {
		for _, share := range drawBlend(spec.Mix{Mixup: .001}, size, n, 1, 1, entry{id: i}).Share {
			switch {
			case share > .99:
				ones++
			case !(share < .01):
				between++
			}
		}
	}
	if ones < 257 || ones > 383 || between > 20 {
		t.Errorf("%d of 640 shares are 1, %d are between", ones, between)
	}
	// Both kinds, at even odds: 200 draws, five standard deviations.
	mixups := 0
	for i := range 200 {
		if drawBlend(spec.Mix{Mixup: 1, CutMix: 1}, size, 2, 1, 1, entry{id: i}).Share[0] != 1 {
			mixups++
		}
	}
	if mixups < 65 || mixups > 135 {
		t.Errorf("%d of 200 batches are blended by mixup", mixups)
	}
}

// A photo of 2x2 pixels, with one pixel painted with the mean (1+2+3+4)/4.
func TestCutout(t *testing.T) {
	var photo []float32
	for _, v := range []float32{1, 2, 3, 4} {
		photo = append(photo, v, v, v)
	}
	got := call(t, cutout, tensors.FromFlatDataAndDimensions(photo, 1, 2, 2, 3), [][]float32{{1, 0, 2, 1}})
	near(t, "cutout", []float32{got[0], got[3], got[6], got[9]}, []float64{1, 2, 2.5, 4}, 1e-6)
}

// A crop shows a part of the photo and nothing beyond it; without rotation its
// corners are those of a box within.
func TestCropStaysInside(t *testing.T) {
	const size = 100
	reg := spec.Regime{Augment: spec.Augment{Crop: .3}}
	entries := make([]entry, 500)
	for i := range entries {
		entries[i].id = i
	}
	least := 1.0
	for _, d := range transforms(&reg, size, 1, 1, entries) {
		least = min(least, d.ZX*d.ZY)
		m := d.Affine(size, size)
		for _, corner := range []float32{0, size - 1} {
			row, col := m[0]*corner+m[2], m[4]*corner+m[5]
			if row < -.51 || row > size-.49 || col < -.51 || col > size-.49 {
				t.Fatalf("a corner of %+v comes from row %g, column %g", d, row, col)
			}
		}
		if ratio := d.ZX / d.ZY; ratio < .7499 || ratio > 1.3334 {
			t.Fatalf("the aspect ratio is %g", ratio)
		}
	}
	if least < .2999 || least > .33 {
		t.Errorf("the smallest of 500 crops has %g of the area; at least .3 was asked for", least)
	}
}

// smallStepper prepares steps of the small network with changes to a plain
// regime.
func smallStepper(t *testing.T, change func(*spec.Regime)) *Stepper {
	t.Helper()
	net, store := smallNetwork(t, 8)
	reg := spec.Regime{Batch: 4, LearningRate: .01, Beta1: .9, Beta2: .999, Epsilon: .1}
	change(&reg)
	s, err := NewStepper(testengine.Open(t), store, net, &reg, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func mustStep(t *testing.T, s *Stepper, b Batch, at Position) {
	t.Helper()
	if _, _, err := s.Step(b, at); err != nil {
		t.Fatal(err)
	}
}

// With frozen batch norms a network sees each image by itself, and batches of 3
// and 1 images make the same update as one of 4.
func TestAccumulatedBatchesEqualALargeOne(t *testing.T) {
	freeze := []spec.Freeze{{Layers: "bn"}}
	whole := smallStepper(t, func(r *spec.Regime) { r.Freeze = freeze })
	parts := smallStepper(t, func(r *spec.Regime) { r.Freeze, r.Accumulate = freeze, 2 })
	before := values(parts.store, "/conv/kernel")
	for update := range 2 {
		mustStep(t, whole, smallBatch(8, update, 0, 4), Position{Epoch: 1, Step: update + 1, Update: update + 1, Rate: .01})
		mustStep(t, parts, smallBatch(8, update, 0, 3), Position{Epoch: 1, Step: 2*update + 1, Update: update + 1, Rate: .01})
		if update == 0 {
			if now := values(parts.store, "/conv/kernel"); now[0] != before[0] || now[50] != before[50] {
				t.Error("the first batch of an update already moves the weights")
			}
		}
		mustStep(t, parts, smallBatch(8, update, 3, 4), Position{Epoch: 1, Step: 2*update + 2, Update: update + 1, Rate: .01, Images: 4})
	}
	for _, path := range []string{"/conv/kernel", "/dense/kernel", "/dense/bias", secondMoment + "/dense/kernel"} {
		want := values(whole.store, path)
		for i, got := range values(parts.store, path) {
			if math.Abs(float64(got-want[i])) > 1e-6 {
				t.Fatalf("%s[%d] is %g, in one batch %g", path, i, got, want[i])
			}
		}
	}
}

// Frozen layers stay as they are, batch statistics included, until their time
// is over; a rate of 0 keeps weights but not statistics.
func TestFreezeAndLayerRates(t *testing.T) {
	s := smallStepper(t, func(r *spec.Regime) {
		r.Freeze = []spec.Freeze{{Layers: spec.Backbone, Epochs: 1}}
		r.LayerRates = []spec.LayerRate{{Layers: spec.Backbone, Factor: .5}, {Layers: "conv", Factor: 0}}
	})
	paths := []string{"/conv/kernel", "/bn/gamma", "/bn/moving_mean", "/dense/kernel"}
	moved := func(at Position) map[string]bool {
		before := map[string]float32{}
		for _, p := range paths {
			before[p] = values(s.store, p)[1]
		}
		mustStep(t, s, smallBatch(8, at.Step, 0, 4), at)
		changed := map[string]bool{}
		for _, p := range paths {
			changed[p] = values(s.store, p)[1] != before[p]
		}
		return changed
	}
	for _, c := range []struct {
		at   Position
		want []bool
	}{
		{Position{Epoch: 1, Step: 1, Update: 1, Rate: .01}, []bool{false, false, false, true}},
		{Position{Epoch: 2, Step: 2, Update: 2, Rate: .01}, []bool{false, true, true, true}},
	} {
		got := moved(c.at)
		for i, p := range paths {
			if got[p] != c.want[i] {
				t.Errorf("epoch %d: %s moved: %v", c.at.Epoch, p, got[p])
			}
		}
	}
	net, _ := smallNetwork(t, 8)
	if _, err := newSelection(net, &spec.Regime{Freeze: []spec.Freeze{{Layers: "block_"}}}); err == nil {
		t.Error("a freeze that meets no layer passes")
	}
}

// Half the rate moves a weight half as far in the first step.
func TestLayerRateScalesTheStep(t *testing.T) {
	change := func(factor float64) float64 {
		s := smallStepper(t, func(r *spec.Regime) { r.LayerRates = []spec.LayerRate{{Layers: "dense", Factor: factor}} })
		before := values(s.store, "/dense/kernel")[5]
		mustStep(t, s, smallBatch(8, 0, 0, 4), Position{Epoch: 1, Step: 1, Update: 1, Rate: .01})
		return float64(values(s.store, "/dense/kernel")[5] - before)
	}
	if whole, half := change(1), change(.5); math.Abs(half/whole-.5) > 1e-3 {
		t.Errorf("at half the rate the weight moves %g, at the whole %g", half, whole)
	}
}

// After update t the average is d*average + (1-d)*weight, d = min(.28, (1+t)/(10+t)).
func TestMovingAverage(t *testing.T) {
	s := smallStepper(t, func(r *spec.Regime) { r.EMA, r.Epsilon = .28, 1e-3 })
	for _, path := range []string{"/conv/kernel", "/bn/moving_variance", "/dense/bias"} {
		if got, want := values(s.store, averaged+path), values(s.store, path); got[1] != want[1] {
			t.Errorf("the average of %s starts at %g, the weight at %g", path, got[1], want[1])
		}
	}
	want := map[string]float64{}
	paths := []string{"/conv/kernel", "/bn/moving_variance", "/dense/bias"}
	for _, p := range paths {
		want[p] = float64(values(s.store, p)[1])
	}
	best := model.NewStore()
	for update, d := range []float64{2.0 / 11, 3.0 / 12, .28} {
		mustStep(t, s, smallBatch(8, update, 0, 4), Position{Epoch: 1, Step: update + 1, Update: update + 1, Rate: .1})
		if err := copyVariables(best, "", s.store, averaged, s.net.Graph.Variables()); err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			want[p] = d*want[p] + (1-d)*float64(values(s.store, p)[1])
			if got := float64(values(best, p)[1]); math.Abs(got-want[p]) > 1e-6 {
				t.Errorf("update %d: the average of %s is %g, want %g", update+1, p, got, want[p])
			}
		}
	}
}

// The smooth loss falls most from the second to the fourth point and is lowest
// at the fifth.
func TestSuggestRates(t *testing.T) {
	var points []RatePoint
	for i, loss := range []float64{2, 1.9, 1.5, .9, .8, 1.5} {
		points = append(points, RatePoint{Rate: math.Pow(10, float64(i-6)), Smooth: loss})
	}
	if steepest, lowest := SuggestRates(points); steepest != 1e-4 || lowest != 1e-2 {
		t.Errorf("steepest at %g, lowest at %g", steepest, lowest)
	}
	if steepest, lowest := SuggestRates(points[:2]); steepest != 0 || lowest != 0 {
		t.Errorf("two points suggest %g and %g", steepest, lowest)
	}
	if r := (Range{Low: 1e-4, High: 1, Steps: 11}); math.Abs(r.rate(0)-1e-4) > 1e-12 || math.Abs(r.rate(5)-1e-2) > 1e-10 || math.Abs(r.rate(10)-1) > 1e-9 {
		t.Errorf("rates %g, %g, %g", r.rate(0), r.rate(5), r.rate(10))
	}
}
