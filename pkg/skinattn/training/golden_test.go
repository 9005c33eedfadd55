package training

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/internal/testweights"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// readGolden reads values made by Keras 2.15 (tools/golden/keras/make_training.py).
func readGolden(t *testing.T, name string, into any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

// number is a float64 that JSON has as null where it is no number.
type number float64

func (n *number) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*n = number(math.NaN())
		return nil
	}
	return json.Unmarshal(text, (*float64)(n))
}

func TestAdamEqualsKeras(t *testing.T) {
	var golden struct {
		Cases []struct {
			Name    string
			Beta1   float64 `json:"beta_1"`
			Beta2   float64 `json:"beta_2"`
			Epsilon float64
			Start   []float32
			Steps   []struct {
				LearningRate float64 `json:"learning_rate"`
				Gradient     []float32
				Parameter    []float32
			}
		}
	}
	readGolden(t, "golden_keras_adam.json", &golden)
	for _, c := range golden.Cases {
		t.Run(c.Name, func(t *testing.T) {
			n := len(c.Start)
			variables := []layers.Variable{{Layer: "w", Name: "kernel", Shape: layers.Shape{n}, Trainable: true}}
			store := model.NewStore()
			if err := layers.SetVariable(store, variables[0], c.Start); err != nil {
				t.Fatal(err)
			}
			adam := Adam{Beta1: c.Beta1, Beta2: c.Beta2, Epsilon: c.Epsilon}
			if err := zeros(store, variables, firstMoment, secondMoment); err != nil {
				t.Fatal(err)
			}
			exec := model.MustNewExec(testengine.Open(t).Backend, store, func(_ *model.Scope, gradient, rate *graph.Node) *graph.Node {
				g := gradient.Graph()
				w := store.GetVariable("/w/kernel")
				loss := graph.ReduceAllSum(graph.Mul(gradient, w.NodeValue(g)))
				adam.update(store, w, graph.Gradient(loss, w.NodeValue(g))[0], rate, nil)
				return loss
			})
			for i, step := range c.Steps {
				if _, err := exec.Call1(step.Gradient, float32(adam.rate(step.LearningRate, i+1))); err != nil {
					t.Fatal(err)
				}
				got := tensors.MustCopyFlatData[float32](store.GetVariable("/w/kernel").MustValue())
				for j, want := range step.Parameter {
					if math.Abs(float64(got[j]-want)) > 2e-7 {
						t.Errorf("step %d, parameter %d: %.9g, Keras has %.9g", i+1, j, got[j], want)
					}
				}
			}
		})
	}
}

func TestPlateauEqualsKeras(t *testing.T) {
	var golden struct {
		Cases []struct {
			Name         string
			Start        float64
			Factor       float64
			Patience     int
			MinDelta     float64 `json:"min_delta"`
			Cooldown     int
			MinRate      float64 `json:"min_learning_rate"`
			Values       []number
			LearningRate []float64 `json:"learning_rate_after"`
		}
	}
	readGolden(t, "golden_keras_plateau.json", &golden)
	tested := 0
	for _, c := range golden.Cases {
		if c.Cooldown != 0 { // the authors use none
			continue
		}
		tested++
		rule := spec.Plateau{Factor: c.Factor, Patience: c.Patience, MinDelta: c.MinDelta, LearningRate: c.MinRate}
		var state patience
		rate := c.Start
		for i, loss := range c.Values {
			rate = state.next(rule, float64(loss), rate)
			if math.Abs(rate/c.LearningRate[i]-1) > 1e-6 { // Keras keeps it in float32
				t.Errorf("%s: epoch %d: rate %g, Keras has %g", c.Name, i+1, rate, c.LearningRate[i])
				break
			}
		}
	}
	if tested == 0 {
		t.Error("no case was tested")
	}
}

func TestEarlyStopEqualsKeras(t *testing.T) {
	var golden struct {
		Cases []struct {
			Name       string
			Mode       string
			Patience   int
			MinDelta   float64 `json:"min_delta"`
			Values     []number
			StopsAfter *int `json:"stops_after"`
		}
	}
	readGolden(t, "golden_keras_early_stopping.json", &golden)
	tested := 0
	for _, c := range golden.Cases {
		if c.Patience == 0 {
			continue
		}
		rule := spec.EarlyStop{Patience: c.Patience, MinDelta: c.MinDelta}
		if c.Mode == "max" {
			rule.Monitor = spec.MonitorAccuracy
		}
		tested++
		var state patience
		stopped := 0
		for i, loss := range c.Values {
			if state.stop(rule, float64(loss), float64(loss)) {
				stopped = i + 1
				break
			}
		}
		want := 0
		if c.StopsAfter != nil {
			want = *c.StopsAfter + 1 // Keras counts from 0
		}
		if stopped != want {
			t.Errorf("%s: stops after epoch %d, Keras after %d", c.Name, stopped, want)
		}
	}
	if tested == 0 {
		t.Error("no case was tested")
	}
}

func TestWarpEqualsKeras(t *testing.T) {
	var golden struct {
		Image string
		Size  int
		Cases []struct {
			Theta, TX, TY  float64
			ZX, ZY         *float64
			FlipHorizontal bool `json:"flip_horizontal"`
			FlipVertical   bool `json:"flip_vertical"`
			Pixels         []float64
		}
	}
	readGolden(t, "golden_keras_augment.json", &golden)
	n, size := len(golden.Cases), golden.Size
	photo := keras.FillImage(golden.Image, size)
	pixels := make([]uint8, len(photo))
	for i, v := range photo {
		pixels[i] = uint8(v)
	}
	var matrices []float32
	one := 1.0
	for _, c := range golden.Cases {
		// Keras's x is the column.
		transform := Transform{Theta: -c.Theta, TX: c.TY, TY: c.TX, ZX: *cmp.Or(c.ZY, &one), ZY: *cmp.Or(c.ZX, &one), FlipH: c.FlipHorizontal, FlipV: c.FlipVertical}
		matrix := transform.Affine(size, size)
		matrices = append(matrices, matrix[:]...)
	}
	out, err := graph.CallOnce(testengine.Open(t).Backend, warpTo(size),
		tensors.FromFlatDataAndDimensions(pixels, 1, size, size, 3), make([]int32, n), tensors.FromFlatDataAndDimensions(matrices, n, 6))
	if err != nil {
		t.Fatal(err)
	}
	values := tensors.MustCopyFlatData[float32](out)
	for i, c := range golden.Cases {
		for j, want := range c.Pixels {
			if got := float64(values[i*len(photo)+j]); math.Abs(got-want) > 2e-3 {
				t.Errorf("case %d (theta %g), value %d: %g, Keras has %g", i, c.Theta, j, got, want)
				break
			}
		}
	}
}

// Many draws reach the same bounds as Keras's, and flip as often.
func TestDrawHasKerasRanges(t *testing.T) {
	var golden struct {
		Ranges struct {
			Size, Draws           int
			Theta, TX, TY, ZX, ZY [2]float64
			FlipHorizontal        float64 `json:"flip_horizontal"`
			FlipVertical          float64 `json:"flip_vertical"`
		}
	}
	readGolden(t, "golden_keras_augment.json", &golden)
	want := golden.Ranges
	reg, err := spec.Find("ad/as-printed")
	if err != nil {
		t.Fatal(err)
	}
	entries := make([]entry, want.Draws)
	for i := range entries {
		entries[i].id = i
	}
	drawn := transforms(&reg, want.Size, 1, 1, entries)
	check := func(name string, keras [2]float64, value func(Transform) float64) {
		low, high := math.Inf(1), math.Inf(-1)
		for _, d := range drawn {
			low, high = min(low, value(d)), max(high, value(d))
		}
		if slack := .01 * (keras[1] - keras[0]); math.Abs(low-keras[0]) > slack || math.Abs(high-keras[1]) > slack {
			t.Errorf("%s lies in %g..%g, Keras's in %g..%g", name, low, high, keras[0], keras[1])
		}
	}
	check("theta", want.Theta, func(d Transform) float64 { return d.Theta })
	check("tx", want.TX, func(d Transform) float64 { return d.TX })
	check("ty", want.TY, func(d Transform) float64 { return d.TY })
	check("zx", want.ZX, func(d Transform) float64 { return d.ZX })
	check("zy", want.ZY, func(d Transform) float64 { return d.ZY })
	var h, v float64
	for _, d := range drawn {
		if d.FlipH {
			h += 1 / float64(want.Draws)
		}
		if d.FlipV {
			v += 1 / float64(want.Draws)
		}
	}
	if math.Abs(h-want.FlipHorizontal) > .05 || math.Abs(v-want.FlipVertical) > .05 {
		t.Errorf("flips %g and %g, Keras's %g and %g", h, v, want.FlipHorizontal, want.FlipVertical)
	}
}

// smallNetwork is the network of tools/golden/keras/make_optimizer.py: a convolution, a
// batch norm, a ReLU and the softmax.
func smallNetwork(t *testing.T, size int) (*skinattn.Network, *model.Store) {
	t.Helper()
	g := &layers.Graph{}
	if err := layers.Try(func() {
		x := g.Add(backbone.InputLayer, layers.Input{Dims: layers.Shape{size, size, 3}})
		x = g.Add("conv", layers.Conv2D{Filters: 4, Kernel: [2]int{3, 3}, Stride: 1, Padding: layers.Same}, x)
		x = g.Add("bn", layers.BatchNormalization{Epsilon: 1e-3, Momentum: .99}, x)
		x = g.Add("relu", layers.ReLU{}, x)
		x = g.Add("flat", layers.Flatten{}, x)
		g.Add("dense", layers.Dense{Units: 7, Activation: "softmax"}, x)
	}); err != nil {
		t.Fatal(err)
	}
	store := testweights.Filled(t, g)
	cfg := spec.Network{Size: size, Cut: "relu", Preprocess: imaging.PreprocessTF}
	return &skinattn.Network{Network: cfg, Graph: g, Output: "dense"}, store
}

// smallBatch has the photos "optimizer/<step>/<i>" and labels (step+3i) mod 7.
func smallBatch(size, step, from, to int) Batch {
	var b Batch
	var pixels []uint8
	for i := from; i < to; i++ {
		for _, v := range keras.FillImage(fmt.Sprintf("optimizer/%d/%d", step, i), size) {
			pixels = append(pixels, uint8(v))
		}
		b.Rows = append(b.Rows, int32(i-from))
		b.Labels = append(b.Labels, int32((step+3*i)%7))
		b.Metadata = append(b.Metadata, skinattn.Metadata{Age: 50, Sex: "male", Localization: "back"})
	}
	b.Pixels = tensors.FromFlatDataAndDimensions(pixels, to-from, size, size, 3)
	return b
}

func values(store *model.Store, path string) []float32 {
	return tensors.MustCopyFlatData[float32](store.GetVariable(path).MustValue())
}

func TestTwentyStepsEqualKeras(t *testing.T) {
	var golden struct {
		Size, Batch, Steps int
		ClassWeights       []float64 `json:"class_weights"`
		Runs               []struct {
			Epsilon      float64
			LearningRate float64 `json:"learning_rate"`
			Losses       []float64
			Variables    map[string]struct {
				Norm  float64
				Index []int
				Value []float64
			}
		}
	}
	readGolden(t, "golden_keras_optimizer.json", &golden)
	for _, want := range golden.Runs {
		t.Run(fmt.Sprint("epsilon ", want.Epsilon), func(t *testing.T) {
			net, store := smallNetwork(t, golden.Size)
			reg := spec.Regime{Batch: golden.Batch, LearningRate: want.LearningRate, Beta1: .9, Beta2: .999,
				Epsilon: want.Epsilon, ClassWeights: golden.ClassWeights}
			stepper, err := NewStepper(testengine.Open(t), store, net, &reg, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer stepper.Close()
			for step := range golden.Steps {
				loss, _, err := stepper.Step(smallBatch(golden.Size, step, 0, golden.Batch),
					Position{Epoch: 1, Step: step + 1, Update: step + 1, Rate: want.LearningRate})
				if err != nil {
					t.Fatal(err)
				}
				if math.Abs(loss-want.Losses[step]) > 1e-5*want.Losses[step] {
					t.Errorf("step %d: loss %.8g, Keras has %.8g", step+1, loss, want.Losses[step])
				}
			}
			for name, w := range want.Variables {
				got := values(store, "/"+name)
				for i, index := range w.Index {
					if math.Abs(float64(got[index])-w.Value[i]) > 1e-5 {
						t.Errorf("%s[%d] is %.7g, Keras has %.7g", name, index, got[index], w.Value[i])
					}
				}
			}
		})
	}
}

// The authors' logs (paper_facts 7.1): a metadata run ends patience epochs
// after the one of the lowest validation loss, where no later loss is lower by
// min_delta. The losses between are not in the logs; any series with that
// minimum gives the same end.
func TestRunsEndWhereTheAuthorsDid(t *testing.T) {
	for _, c := range []struct {
		name                  string
		backbone              string
		lowest, epochs        int
		lowestLoss, laterLoss float64
	}{
		{"DenseNet201 LRStrategy", "densenet201", 24, 59, .4159, .4387},
		{"DenseNet201 10split", "densenet201", 20, 55, .4564, .5326},
		{"IRV2 10split", "inception_resnet_v2", 33, 68, .4648, .5643},
		{"ResNet50 10split", "resnet50", 61, 86, .8185, .8185},
		{"ResNet152 15split", "resnet152", 8, 43, 1.1949, 1.1949},
		{"NASNetLarge", "nasnet_large", 27, 62, .5131, .5131},
		{"MobileNetV2", "mobilenet_v2", 31, 66, .5325, .5325},
		{"MobileNetV3Small", "mobilenet_v3_small", 28, 63, .6040, .6040},
		{"MobileNetV3Large -28", "mobilenet_v3_large", 17, 52, .5741, .5741},
		{"NASNetMobile", "nasnet_mobile", 17, 52, .5524, .5524},
	} {
		reg, err := spec.For("md/as-run", c.backbone)
		if err != nil {
			t.Fatal(err)
		}
		var stop patience
		ended := 0
		for epoch := 1; epoch <= reg.Epochs && ended == 0; epoch++ {
			loss := c.lowestLoss + .01*float64(c.lowest-epoch)
			if epoch > c.lowest {
				loss = c.laterLoss
			}
			if stop.stop(reg.EarlyStop, loss, 0) {
				ended = epoch
			}
		}
		if ended != c.epochs {
			t.Errorf("%s: ends after epoch %d, the authors' after %d", c.name, ended, c.epochs)
		}
	}
}

// The ladder in the authors' logs: 1e-3, 2e-4, 4e-5, 8e-6, 1.6e-6, 3.2e-7, 1e-7.
func TestLadderOfTheLearningRate(t *testing.T) {
	reg, err := spec.For("md/as-run", "densenet201")
	if err != nil {
		t.Fatal(err)
	}
	var plateau patience
	rate := reg.LearningRate
	ladder := []float64{rate}
	for range 60 {
		if next := plateau.next(reg.Plateau, .5, rate); next != rate {
			rate = next
			ladder = append(ladder, rate)
		}
	}
	want := []float64{1e-3, 2e-4, 4e-5, 8e-6, 1.6e-6, 3.2e-7, 1e-7}
	if len(ladder) != len(want) {
		t.Fatalf("the ladder is %g", ladder)
	}
	for i := range want {
		if math.Abs(ladder[i]/want[i]-1) > 1e-9 {
			t.Errorf("rung %d is %g, in the logs %g", i, ladder[i], want[i])
		}
	}
}
