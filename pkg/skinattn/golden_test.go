package skinattn

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// The golden files are what Keras 2.15 computes in float64 for the authors'
// network with all tensors filled by keras.FillByName; tools/golden makes them.
type golden struct {
	Size       int
	Parameters struct {
		Total, Trainable int
		Layers           map[string]int
	}
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
// name. The generated images are fed as they are, hence rgb.
func goldenNetwork(t *testing.T, g golden) (*Network, *model.Store) {
	t.Helper()
	cfg, err := DefaultConfig("mobilenet_v2")
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
	store := model.NewStore()
	for _, v := range net.Graph.Variables() {
		if err := layers.SetVariable(store, v, keras.FillByName(v.Layer+"/"+v.Name, v.Shape)); err != nil {
			t.Fatal(err)
		}
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

var testEngine = func() *engine.Engine {
	eng, err := engine.Open(context.Background(), "", engine.Options{Log: func(line string) { fmt.Fprintln(os.Stderr, line) }})
	if err != nil {
		panic(err)
	}
	return eng
}()

// wrong constants or pads move the logits by 8e-5 and more (measured), Keras's
// own float32 by 1e-5.
const forwardTolerance = 3e-5

func TestForwardEqualsKeras(t *testing.T) {
	for _, size := range []int{64, 100, 128, 224} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			if size > 128 && testEngine.Kind == engine.Go {
				t.Skip("the pure Go engine takes minutes at this size")
			}
			g := readGolden(t, fmt.Sprintf("golden_mobilenet_v2_%d.json", size))
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
			images, metadata := g.inputs()
			exec, err := model.NewExec(testEngine.Backend, store, func(_ *model.Scope, pixels, encoded *graph.Node) []*graph.Node {
				out := net.Forward(&layers.Builder{Store: store}, pixels, encoded)
				results := []*graph.Node{out[net.Cut], out[layers.MapsOf(AttentionLayer)], out[layers.LogitsOf(net.Output)], out[net.Output]}
				for _, s := range g.Stages {
					name := s.Layer
					if ours, ok := kerasPooling[name]; ok {
						name = ours
					}
					results = append(results, graph.Slice(out[name], graph.AxisRange(0, 1)))
				}
				return results
			})
			if err != nil {
				t.Fatal(err)
			}
			results, err := exec.Call(batchTensor(images, g.Size), metadataTensor(metadata))
			if err != nil {
				t.Fatal(err)
			}
			flat := make([][]float32, len(results))
			for i, r := range results {
				flat[i] = tensors.MustCopyFlatData[float32](r)
			}
			n := len(images)
			for i, c := range g.Cases {
				part := func(values []float32) []float32 { return row(values, i, len(values)/n) }
				c.Features.check(t, c.Image+" features", part(flat[0]), forwardTolerance)
				heads := part(flat[1])
				c.Heads.check(t, c.Image+" heads", heads, forwardTolerance)
				sum := make([]float32, len(heads)/attentionHeads)
				for j, v := range heads {
					sum[j%len(sum)] += v
				}
				compare(t, c.Image+" attention", sum, c.Attention, forwardTolerance)
				compare(t, c.Image+" logits", part(flat[2]), c.Logits, forwardTolerance)
				compare(t, c.Image+" probabilities", part(flat[3]), c.Probabilities, forwardTolerance)
			}
			for i, s := range g.Stages {
				got := results[4+i].Shape().Dimensions[1:]
				if fmt.Sprint(got) != fmt.Sprint(s.Shape) {
					t.Errorf("%s has shape %v, Keras has %v", s.Layer, got, s.Shape)
				}
			}
		})
	}
}

// kerasPooling maps Keras's automatic names to ours.
var kerasPooling = map[string]string{
	"max_pooling2d": "attention_pool", "max_pooling2d_1": "feature_pool", "concatenate": "attention_concat",
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

// Keras's own float32 gradients are up to 1.7e-5 away from its float64 ones.
const gradientTolerance = 2e-4

func TestTrainingStepEqualsKeras(t *testing.T) {
	if testEngine.Kind == engine.Go {
		t.Skip("the pure Go engine is too slow for a training step of this network")
	}
	g := readGolden(t, "golden_mobilenet_v2_train_64.json")
	net, store := goldenNetwork(t, g)
	for _, layer := range g.BetaShift.Layers {
		beta := store.GetVariable("/" + layer + "/beta")
		values := tensors.MustCopyFlatData[float32](beta.MustValue())
		for i := range values {
			values[i] += g.BetaShift.By
		}
		if err := beta.SetValue(tensors.FromFlatDataAndDimensions(values, len(values))); err != nil {
			t.Fatal(err)
		}
	}
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
	exec, err := model.NewExec(testEngine.Backend, store, func(_ *model.Scope, pixels, encoded *graph.Node) []*graph.Node {
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
		compare(t, fmt.Sprintf("logits of image %d", i), row(logits, i, ham10000.NumClasses), want, forwardTolerance)
	}
	g.Features.check(t, "features", tensors.MustCopyFlatData[float32](results[2]), forwardTolerance)
	for i, name := range names {
		g.Gradients[name].check(t, "gradient of "+name, tensors.MustCopyFlatData[float32](results[3+i]), gradientTolerance)
	}
	for layer, want := range g.MovingAverages {
		for name, values := range map[string][]float64{"moving_mean": want.Mean, "moving_variance": want.Variance} {
			compare(t, layer+"/"+name, tensors.MustCopyFlatData[float32](store.GetVariable("/"+layer+"/"+name).MustValue()), values, forwardTolerance)
		}
	}
}
