package infer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/simd"
	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// trial is a small network with random weights and inputs.
type trial struct {
	graph   *layers.Graph
	weights map[string][]float32
	outputs []string
	images  int
	inputs  map[string][]float32
	slack   float64 // of values far smaller than what they are sums of
}

// newTrial draws weights and inputs; variances are positive.
func newTrial(r *rand.Rand, g *layers.Graph, images int, outputs ...string) trial {
	t := trial{graph: g, weights: map[string][]float32{}, outputs: outputs, images: images, inputs: map[string][]float32{}}
	for _, v := range g.Variables() {
		values := normal(r, v.Shape.Size())
		for i, value := range values {
			switch {
			case strings.HasSuffix(v.Name, "variance"):
				values[i] = .5 + value*value
			case strings.Contains(v.Name, "kernel"):
				values[i] = value / float32(math.Sqrt(float64(max(1, v.Shape.Size()/v.Shape[len(v.Shape)-1]))))
			}
		}
		t.weights[v.Path()] = values
	}
	for _, layer := range g.Layers() {
		if in, ok := layer.Op.(layers.Input); ok {
			t.inputs[layer.Name] = normal(r, images*in.Dims.Size())
		}
	}
	return t
}

func normal(r *rand.Rand, n int) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(r.NormFloat64())
	}
	return values
}

func (tr trial) weight(path string) ([]float32, error) {
	if tr.weights[path] == nil {
		return nil, fmt.Errorf("no variable %s", path)
	}
	return slices.Clone(tr.weights[path]), nil
}

// engine computes the outputs with GoMLX's pure Go engine.
func (tr trial) engine(t *testing.T) [][]float32 {
	t.Helper()
	store := model.NewStore()
	for _, v := range tr.graph.Variables() {
		if err := layers.SetVariable(store, v, slices.Clone(tr.weights[v.Path()])); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	var values []any
	for _, layer := range tr.graph.Layers() {
		if in, ok := layer.Op.(layers.Input); ok {
			names = append(names, layer.Name)
			values = append(values, tensors.FromFlatDataAndDimensions(slices.Clone(tr.inputs[layer.Name]), append([]int{tr.images}, in.Dims...)...))
		}
	}
	exec, err := model.NewExec(testengine.Named(t, engine.Go).Backend, store, func(_ *model.Scope, in []*graph.Node) []*graph.Node {
		nodes := map[string]*graph.Node{}
		for i, name := range names {
			nodes[name] = in[i]
		}
		out := (&layers.Builder{Store: store}).Build(tr.graph, nodes)
		var results []*graph.Node
		for _, name := range tr.outputs {
			results = append(results, out[name])
		}
		return results
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	results, err := exec.Call(values...)
	if err != nil {
		t.Fatal(err)
	}
	var flat [][]float32
	for _, result := range results {
		flat = append(flat, tensors.MustCopyFlatData[float32](result))
	}
	return flat
}

// compile makes the trial's plan.
func (tr trial) compile(t testing.TB, level simd.Level, threads int) *Plan {
	t.Helper()
	plan, err := Compile(tr.graph, tr.weight, tr.outputs, Options{Level: level, Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	plan.poison = true
	return plan
}

// run computes images from..to, whose outputs have the given sizes.
func (tr trial) run(t testing.TB, plan *Plan, from, to int) [][]float32 {
	t.Helper()
	inputs := map[string]Input{}
	for name, values := range tr.inputs {
		size := len(values) / tr.images
		inputs[name] = Input{Floats: values[from*size : to*size]}
	}
	results := make([][]float32, len(tr.outputs))
	for i := range results {
		results[i] = make([]float32, (to-from)*plan.outputs[i].size())
	}
	if err := plan.Run(context.Background(), to-from, inputs, results); err != nil {
		t.Fatal(err)
	}
	return results
}

// near fails unless got is want but for rounding, measured by the spread of want, and the slack.
func near(t *testing.T, what string, got, want []float32, slack float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", what, len(got), len(want))
		return
	}
	var square, worst float64
	for i := range want {
		square += float64(want[i]) * float64(want[i]) / float64(len(want))
		if d := math.Abs(float64(got[i]) - float64(want[i])); !(d <= worst) {
			worst = d
		}
	}
	// Small probabilities are off by the roundings of the engine's own float32 softmax.
	if !(worst <= 2e-5*math.Sqrt(square)+2e-7+slack) {
		t.Errorf("%s: off by %g, values are %.3g", what, worst, math.Sqrt(square))
	}
}

// check compares a trial with the engine, and its bits at every level, with one and several threads, and image by image.
func (tr trial) check(t *testing.T) {
	t.Helper()
	want := tr.engine(t)
	var bits [][]float32
	for _, level := range simd.Levels() {
		for _, threads := range []int{1, 2, 3} {
			what := fmt.Sprintf("%v, %d threads", level, threads)
			plan := tr.compile(t, level, threads)
			got := tr.run(t, plan, 0, tr.images)
			if bits == nil {
				for i := range want {
					near(t, tr.outputs[i]+" by "+what, got[i], want[i], tr.slack)
				}
				bits = got
			}
			same := func(how string, got [][]float32, image int) {
				t.Helper()
				for i := range got {
					all := bits[i]
					if image >= 0 {
						size := len(all) / tr.images
						all = all[image*size : (image+1)*size]
					}
					if !slices.Equal(got[i], all) {
						t.Errorf("%s by %s%s has other bits than by %v", tr.outputs[i], what, how, simd.Levels()[0])
					}
				}
			}
			same("", got, -1)
			for image := range tr.images {
				same(", one image", tr.run(t, plan, image, image+1), image)
			}
		}
	}
}

func addAll(t *testing.T, build func(g *layers.Graph)) *layers.Graph {
	t.Helper()
	g := &layers.Graph{}
	if err := layers.Try(func() { build(g) }); err != nil {
		t.Fatal(err)
	}
	return g
}

var bn = layers.BatchNormalization{Epsilon: 1e-3}

// Every operation by itself, at sizes with and without remainders, equals its graph on the engine.
func TestOpsEqualEngine(t *testing.T) {
	type op struct {
		name string
		op   layers.Op
	}
	var ops []op
	for _, c := range []layers.Conv2D{
		{Filters: 5, Kernel: [2]int{1, 1}, Stride: 1, Padding: layers.Same},
		{Filters: 40, Kernel: [2]int{3, 3}, Stride: 1, Padding: layers.Same, Bias: true},
		{Filters: 16, Kernel: [2]int{3, 3}, Stride: 2, Padding: layers.Same},
		{Filters: 17, Kernel: [2]int{3, 3}, Stride: 2, Padding: layers.Valid, Bias: true},
		{Filters: 9, Kernel: [2]int{1, 7}, Stride: 1, Padding: layers.Same},
		{Filters: 9, Kernel: [2]int{7, 1}, Stride: 1, Padding: layers.Same},
		{Filters: 8, Kernel: [2]int{1, 1}, Stride: 2, Padding: layers.Valid},
		{Filters: 8, Kernel: [2]int{5, 5}, Stride: 1, Padding: layers.Valid},
	} {
		ops = append(ops, op{fmt.Sprintf("Conv2D %v", c), c}, op{fmt.Sprintf("ConvReLU %v", c), backbone.ConvReLU{Conv2D: c}})
	}
	for _, size := range []int{3, 5, 7} {
		for _, stride := range []int{1, 2} {
			for _, padding := range []string{layers.Same, layers.Valid} {
				ops = append(ops, op{fmt.Sprintf("DepthwiseConv2D %d/%d %s", size, stride, padding), layers.DepthwiseConv2D{Kernel: [2]int{size, size}, Stride: stride, Padding: padding}},
					op{fmt.Sprintf("SeparableConv2D %d/%d %s", size, stride, padding), layers.SeparableConv2D{Filters: 11, Kernel: [2]int{size, size}, Stride: stride, Padding: padding}})
			}
		}
	}
	for _, p := range []layers.MaxPooling2D{{Window: 2, Padding: layers.Same}, {Window: 3, Stride: 2, Padding: layers.Valid}, {Window: 3, Stride: 1, Padding: layers.Same}, {Window: 3, Stride: 2, Padding: layers.Same}, {Window: 4, Padding: layers.Same}} {
		ops = append(ops, op{fmt.Sprintf("MaxPooling2D %v", p), p}, op{fmt.Sprintf("AveragePooling2D %v", p), layers.AveragePooling2D(p)})
	}
	ops = append(ops, op{"AveragePooling2D of one", layers.AveragePooling2D{Window: 1, Stride: 2, Padding: layers.Valid}},
		op{"GlobalAveragePooling2D", layers.GlobalAveragePooling2D{}}, op{"GlobalAveragePooling2D kept", layers.GlobalAveragePooling2D{KeepDims: true}},
		op{"BatchNormalization", bn}, op{"BatchNormalization without scale", layers.BatchNormalization{Epsilon: 1e-3, NoScale: true}},
		op{"ReLU", layers.ReLU{}}, op{"ReLU6", layers.ReLU{Max: 6}}, op{"Dropout", layers.Dropout{Rate: .5}},
		op{"AddScalar", layers.AddScalar{Value: 3}}, op{"MulScalar", layers.MulScalar{Value: .3}}, op{"Rescaling", layers.Rescaling{Scale: 2, Offset: -1}},
		op{"Normalization", layers.Normalization{}}, op{"Softmax", layers.Softmax{}}, op{"Flatten", layers.Flatten{}},
		op{"ZeroPadding2D", layers.ZeroPadding2D{Pad: layers.Padding{{1, 2}, {0, 3}}}}, op{"Cropping2D", layers.Cropping2D{Crop: layers.Padding{{1, 2}, {0, 3}}}},
	)
	for _, heads := range []int{1, 16} {
		for _, center := range []bool{false, true} {
			ops = append(ops, op{fmt.Sprintf("SoftAttention %d %v", heads, center), layers.SoftAttention{Heads: heads, CenterWindow: center, Gamma: center}})
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, o := range ops {
		t.Run(o.name, func(t *testing.T) {
			for _, size := range []layers.Shape{{9, 11, 19}, {14, 7, 32}} {
				g := addAll(t, func(g *layers.Graph) { g.Add("op", o.op, g.Add("in", layers.Input{Dims: size})) })
				outputs := []string{"op"}
				if _, ok := o.op.(layers.SoftAttention); ok {
					outputs = append(outputs, layers.MapsOf("op"))
				}
				newTrial(r, g, 2, outputs...).check(t)
			}
		})
	}
}

// Joined layers equal the layers one by one.
func TestJoinedLayersEqualEngine(t *testing.T) {
	conv := func(filters, size, stride int) layers.Conv2D {
		return layers.Conv2D{Filters: filters, Kernel: [2]int{size, size}, Stride: stride, Padding: layers.Same}
	}
	depthwise := func(size, stride int) layers.DepthwiseConv2D {
		return layers.DepthwiseConv2D{Kernel: [2]int{size, size}, Stride: stride, Padding: layers.Same}
	}
	swish := func(g *layers.Graph, name, x string) string {
		gate := g.Add(name+"_mul", layers.MulScalar{Value: 1. / 6}, g.Add(name+"_relu", layers.ReLU{Max: 6}, g.Add(name+"_add", layers.AddScalar{Value: 3}, x)))
		return g.Add(name, layers.Multiply{}, x, gate)
	}
	inverted := func(g *layers.Graph, x, p string, wide, size, stride int, padded bool) string {
		channels := g.Layer(x).Out[2]
		y := g.Add(p+"relu1", layers.ReLU{Max: 6}, g.Add(p+"bn1", bn, g.Add(p+"expand", conv(wide, 1, 1), x)))
		dw := depthwise(size, stride)
		if padded {
			y = g.Add(p+"pad", layers.ZeroPadding2D{Pad: layers.Padding{{0, size / 2}, {size / 2, size / 2}}}, y)
			dw.Padding = layers.Valid
		}
		y = g.Add(p+"relu2", layers.ReLU{Max: 6}, g.Add(p+"bn2", bn, g.Add(p+"dw", dw, y)))
		y = g.Add(p+"bn3", bn, g.Add(p+"project", conv(channels, 1, 1), y))
		if stride == 1 && !padded {
			return g.Add(p+"add", layers.Add{}, x, y)
		}
		return y
	}
	builds := map[string]func(g *layers.Graph, x string) string{
		"inverted residual": func(g *layers.Graph, x string) string { return inverted(g, x, "a", 48, 3, 1, false) },
		"inverted residual, strides": func(g *layers.Graph, x string) string {
			return inverted(g, inverted(g, x, "a", 40, 5, 2, true), "b", 33, 3, 1, false)
		},
		"depthwise behind convolution": func(g *layers.Graph, x string) string {
			return g.Add("dw", depthwise(3, 1), g.Add("conv", conv(24, 3, 2), x))
		},
		"depthwise separable twice": func(g *layers.Graph, x string) string {
			for i := range 2 {
				x = g.Add(fmt.Sprint("pw", i), conv(24, 1, 1), g.Add(fmt.Sprint("dw", i), depthwise(3, 1+i), x))
			}
			return x
		},
		"squeeze and excite with hard swish": func(g *layers.Graph, x string) string {
			x = swish(g, "swish", g.Add("bn", bn, g.Add("conv", conv(40, 1, 1), x)))
			y := g.Add("mean", layers.GlobalAveragePooling2D{KeepDims: true}, x)
			y = g.Add("relu", layers.ReLU{}, g.Add("squeeze", layers.Conv2D{Filters: 8, Kernel: [2]int{1, 1}, Stride: 1, Padding: layers.Same, Bias: true}, y))
			y = g.Add("excite", layers.Conv2D{Filters: 40, Kernel: [2]int{1, 1}, Stride: 1, Padding: layers.Same, Bias: true}, y)
			y = g.Add("gate", layers.MulScalar{Value: 1. / 6}, g.Add("six", layers.ReLU{Max: 6}, g.Add("three", layers.AddScalar{Value: 3}, y)))
			return g.Add("project", conv(20, 1, 1), g.Add("times", layers.Multiply{}, x, y))
		},
		"dense block": func(g *layers.Graph, x string) string {
			for i := range 3 {
				p := fmt.Sprint(i)
				y := g.Add("relu1"+p, layers.ReLU{}, g.Add("bn1"+p, bn, x))
				y = g.Add("relu2"+p, layers.ReLU{}, g.Add("bn2"+p, bn, g.Add("conv1"+p, conv(32, 1, 1), y)))
				x = g.Add("concat"+p, layers.Concatenate{}, x, g.Add("conv2"+p, conv(8, 3, 1), y))
			}
			return g.Add("pool", layers.AveragePooling2D{Window: 2, Padding: layers.Valid}, g.Add("relu", layers.ReLU{}, g.Add("bn", bn, x)))
		},
		"transition": func(g *layers.Graph, x string) string {
			x = g.Add("conv", layers.Conv2D{Filters: 12, Kernel: [2]int{1, 1}, Stride: 1, Padding: layers.Valid, Bias: true}, g.Add("relu", layers.ReLU{}, g.Add("bn", bn, x)))
			return g.Add("relu2", layers.ReLU{}, g.Add("bn2", bn, g.Add("pool", layers.AveragePooling2D{Window: 2, Padding: layers.Same}, x)))
		},
		"residual block with projection": func(g *layers.Graph, x string) string {
			y := g.Add("relu1", layers.ReLU{}, g.Add("bn1", bn, g.Add("conv1", conv(16, 1, 2), x)))
			y = g.Add("bn2", bn, g.Add("conv2", conv(32, 3, 1), y))
			return g.Add("relu2", layers.ReLU{}, g.Add("add", layers.Add{}, g.Add("bn3", bn, g.Add("conv3", conv(32, 1, 2), x)), y))
		},
		"scaled residual of branches": func(g *layers.Graph, x string) string {
			mixed := g.Add("mixed", layers.Concatenate{}, g.Add("a", conv(8, 1, 1), x), g.Add("b", conv(9, 3, 1), x), x)
			up := g.Add("up", layers.Conv2D{Filters: g.Layer(x).Out[2], Kernel: [2]int{1, 1}, Stride: 1, Padding: layers.Same, Bias: true}, mixed)
			return g.Add("relu", layers.ReLU{}, g.Add("scaled", layers.ScaledAdd{Scale: .17}, x, up))
		},
		"batch norm behind activation": func(g *layers.Graph, x string) string {
			return g.Add("pool", layers.MaxPooling2D{Window: 2, Padding: layers.Same}, g.Add("bn", bn, g.Add("conv", backbone.ConvReLU{Conv2D: conv(20, 3, 1)}, x)))
		},
		"adjusted cell": func(g *layers.Graph, x string) string {
			x = g.Add("relu", layers.ReLU{}, x)
			halve := layers.AveragePooling2D{Window: 1, Stride: 2, Padding: layers.Valid}
			even := g.Add("conv1", conv(5, 1, 1), g.Add("pool1", halve, x))
			odd := g.Add("crop", layers.Cropping2D{Crop: layers.Padding{{1, 0}, {1, 0}}}, g.Add("pad", layers.ZeroPadding2D{Pad: layers.Padding{{0, 1}, {0, 1}}}, x))
			odd = g.Add("conv2", conv(6, 1, 1), g.Add("pool2", halve, odd))
			return g.Add("bn", bn, g.Add("concat", layers.Concatenate{}, even, odd))
		},
		"pools that see zeros": func(g *layers.Graph, x string) string {
			padded := g.Add("pad", layers.ZeroPadding2D{Pad: layers.Padding{{1, 1}, {0, 1}}}, x)
			return g.Add("add", layers.Add{}, g.Add("max", layers.MaxPooling2D{Window: 3, Stride: 2, Padding: layers.Valid}, padded),
				g.Add("mean", layers.AveragePooling2D{Window: 3, Stride: 2, Padding: layers.Valid}, padded))
		},
		"shared activations, sums of three": func(g *layers.Graph, x string) string {
			channels := g.Layer(x).Out[2]
			a := g.Add("a", layers.SeparableConv2D{Filters: channels, Kernel: [2]int{3, 3}, Stride: 1, Padding: layers.Same}, g.Add("relu1", layers.ReLU{}, x))
			b := g.Add("b", layers.SeparableConv2D{Filters: channels, Kernel: [2]int{5, 5}, Stride: 1, Padding: layers.Same}, g.Add("relu2", layers.ReLU{}, x))
			return g.Add("add", layers.Add{}, g.Add("bn1", bn, a), g.Add("bn2", bn, b), x)
		},
		"large kernel": func(g *layers.Graph, x string) string {
			x = g.Add("wide", conv(512, 1, 1), g.Add("pool", layers.MaxPooling2D{Window: 4, Padding: layers.Same}, x))
			return g.Add("bn", bn, g.Add("conv", backbone.ConvReLU{Conv2D: conv(300, 1, 1)}, g.Add("dense", conv(512, 1, 1), x)))
		},
		"head": func(g *layers.Graph, x string) string {
			attended := g.Add("attention", layers.SoftAttention{Heads: 16}, x)
			pool := layers.MaxPooling2D{Window: 2, Padding: layers.Same}
			y := g.Add("concat", layers.Concatenate{}, g.Add("pool1", pool, x), g.Add("pool2", pool, attended))
			y = g.Add("flat", layers.Flatten{}, g.Add("dropout", layers.Dropout{Rate: .5}, g.Add("relu", layers.ReLU{}, y)))
			age := g.Add("norm", layers.Normalization{}, g.Add("age", layers.Input{Dims: layers.Shape{1}}))
			patient := g.Add("patient", layers.Concatenate{}, age, g.Add("sex", layers.Input{Dims: layers.Shape{3}}))
			patient = g.Add("dense", layers.Dense{Units: 20, Activation: "relu"}, patient)
			return g.Add("softmax", layers.Dense{Units: 7, Activation: "softmax"}, g.Add("joined", layers.Concatenate{}, y, patient))
		},
	}
	r := rand.New(rand.NewPCG(3, 4))
	for name, build := range builds {
		t.Run(name, func(t *testing.T) {
			for _, size := range []layers.Shape{{13, 30, 19}, {8, 8, 32}} {
				var last string
				g := addAll(t, func(g *layers.Graph) { last = build(g, g.Add("in", layers.Input{Dims: size})) })
				outputs := []string{last}
				if name == "head" {
					outputs = append(outputs, layers.LogitsOf(last), layers.MapsOf("attention"))
				}
				newTrial(r, g, 3, outputs...).check(t)
				// What is wanted of a joined layer is the layer's own value.
				var inner []string
				for _, layer := range g.Layers() {
					if _, input := layer.Op.(layers.Input); !input {
						inner = append(inner, layer.Name)
					}
				}
				newTrial(r, g, 1, inner...).check(t)
			}
		})
	}
}

// Pixels are scaled as imaging scales them, with equal bits whether they are bytes or floats, in either order.
func TestPixels(t *testing.T) {
	const size = 21
	r := rand.New(rand.NewPCG(5, 6))
	bytes := make([]uint8, 2*size*size*3)
	for i := range bytes {
		bytes[i] = uint8(r.Uint32())
	}
	floats := make([]float32, len(bytes))
	for i, v := range bytes {
		floats[i] = float32(v)
	}
	g := addAll(t, func(g *layers.Graph) {
		g.Add("relu", layers.AddScalar{}, g.Add("in", layers.Input{Dims: layers.Shape{size, size, 3}}))
	})
	for _, order := range []imaging.Order{imaging.RGBOrder, imaging.BGROrder} {
		for _, mode := range []imaging.Preprocess{imaging.PreprocessTF, imaging.PreprocessCaffe, imaging.PreprocessTorch, imaging.PreprocessNone} {
			want := slices.Clone(floats)
			order.Reorder(want)
			if err := mode.Apply(want, want); err != nil {
				t.Fatal(err)
			}
			var first []float32
			rows := func(image, row int, dst []float32) { copy(dst, floats[3*size*(image*size+row):][:3*size]) }
			for i, in := range slices.Repeat([]Input{{Bytes: bytes}, {Floats: floats}, {Row: rows}}, len(simd.Levels())) {
				plan, err := Compile(g, nil, []string{"relu"}, Options{Level: simd.Levels()[i/3], Threads: 1 + i%4, Pixels: map[string]*Pixels{"in": {order, mode.Scaling()}}})
				if err != nil {
					t.Fatal(err)
				}
				got := make([]float32, len(want))
				if err := plan.Run(t.Context(), 2, map[string]Input{"in": in}, [][]float32{got}); err != nil {
					t.Fatal(err)
				}
				for i := range got {
					if math.Abs(float64(got[i]-want[i])) > 1e-6*max(1, math.Abs(float64(want[i]))) {
						t.Fatalf("%s %s: value %d is %g, want %g", order, mode, i, got[i], want[i])
					}
				}
				if first == nil {
					first = got
				}
				if !slices.Equal(got, first) {
					t.Errorf("%s %s, %v: bytes, floats and rows differ", order, mode, simd.Levels()[i/3])
				}
			}
		}
	}
}

// other is an operation that has no kernels.
type other struct{ layers.ReLU }

func TestUnsupported(t *testing.T) {
	g := addAll(t, func(g *layers.Graph) {
		g.Add("strange", other{}, g.Add("in", layers.Input{Dims: layers.Shape{4, 4, 8}}))
	})
	_, err := Compile(g, nil, []string{"strange"}, Options{})
	if e, ok := errors.AsType[*ErrUnsupported](err); !ok || e.Layer != "strange" || !strings.Contains(e.Error(), "other") {
		t.Errorf("got %v", err)
	}
}

// Wrong numbers of values and cancelled contexts are errors, and a thread that fails does not leave the others waiting.
func TestErrors(t *testing.T) {
	g := addAll(t, func(g *layers.Graph) {
		g.Add("relu", layers.ReLU{}, g.Add("in", layers.Input{Dims: layers.Shape{4, 4, 8}}))
	})
	tr := newTrial(rand.New(rand.NewPCG(1, 1)), g, 1, "relu")
	plan := tr.compile(t, simd.Generic, 2)
	if err := plan.Run(t.Context(), 1, map[string]Input{"in": {Floats: make([]float32, 3)}}, nil); err == nil || !strings.Contains(err.Error(), `"in"`) {
		t.Errorf("a short input: %v", err)
	}
	in := map[string]Input{"in": {Floats: tr.inputs["in"]}}
	if err := plan.Run(t.Context(), 1, in, [][]float32{make([]float32, 5)}); err == nil {
		t.Error("a short output is no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := plan.Run(ctx, 1, in, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	plan.each.steps = append(plan.each.steps, failing{})
	if err := plan.Run(t.Context(), 1, in, nil); err == nil || !strings.Contains(err.Error(), "on purpose") {
		t.Errorf("a step that panics: %v", err)
	}
}

// failing panics in the second thread.
type failing struct{ onePhase }

func (failing) run(_ *frame, _, part, _ int) {
	if part == 1 {
		panic("on purpose")
	}
}

// Blocks that are needed at the same time do not overlap.
func TestArrange(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		var blocks []*block
		for range 1 + r.IntN(30) {
			first := r.IntN(20)
			blocks = append(blocks, &block{size: 16 * (1 + r.IntN(10)), first: first, last: first + r.IntN(6)})
		}
		size := arrange(blocks)
		for i, a := range blocks {
			if a.offset+a.size > size {
				t.Fatalf("a block ends at %d in an arena of %d", a.offset+a.size, size)
			}
			for _, b := range blocks[:i] {
				if a.first <= b.last && b.first <= a.last && a.offset < b.offset+b.size && b.offset < a.offset+a.size {
					t.Fatalf("%+v and %+v overlap", *a, *b)
				}
			}
		}
	}
}
