package skinattn

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/internal/testweights"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// With views the probabilities are the mean of the single views' probabilities.
func TestPredictViews(t *testing.T) {
	cfg := mustConfig(t, spec.Metadata, "mobilenet_v2")
	cfg.Cut, cfg.Size, cfg.Views = "block_1_depthwise", 32, 3 // an early cut compiles in seconds
	net, err := NewNetwork(cfg)
	if err != nil {
		t.Fatal(err)
	}
	store := testweights.Filled(t, net.Graph)
	m, err := NewModel(testengine.Open(t).Backend, net, store, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	photos := [][]float32{keras.FillImage("one", 32), keras.FillImage("two", 32)}
	images := Floats(len(photos), func(i int, dst []float32) { copy(dst, photos[i]) })
	metadata := []Metadata{{Age: 30, Sex: "male", Localization: "back"}, {Age: 70, Sex: "female", Localization: "face"}}
	predict := func(images Images) []Prediction {
		t.Helper()
		p, err := m.Predict(t.Context(), Request{Images: images, Metadata: metadata})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	var told [][2]int
	got, err := m.PredictViews(t.Context(), Request{Images: images, Metadata: metadata, Attention: true,
		Progress: func(done, total int) { told = append(told, [2]int{done, total}) }})
	if err != nil {
		t.Fatal(err)
	}
	upright := predict(images)
	views := [][]Prediction{}
	for view, degrees := range []float64{60, 180, 300} {
		views = append(views, predict(Floats(len(photos), func(i int, dst []float32) { imaging.Turn(dst, photos[i], 32, degrees, view == 1) })))
	}
	for i, p := range got {
		for k, probability := range p.Probabilities {
			mean := (views[0][i].Probabilities[k] + views[1][i].Probabilities[k] + views[2][i].Probabilities[k]) / 3
			if math.Abs(float64(probability-mean)) > 1e-6 {
				t.Errorf("photo %d, class %d: %g, the mean over the views is %g", i, k, probability, mean)
			}
			if math.Abs(math.Exp(float64(p.Logits[k]))-float64(mean)) > 1e-6 {
				t.Errorf("photo %d, class %d: logit %g of probability %g", i, k, p.Logits[k], mean)
			}
		}
		if slices.Equal(p.Probabilities, upright[i].Probabilities) {
			t.Error("the views change nothing")
		}
		if p.Attention != nil {
			t.Error("attention maps of what no view saw")
		}
	}
	sweepEqualsViews(t, m, photos[0], metadata)
	m.Views = 0
	if !slices.Equal(told, [][2]int{{4, 6}, {6, 6}}) {
		t.Errorf("progress was told as %v", told)
	}
	plain, err := m.PredictViews(t.Context(), Request{Images: images, Metadata: metadata, Attention: true})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(plain[0].Probabilities, upright[0].Probabilities) {
		t.Error("without views the prediction is not that of the photo as it is")
	}
	if rows := m.AttentionShape(); len(plain[0].Attention) != rows[0]*rows[1]*rows[2] || upright[0].Attention != nil {
		t.Errorf("%d values of attention where it is asked for, %d where it is not", len(plain[0].Attention), len(upright[0].Attention))
	}
	if _, err := m.Predict(t.Context(), Request{Images: images}); err == nil || !strings.Contains(err.Error(), "2 images have 0 entries of metadata") {
		t.Errorf("without metadata: %v", err)
	}
}

// Photos of bytes and the same photos as floats have views of the same bits, whole and by rows, in
// whatever order they are read.
func TestViewsOfBytes(t *testing.T) {
	for _, n := range []*Network{
		{Network: spec.Network{Size: 24, Oversample: 1.5, Views: 8}}, {Network: spec.Network{Size: 24, Views: 3}},
		{Network: spec.Network{Size: 24, Oversample: 1.5}}, {Network: spec.Network{Size: 24}},
	} {
		size := n.PhotoSize()
		photo := func(i int) []uint8 {
			pixels := make([]uint8, 3*size*size)
			for k := range pixels {
				pixels[k] = uint8(k*k + 31*i*k)
			}
			return pixels
		}
		ofBytes := n.NewViews().of(Bytes(3, photo))
		ofFloats := n.NewViews().of(Floats(3, func(i int, dst []float32) { imaging.RGBOrder.Floats(dst, photo(i)) }))
		got, want := make([]float32, 24*24*3), make([]float32, 24*24*3)
		for _, i := range []int{0, 1, ofBytes.Len() - 1, 0} {
			ofFloats.Floats(i, want)
			ofBytes.Floats(i, got)
			if !slices.Equal(got, want) {
				t.Errorf("%d views: image %d differs", n.Views, i)
			}
			for _, images := range []Images{ofBytes, ofFloats} {
				clear(got)
				images.views.read(0, ofBytes.Len())
				for row := range 24 {
					images.views.writeRow(i, row, got[3*24*row:][:3*24])
				}
				if !slices.Equal(got, want) {
					t.Errorf("%d views: rows of image %d differ", n.Views, i)
				}
			}
		}
	}
}

// sweepEqualsViews checks that a sweep gives the predictions of one photo for each patient.
func sweepEqualsViews(t *testing.T, m *Model, photo []float32, patients []Metadata) {
	t.Helper()
	want, err := m.PredictViews(t.Context(), Request{Metadata: patients,
		Images: Floats(len(patients), func(_ int, dst []float32) { copy(dst, photo) })})
	if err != nil {
		t.Fatal(err)
	}
	sweeper, err := m.NewSweeper()
	if err != nil {
		t.Fatal(err)
	}
	defer sweeper.Close()
	got, err := sweeper.Sweep(t.Context(), photo, patients)
	if err != nil || len(got) != len(patients) {
		t.Fatalf("%d predictions, %v", len(got), err)
	}
	for i, p := range want {
		for k, probability := range p.Probabilities {
			if math.Abs(float64(probability-got[i][k])) > 1e-6 {
				t.Errorf("patient %d, class %d: %g in a sweep, %g alone", i, k, got[i][k], probability)
			}
		}
	}
	if slices.Equal(got[0], got[1]) {
		t.Error("the patient changes nothing")
	}
}
