package training

import (
	"math"
	"slices"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// labelled makes labels with the given numbers of photos of the classes.
func labelled(counts ...int) []int32 {
	var labels []int32
	for class, n := range counts {
		labels = append(labels, slices.Repeat([]int32{int32(class)}, n)...)
	}
	return labels
}

// The photos of the authors' 15 % split by class.
var split15 = []int{278, 437, 925, 98, 944, 5661, 121}

// Steps an epoch as in the progress bars of the authors' notebooks and, with 919
// steps of 16 for the 9,187 photos of [14].
func TestStepsOfAnEpoch(t *testing.T) {
	for _, c := range []struct {
		name   string
		reg    spec.Regime
		counts []int
		steps  int
	}{
		{"metadata, 10 %", spec.Regime{Batch: 10}, []int{294, 463, 980, 103, 1000, 5994, 128}, 897},
		{"augmented, photos as they are", spec.Regime{Batch: 16}, split15, 529},
		{"augmented on disk, 16", spec.Regime{Batch: 16, Copies: spec.Copies{PerClass: 8000, Batch: 50}}, split15, 3349},
		{"augmented on disk, 50", spec.Regime{Batch: 50, Copies: spec.Copies{PerClass: 8000, Batch: 50}}, split15, 1072},
		{"[14]", spec.Regime{Batch: 16, StepsDivisor: 10, Copies: spec.Copies{PerClass: 8000, Batch: 50}}, []int{304, 488, 1033, 109, 1079, 6042, 132}, 919},
		{"more steps than photos", spec.Regime{Batch: 16, StepsDivisor: 2}, []int{20}, 2},
	} {
		s := newSampler(&c.reg, 1, labelled(c.counts...))
		if s.steps() != c.steps {
			t.Errorf("%s: %d steps, want %d", c.name, s.steps(), c.steps)
		}
		if got := len(s.epoch(1)); got != s.images() {
			t.Errorf("%s: an epoch has %d entries, not %d", c.name, got, s.images())
		}
	}
}

// With copies an epoch has every photo once as it is, and each photo of a class
// as a copy as often as any other, give or take one.
func TestCopiesOfAnEpoch(t *testing.T) {
	reg := spec.Regime{Batch: 16, Copies: spec.Copies{PerClass: 40, Batch: 8}}
	// (40-10)/8 is 4 batches, 2 passes of 8+2: 20 copies. (40-17)/8 is 3 batches,
	// one pass of 8+8+1: 17.
	labels := labelled(10, 17)
	s := newSampler(&reg, 1, labels)
	asIs, copies := map[int]int{}, map[int]int{}
	ids := map[int]bool{}
	for _, e := range s.epoch(3) {
		ids[e.id] = true
		if e.asIs {
			asIs[e.example]++
		} else {
			copies[e.example]++
		}
	}
	if len(ids) != 10+17+20+17 {
		t.Fatalf("%d entries with ids of their own", len(ids))
	}
	for i, label := range labels {
		if want := []int{2, 1}[label]; asIs[i] != 1 || copies[i] != want {
			t.Errorf("photo %d: %d times as it is, %d copies; want 1 and %d", i, asIs[i], copies[i], want)
		}
	}
}

// A photo with copies beside it is not moved.
func TestPhotosBesideCopiesStayAsTheyAre(t *testing.T) {
	reg := spec.Regime{Augment: spec.Augment{Rotation: 180, Shift: .1, Zoom: .1, Brightness: .5}, MetadataDropout: .5}
	drawn := transforms(&reg, 32, 1, 1, []entry{{id: 3}, {id: 3, asIs: true}})
	if still := (Transform{ZX: 1, ZY: 1}).Affine(32, 32); drawn[1].Affine(32, 32) != still || drawn[1].Brightness != 1 {
		t.Errorf("%+v", drawn[1])
	}
	if drawn[0].Theta == 0 || drawn[0].dropAge != drawn[1].dropAge || drawn[0].dropSex != drawn[1].dropSex {
		t.Errorf("%+v and %+v", drawn[0], drawn[1])
	}
}

func TestBalancedSampling(t *testing.T) {
	reg := spec.Regime{Batch: 16, Sampling: spec.Balanced}
	labels := labelled(50, 0, 5, 0, 0, 945, 0)
	s := newSampler(&reg, 1, labels)
	var seen [ham10000.NumClasses]int
	common, ids := map[int]bool{}, map[int]bool{}
	for _, e := range s.epoch(2) {
		seen[labels[e.example]]++
		ids[e.id] = true
		if labels[e.example] == 5 {
			if common[e.example] {
				t.Fatal("a photo of the common class comes twice before the others were seen")
			}
			common[e.example] = true
		}
	}
	for _, class := range []int{0, 2, 5} {
		if math.Abs(float64(seen[class])-1000.0/3) > 1 {
			t.Errorf("class %d is seen %d times in 1000", class, seen[class])
		}
	}
	if len(ids) != 1000 {
		t.Errorf("%d entries with ids of their own", len(ids))
	}
	if slices.Equal(s.epoch(1), s.epoch(2)) || !slices.Equal(s.epoch(2), newSampler(&reg, 1, labels).epoch(2)) {
		t.Error("the epochs must differ, and depend on nothing but seed and epoch")
	}
}

// Three batches make an update, the rest of the batches the last update of an epoch.
func TestUpdatesOfSteps(t *testing.T) {
	reg := spec.Regime{Batch: 10, Accumulate: 3}
	s := newSampler(&reg, 1, labelled(75)) // 8 steps
	if s.updates() != 3 {
		t.Fatalf("%d updates in 8 steps", s.updates())
	}
	for step, want := range [][2]int{{0, 0}, {0, 0}, {0, 30}, {1, 0}, {1, 0}, {1, 30}, {2, 0}, {2, 15}, {3, 0}, {3, 0}} {
		if got := [2]int{s.update(step), s.imagesOfUpdate(step)}; got != want {
			t.Errorf("step %d: update and its images are %d, want %d", step, got, want)
		}
	}
}

// N/(C*N_i) over the authors' 8,962 training photos (facts 7.2).
func TestBalancedClassWeights(t *testing.T) {
	reg := spec.Regime{ClassWeighting: spec.BalancedWeights}
	want := []float64{4.355, 2.765, 1.306, 12.430, 1.280, .2136, 10.002}
	for i, w := range classWeights(&reg, labelled(294, 463, 980, 103, 1000, 5994, 128)) {
		if math.Abs(w-want[i]) > 6e-4 {
			t.Errorf("class %d: %.4f, want %g", i, w, want[i])
		}
	}
}

// EpochImages counts what the sampler shows, from numbers of photos alone.
func TestEpochImages(t *testing.T) {
	classes := []int{3, 5, 11, 1, 11, 67, 2}
	var labels []int32
	for class, n := range classes {
		for range n {
			labels = append(labels, int32(class))
		}
	}
	for name, reg := range map[string]spec.Regime{
		"plain":    {Batch: 10},
		"divisor":  {Batch: 4, StepsDivisor: 50},
		"copies":   {Batch: 10, Copies: spec.Copies{PerPhoto: 2}},
		"filled":   {Batch: 10, Copies: spec.Copies{PerClass: 30, Batch: 4}},
		"balanced": {Batch: 10, Sampling: spec.Balanced},
	} {
		if got, want := EpochImages(&reg, classes), len(newSampler(&reg, 1, labels).epoch(1)); got != want {
			t.Errorf("%s: %d, the sampler shows %d", name, got, want)
		}
	}
}

func TestFrozenSets(t *testing.T) {
	for want, freeze := range map[int][]spec.Freeze{
		1: {{Layers: spec.Backbone}},
		2: {{Layers: spec.Backbone, Epochs: 3}, {Layers: "block_1_", Epochs: 3}, {Layers: "dense", Epochs: 10}},
		3: {{Layers: spec.Backbone, Epochs: 3}, {Layers: "block_1_", Epochs: 4}},
	} {
		if got := FrozenSets(&spec.Regime{Epochs: 10, Freeze: freeze}); got != want {
			t.Errorf("%v: %d, want %d", freeze, got, want)
		}
	}
}
