package infer

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/skinattn/skinattn/internal/testlong"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// Networks that nobody designed, layers of all kinds in any order with skips, sums and concatenations among them, equal the
// engine: the rules that join layers, the places of maps and the shared memory hold for more than the twelve networks.
func TestRandomNetworksEqualEngine(t *testing.T) {
	for _, part := range []struct {
		name     string
		from, to uint64
		long     bool
	}{{"a few", 0, 60, false}, {"many", 60, 5000, true}} {
		t.Run(part.name, func(t *testing.T) {
			testlong.Skip(t, part.long)
			for seed := part.from; seed < part.to && !t.Failed(); seed++ {
				t.Run(fmt.Sprint(seed), func(t *testing.T) { checkRandom(t, seed) })
			}
		})
	}
}

func checkRandom(t *testing.T, seed uint64) {
	d := &drawing{Rand: rand.New(rand.NewPCG(seed, 5)), g: &layers.Graph{}}
	if err := layers.Try(d.draw); err != nil {
		t.Fatal(err)
	}
	outputs := d.outputs()
	tr := newTrial(d.Rand, d.g, 1+d.IntN(3), outputs...)
	tr.slack = 2e-5 // inputs are near 1
	tr.check(t)
	if t.Failed() {
		for _, layer := range d.g.Layers() {
			t.Logf("%s %T%+v of %v: %v", layer.Name, layer.Op, layer.Op, layer.Inputs, layer.Out)
		}
	}
}

// drawing draws a network.
type drawing struct {
	*rand.Rand
	g    *layers.Graph
	maps []string // layers that are feature maps
}

func (d *drawing) draw() {
	d.maps = []string{d.g.Add("in", layers.Input{Dims: layers.Shape{4 + d.IntN(10), 4 + d.IntN(10), d.channels()}})}
	for i := range 2 + d.IntN(9) {
		d.maps = append(d.maps, d.layer(fmt.Sprintf("l%d", i)))
	}
	if d.IntN(3) > 0 {
		d.head()
	}
}

// channels is a number with or without a remainder of the vectors' widths.
func (d *drawing) channels() int { return []int{1, 2, 3, 5, 8, 15, 16, 17, 24, 32, 33, 48}[d.IntN(12)] }

func (d *drawing) padding() string { return []string{layers.Same, layers.Valid}[d.IntN(2)] }

// some is one of the maps, mostly a late one.
func (d *drawing) some() string {
	if d.IntN(3) > 0 {
		return d.maps[len(d.maps)-1]
	}
	return d.maps[d.IntN(len(d.maps))]
}

func (d *drawing) out(name string) layers.Shape { return d.g.Layer(name).Out }

// alike are maps as large as x, in rows and columns and, with same, in channels; x is among them.
func (d *drawing) alike(x string, same bool) (names []string) {
	for _, name := range d.maps {
		a, b := d.out(name), d.out(x)
		if a[0] == b[0] && a[1] == b[1] && (a[2] == b[2] || !same) {
			names = append(names, name)
		}
	}
	return names
}

// several are two or three of the names, in any order.
func (d *drawing) several(names []string) []string {
	d.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names[:min(len(names), 2+d.IntN(2))]
}

// layer adds a layer, or a few that belong together, whose output is a map.
func (d *drawing) layer(name string) string {
	x := d.some()
	shape := d.out(x)
	small := min(shape[0], shape[1])
	size := 1 + 2*d.IntN(3)
	deep := max(size, 3) // depthwise windows of one position have no kernels
	padding, deepPadding := d.padding(), d.padding()
	if size > small {
		padding = layers.Same
	}
	if deep > small {
		deepPadding = layers.Same
	}
	conv := layers.Conv2D{Filters: d.channels(), Kernel: [2]int{size, size}, Stride: 1 + d.IntN(2), Padding: padding, Bias: d.IntN(2) == 0}
	switch d.IntN(18) {
	case 0, 1:
		return d.g.Add(name, conv, x)
	case 2:
		conv.Kernel, conv.Stride = [2]int{1, 1}, 1
		return d.g.Add(name, conv, x)
	case 3:
		conv.Kernel, conv.Stride, conv.Padding = [2]int{3, 3}, 1, layers.Same
		return d.g.Add(name, conv, x)
	case 4:
		return d.g.Add(name, backbone.ConvReLU{Conv2D: conv}, x)
	case 5, 6:
		return d.g.Add(name, layers.DepthwiseConv2D{Kernel: [2]int{deep, deep}, Stride: conv.Stride, Padding: deepPadding}, x)
	case 7:
		return d.g.Add(name, layers.SeparableConv2D{Filters: conv.Filters, Kernel: [2]int{deep, deep}, Stride: conv.Stride, Padding: deepPadding}, x)
	case 8:
		return d.g.Add(name, layers.BatchNormalization{Epsilon: 1e-3, NoScale: d.IntN(2) == 0}, x)
	case 9:
		return d.g.Add(name, layers.ReLU{Max: float64(6 * d.IntN(2))}, x)
	case 10:
		if same := d.alike(x, true); len(same) > 1 {
			if d.IntN(2) == 0 {
				return d.g.Add(name, layers.ScaledAdd{Scale: .3}, same[0], same[len(same)-1])
			}
			return d.g.Add(name, layers.Add{}, d.several(same)...)
		}
		return d.g.Add(name, layers.MulScalar{Value: 1. / 6}, x)
	case 11, 12:
		if near := d.alike(x, false); len(near) > 1 {
			return d.g.Add(name, layers.Concatenate{}, d.several(near)...)
		}
		return d.g.Add(name, layers.AddScalar{Value: 3}, x)
	case 13:
		if small < 2 {
			return d.g.Add(name, layers.ReLU{}, x)
		}
		window := layers.MaxPooling2D{Window: 1 + d.IntN(min(small, 3)), Stride: 1 + d.IntN(2), Padding: d.padding()}
		if d.IntN(2) == 0 {
			return d.g.Add(name, layers.AveragePooling2D(window), x)
		}
		return d.g.Add(name, window, x)
	case 14:
		pad := layers.Padding{{d.IntN(3), d.IntN(3)}, {d.IntN(3), d.IntN(3)}}
		if small > 4 && d.IntN(2) == 0 {
			return d.g.Add(name, layers.Cropping2D{Crop: pad}, x)
		}
		return d.g.Add(name, layers.ZeroPadding2D{Pad: pad}, x)
	case 15: // hard sigmoid, and often hard swish
		gate := d.g.Add(name+"_six", layers.MulScalar{Value: 1. / 6}, d.g.Add(name+"_clip", layers.ReLU{Max: 6}, d.g.Add(name+"_three", layers.AddScalar{Value: 3}, x)))
		if d.IntN(3) == 0 {
			return gate
		}
		return d.g.Add(name, layers.Multiply{}, x, gate)
	case 16: // squeeze and excite
		y := d.g.Add(name+"_mean", layers.GlobalAveragePooling2D{KeepDims: true}, x)
		y = d.g.Add(name+"_excite", layers.Conv2D{Filters: shape[2], Kernel: [2]int{1, 1}, Stride: 1, Padding: layers.Same, Bias: true}, y)
		if d.IntN(2) == 0 {
			return d.g.Add(name, layers.Multiply{}, y, x)
		}
		return d.g.Add(name, layers.Multiply{}, x, y)
	default:
		if shape[2] < 3 {
			return d.g.Add(name, layers.Dropout{Rate: .5}, x)
		}
		return d.g.Add(name, layers.SoftAttention{Heads: 1 + d.IntN(16), CenterWindow: d.IntN(2) == 0, Gamma: d.IntN(2) == 0}, x)
	}
}

// head adds vectors.
func (d *drawing) head() {
	x := d.some()
	if d.IntN(2) == 0 {
		x = d.g.Add("vector", layers.GlobalAveragePooling2D{}, x)
	} else {
		x = d.g.Add("vector", layers.Flatten{}, x)
	}
	if d.IntN(2) == 0 {
		age := d.g.Add("norm", layers.Normalization{}, d.g.Add("age", layers.Input{Dims: layers.Shape{1 + d.IntN(4)}}))
		x = d.g.Add("joined", layers.Concatenate{}, x, d.g.Add("patient", layers.Dense{Units: d.channels(), Activation: "relu"}, age))
	}
	if d.IntN(2) == 0 {
		x = d.g.Add("bn", layers.BatchNormalization{Epsilon: 1e-3}, d.g.Add("dense", layers.Dense{Units: d.channels()}, x))
	}
	if d.IntN(2) == 0 {
		d.g.Add("end", layers.Dense{Units: 7, Activation: "softmax"}, x)
	} else {
		d.g.Add("end", layers.Softmax{}, d.g.Add("logits", layers.Dense{Units: 7}, x))
	}
}

// outputs are the last layer, of which all that it does not need is cut off, or all layers that no other reads, and others.
// The engine fails where a variable belongs to nothing that is wanted.
func (d *drawing) outputs() []string {
	last := d.g.Last().Name
	if d.IntN(2) == 0 {
		d.g, _ = d.g.Cut(last)
		return []string{last}
	}
	var names []string
	consumers := d.g.Consumers()
	for _, layer := range d.g.Layers() {
		if _, input := layer.Op.(layers.Input); !input && (consumers[layer.Name] == 0 || d.IntN(4) == 0) {
			names = append(names, layer.Name)
		}
	}
	return names
}
