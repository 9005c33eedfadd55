package skinattn

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/internal/testlong"
	"github.com/skinattn/skinattn/internal/testweights"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// The golden files were computed by Keras 2.15 in float64 for the authors'
// networks with all tensors filled by keras.FillByName; tools/golden makes them.
type golden struct {
	Network    string
	Size       int
	Parameters struct {
		Total, Trainable int
		Layers           map[string]int
	}
	GammaScales []struct {
		By     float32
		Layers []string
	} `json:"gamma_scales"`
	Stages []struct {
		Layer     string
		Shape     []int
		Mean, Std float64
	}
	Cases []struct {
		Image, Sex, Localization, Label  string
		Age                              float64
		Features, Heads                  summary
		Attention, Logits, Probabilities []float64
	}
	// of a training step
	ClassWeights []float64 `json:"class_weights"`
	BetaShift    struct {
		By     float32
		Layers []string
	} `json:"beta_shift"`
	Features       summary
	Logits         [][]float64
	Loss           float64
	Gradients      map[string]summary
	MovingAverages map[string]struct {
		Mean     []float64 `json:"moving_mean"`
		Variance []float64 `json:"moving_variance"`
	} `json:"moving_averages"`
	// KerasError is how far Keras in float32 is from the values.
	KerasError struct {
		Features, Attention, Logits, Probabilities float64
		Gradients                                  map[string]float64
	} `json:"keras_float32_error"`
}

// summary is a tensor's shape, statistics and values at some flat indices.
type summary struct {
	Shape           []int
	Mean, Std, Norm float64
	Index           []int
	Value           []float64
}

func readGolden(t *testing.T, name string) golden {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// goldenNetwork is the network of a golden file with its tensors filled by
// name. The generated images are fed as they are, hence rgb, but scaled as in the
// metadata regime.
func goldenNetwork(t *testing.T, g golden) (*Network, *model.Store) {
	t.Helper()
	cfg, err := AuthorsNetwork(g.Network, spec.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Size, cfg.ChannelOrder = g.Size, "rgb"
	if g.Gradients != nil {
		cfg.Dropout = 0
	}
	net, err := NewNetwork(cfg)
	if err != nil {
		t.Fatal(err)
	}
	store := testweights.Filled(t, net.Graph)
	for _, scale := range g.GammaScales {
		for _, layer := range scale.Layers {
			testweights.Change(t, store, layer+"/gamma", func(v float32) float32 { return v * scale.By })
		}
	}
	for _, layer := range g.BetaShift.Layers {
		testweights.Change(t, store, layer+"/beta", func(v float32) float32 { return v + g.BetaShift.By })
	}
	return net, store
}

func (g golden) inputs() (images [][]uint8, metadata []Metadata) {
	for _, c := range g.Cases {
		values := keras.FillImage(c.Image, g.Size)
		pixels := make([]uint8, len(values))
		for i, v := range values {
			pixels[i] = uint8(v)
		}
		images = append(images, pixels)
		metadata = append(metadata, Metadata{c.Age, c.Sex, c.Localization})
	}
	return images, metadata
}

// compare asks that the largest difference is below tolerance times the spread
// of the wanted values.
func compare(t *testing.T, what string, got []float32, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", what, len(got), len(want))
		return
	}
	var mean, square, worst float64
	for _, v := range want {
		mean += v / float64(len(want))
	}
	for i, v := range want {
		square += (v - mean) * (v - mean) / float64(len(want))
		worst = max(worst, math.Abs(float64(got[i])-v))
	}
	if spread := math.Sqrt(square); !(worst <= tolerance*spread) {
		t.Errorf("%s: off by %.3g of the spread, allowed %.3g", what, worst/spread, tolerance)
	}
}

// check compares the sampled values against the spread of the tensor (or of the
// samples, where most of the tensor is 0), and the norm of all.
func (s summary) check(t *testing.T, what string, got []float32, tolerance float64) {
	t.Helper()
	size, square := 1, 0.0
	for _, v := range s.Value {
		square += v * v / float64(len(s.Value))
	}
	spread := max(s.Std, math.Sqrt(square))
	for _, dim := range s.Shape {
		size *= dim
	}
	if len(got) != size {
		t.Errorf("%s: %d values, want shape %v", what, len(got), s.Shape)
		return
	}
	var worst, norm float64
	for i, index := range s.Index {
		worst = max(worst, math.Abs(float64(got[index])-s.Value[i]))
	}
	for _, v := range got {
		norm += float64(v) * float64(v)
	}
	norm = math.Sqrt(norm)
	if !(worst <= tolerance*spread) {
		t.Errorf("%s: off by %.3g of the spread, allowed %.3g", what, worst/spread, tolerance)
	}
	if !(math.Abs(norm-s.Norm) <= tolerance*s.Norm) {
		t.Errorf("%s: norm %.9g, want %.9g", what, norm, s.Norm)
	}
}

// Wrong constants or pads move the logits by 8e-5 and more (measured), Keras's
// own float32 by 1e-5. What rounding alone moves further, such as attention maps
// that are almost flat, may be a few times as far off as Keras is.
const forwardTolerance = 3e-5

func tolerance(kerasError float64) float64 { return max(forwardTolerance, 4*kerasError) }

// goldenFiles are the golden files whose names match the pattern, by the name of
// their network.
func goldenFiles(t *testing.T, pattern string) map[string][]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]string{}
	for _, path := range paths {
		g := readGolden(t, filepath.Base(path))
		files[g.Network] = append(files[g.Network], filepath.Base(path))
	}
	return files
}

// Every network at its own size and a small one. XLA compiles networks of many
// layers for a minute; these are tested at their own size in the long form.
func TestForwardEqualsKeras(t *testing.T) {
	files := goldenFiles(t, "golden_*[a-z0-9]_[0-9]*.json")
	for _, b := range backbone.Table {
		whole, err := b.Graph(0)
		if err != nil {
			t.Fatal(err)
		}
		own, small := false, false
		for _, file := range files[b.Name] {
			g := readGolden(t, file)
			if g.Gradients != nil {
				continue
			}
			own, small = own || g.Size == b.Input, small || g.Size <= 128
			t.Run(strings.TrimSuffix(strings.TrimPrefix(file, "golden_"), ".json"), func(t *testing.T) {
				testlong.Skip(t, g.Size > 128 && len(whole.Layers()) > 300)
				if g.Size > 128 && testengine.Open(t).Kind == engine.Go {
					t.Skip("the pure Go engine takes minutes at this size")
				}
				checkForward(t, g)
			})
		}
		if !own || !small {
			t.Errorf("%s has no golden file at its own size or none of at most 128 px: tools/golden/keras/make_network.py %s", b.Name, b.Name)
		}
	}
}

// checkForward compares the network of a golden file with it.
func checkForward(t *testing.T, g golden) {
	net, store := goldenNetwork(t, g)
	total, trainable := net.Graph.Parameters()
	if total != g.Parameters.Total || trainable != g.Parameters.Trainable {
		t.Errorf("%d parameters, %d trainable; Keras has %d and %d", total, trainable, g.Parameters.Total, g.Parameters.Trainable)
	}
	byLayer := map[string]int{}
	for _, v := range net.Graph.Variables() {
		byLayer[v.Layer] += v.Shape.Size()
	}
	for layer, want := range g.Parameters.Layers {
		if byLayer[layer] != want {
			t.Errorf("layer %s has %d parameters, Keras has %d", layer, byLayer[layer], want)
		}
	}
	results := forward(t, net, store, g, func(out map[string]*graph.Node) []*graph.Node {
		results := []*graph.Node{out[net.Cut], out[layers.MapsOf(AttentionLayer)], out[layers.LogitsOf(net.Output)], out[net.Output]}
		for _, s := range g.Stages {
			results = append(results, graph.Slice(out[s.Layer], graph.AxisRange(0, 1)))
		}
		return results
	})
	flat := make([][]float32, len(results))
	for i, r := range results {
		flat[i] = tensors.MustCopyFlatData[float32](r)
	}
	checkOutputs(t, g, flat)
	for i, s := range g.Stages {
		got := results[4+i].Shape().Dimensions[1:]
		if fmt.Sprint(got) != fmt.Sprint(s.Shape) {
			t.Errorf("%s has shape %v, Keras has %v", s.Layer, got, s.Shape)
		}
		if mean, std := moments(flat[4+i]); math.Abs(mean-s.Mean) > 1e-4*s.Std || math.Abs(std-s.Std) > 1e-4*s.Std {
			t.Errorf("%s has mean %g and deviation %g, Keras has %g and %g", s.Layer, mean, std, s.Mean, s.Std)
		}
	}
}

// checkOutputs compares features, Soft-Attention's maps, logits and probabilities of all cases with those of a golden file.
func checkOutputs(t *testing.T, g golden, flat [][]float32) {
	t.Helper()
	n := len(g.Cases)
	for i, c := range g.Cases {
		part := func(values []float32) []float32 { return row(values, i, len(values)/n) }
		c.Features.check(t, c.Image+" features", part(flat[0]), tolerance(g.KerasError.Features))
		heads := part(flat[1])
		c.Heads.check(t, c.Image+" heads", heads, tolerance(g.KerasError.Attention))
		sum := make([]float32, len(heads)/attentionHeads)
		for j, v := range heads {
			sum[j%len(sum)] += v
		}
		compare(t, c.Image+" attention", sum, c.Attention, tolerance(g.KerasError.Attention))
		compare(t, c.Image+" logits", part(flat[2]), c.Logits, tolerance(g.KerasError.Logits))
		compare(t, c.Image+" probabilities", part(flat[3]), c.Probabilities, tolerance(g.KerasError.Probabilities))
	}
}

// forward computes outputs of a network for the cases of a golden file.
func forward(t *testing.T, net *Network, store *model.Store, g golden, outputs func(map[string]*graph.Node) []*graph.Node) []*tensors.Tensor {
	t.Helper()
	images, metadata := g.inputs()
	build := func(pixels, encoded *graph.Node) []*graph.Node {
		return outputs(net.Forward(&layers.Builder{Store: store}, pixels, encoded))
	}
	exec, err := model.NewExec(testengine.Open(t).Backend, store, func(_ *model.Scope, pixels, encoded *graph.Node) []*graph.Node { return build(pixels, encoded) })
	if err != nil {
		t.Fatal(err)
	}
	results, err := exec.Call(batchTensor(images, g.Size), metadataTensor(metadata))
	if err != nil {
		t.Fatal(err)
	}
	return results
}

func moments(values []float32) (mean, deviation float64) {
	for _, v := range values {
		mean += float64(v) / float64(len(values))
	}
	for _, v := range values {
		deviation += (float64(v) - mean) * (float64(v) - mean) / float64(len(values))
	}
	return mean, math.Sqrt(deviation)
}

func batchTensor(images [][]uint8, size int) *tensors.Tensor {
	var flat []uint8
	for _, image := range images {
		flat = append(flat, image...)
	}
	return tensors.FromFlatDataAndDimensions(flat, len(images), size, size, 3)
}

func metadataTensor(rows []Metadata) *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(EncodeMetadata(rows), len(rows), MetadataWidth)
}

// The variants of the head, on the first blocks of MobileNetV2.
func TestVariantsEqualKeras(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "golden_variants.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		golden
		Cut      string
		Variants []struct {
			Name       string
			Config     json.RawMessage // fields of a spec.Network
			Total      int
			Logits     [][]float64
			KerasError float64 `json:"keras_float32_error"`
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Variants {
		t.Run(v.Name, func(t *testing.T) {
			cfg, err := AuthorsNetwork(file.Network, spec.Metadata)
			if err != nil {
				t.Fatal(err)
			}
			cfg.Size, cfg.ChannelOrder, cfg.Cut = file.Size, "rgb", file.Cut
			if err := json.Unmarshal(v.Config, &cfg); err != nil {
				t.Fatal(err)
			}
			net, err := NewNetwork(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if total, _ := net.Graph.Parameters(); total != v.Total {
				t.Errorf("%d parameters, Keras has %d", total, v.Total)
			}
			results := forward(t, net, testweights.Filled(t, net.Graph), file.golden, func(out map[string]*graph.Node) []*graph.Node {
				return []*graph.Node{out[layers.LogitsOf(net.Output)]}
			})
			logits := tensors.MustCopyFlatData[float32](results[0])
			for i, want := range v.Logits {
				compare(t, fmt.Sprintf("logits of image %d", i), row(logits, i, ham10000.NumClasses), want, tolerance(v.KerasError))
			}
		})
	}
}

// Keras's own float32 gradients are up to 1.7e-5 away from its float64 ones.
const gradientTolerance = 2e-4

// Batch statistics of a few images at a few positions amplify rounding.
const trainingTolerance = 1e-4

// One network of each paper at least; except the quickest, in the long form.
func TestTrainingStepEqualsKeras(t *testing.T) {
	files := goldenFiles(t, "golden_*_train_*.json")
	tested := map[string]bool{} // by paper
	for _, b := range backbone.Table {
		for _, file := range files[b.Name] {
			tested[b.Paper.URL] = true
			t.Run(strings.TrimSuffix(strings.TrimPrefix(file, "golden_"), ".json"), func(t *testing.T) {
				testlong.Skip(t, b.Name != "mobilenet_v2")
				if testengine.Open(t).Kind == engine.Go {
					t.Skip("the pure Go engine is too slow for a training step of these networks")
				}
				checkTraining(t, readGolden(t, file))
			})
		}
	}
	for _, b := range backbone.Table {
		if !tested[b.Paper.URL] {
			t.Errorf("no golden training step for %s or another network of its paper: add it to TRAINING of tools/golden/keras/make_network.py and run it with --training %s", b.Name, b.Name)
		}
	}
}

// checkTraining compares a training step with a golden file.
func checkTraining(t *testing.T, g golden) {
	net, store := goldenNetwork(t, g)
	var names []string
	for name := range g.Gradients {
		names = append(names, name)
	}
	labels := make([]int32, len(g.Cases))
	weights := make([]float32, len(g.Cases))
	for i, c := range g.Cases {
		class, err := ham10000.ClassIndex(c.Label)
		if err != nil {
			t.Fatal(err)
		}
		labels[i], weights[i] = int32(class), float32(g.ClassWeights[class])
	}
	exec, err := model.NewExec(testengine.Open(t).Backend, store, func(_ *model.Scope, pixels, encoded *graph.Node) []*graph.Node {
		out := net.Forward(&layers.Builder{Store: store, Training: true}, pixels, encoded)
		logits := out[layers.LogitsOf(net.Output)]
		truth := graph.OneHot(graph.Const(logits.Graph(), labels), ham10000.NumClasses, dtypes.Float32)
		loss := graph.Neg(graph.ReduceSum(graph.Mul(truth, graph.LogSoftmax(logits, -1)), -1))
		loss = graph.ReduceAllMean(graph.Mul(loss, graph.Const(logits.Graph(), weights)))
		var values []*graph.Node
		for _, name := range names {
			values = append(values, store.GetVariable("/"+name).NodeValue(logits.Graph()))
		}
		return append([]*graph.Node{loss, logits, out[net.Cut]}, graph.Gradient(loss, values...)...)
	})
	if err != nil {
		t.Fatal(err)
	}
	images, metadata := g.inputs()
	results, err := exec.Call(batchTensor(images, g.Size), metadataTensor(metadata))
	if err != nil {
		t.Fatal(err)
	}
	if loss := float64(tensors.ToScalar[float32](results[0])); math.Abs(loss/g.Loss-1) > 1e-5 {
		t.Errorf("loss %.9g, Keras has %.9g", loss, g.Loss)
	}
	logits := tensors.MustCopyFlatData[float32](results[1])
	for i, want := range g.Logits {
		compare(t, fmt.Sprintf("logits of image %d", i), row(logits, i, ham10000.NumClasses), want, tolerance(g.KerasError.Logits))
	}
	g.Features.check(t, "features", tensors.MustCopyFlatData[float32](results[2]), trainingTolerance)
	for i, name := range names {
		g.Gradients[name].check(t, "gradient of "+name, tensors.MustCopyFlatData[float32](results[3+i]), max(gradientTolerance, 10*g.KerasError.Gradients[name]))
	}
	for layer, want := range g.MovingAverages {
		for name, values := range map[string][]float64{"moving_mean": want.Mean, "moving_variance": want.Variance} {
			compare(t, layer+"/"+name, tensors.MustCopyFlatData[float32](store.GetVariable("/"+layer+"/"+name).MustValue()), values, trainingTolerance)
		}
	}
}
