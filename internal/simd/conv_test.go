package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// random fills a slice with normal values.
func random(r *rand.Rand, s []float32) []float32 {
	for i := range s {
		s[i] = float32(r.NormFloat64())
	}
	return s
}

var activations = []Activation{{}, {ReLU: true}, {ReLU: true, Max: 6}, {HardSwish: true}, {HardSigmoid: true}}

// reference is the activation in float64, from its definition.
func reference(a Activation, v float64) float64 {
	relu6 := func(v float64) float64 { return math.Min(math.Max(v, 0), 6) }
	switch {
	case a.HardSwish:
		return v * relu6(v+3) / 6
	case a.HardSigmoid:
		return relu6(v+3) / 6
	case a.ReLU && a.Max > 0:
		return math.Min(math.Max(v, 0), float64(a.Max))
	case a.ReLU:
		return math.Max(v, 0)
	}
	return v
}

// near says whether a sum of n products is as near to the exact one as float32 gives it.
func near(got float32, want float64, n int) bool {
	return math.Abs(float64(got)-want) <= 1e-6*math.Sqrt(float64(n))*(1+math.Abs(want))*4
}

func sameBits(a, b []float32) int {
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			return i
		}
	}
	return -1
}

// convCase is a convolution with all its parts, in slices that end or begin where memory does.
type convCase struct {
	taps, channels, filters, n                int
	srcStride, dstStride                      int
	kernel, src, dst, dstCopy, bias, residual []float32
	offsets                                   []int32
	residualStride                            int
	activation                                Activation
	rows                                      bool
}

func newConvCase(t testing.TB, r *rand.Rand) *convCase {
	c := &convCase{taps: 1 + r.IntN(3)*r.IntN(4), channels: 1 + r.IntN(40), filters: 1 + r.IntN(70), n: 1 + r.IntN(40)}
	atEnd := r.IntN(2) == 0
	c.rows = c.taps == 1 && r.IntN(2) == 0
	c.srcStride = c.channels + r.IntN(3)*r.IntN(9)
	c.dstStride = c.filters + r.IntN(3)*r.IntN(9)
	c.kernel = random(r, make([]float32, c.taps*c.channels*c.filters))
	positions := c.n + r.IntN(5)
	c.src = random(r, guarded(t, (positions-1)*c.srcStride+c.channels, atEnd))
	c.dst = random(r, guarded(t, (c.n-1)*c.dstStride+c.filters, atEnd))
	c.dstCopy = slices.Clone(c.dst)
	if r.IntN(3) > 0 {
		c.bias = random(r, guarded(t, c.filters, atEnd))
	}
	if r.IntN(3) == 0 {
		c.residualStride = c.filters + r.IntN(5)
		c.residual = random(r, guarded(t, (c.n-1)*c.residualStride+c.filters, atEnd))
	}
	for range c.taps * c.n {
		at := int32(r.IntN(positions) * c.srcStride)
		if r.IntN(4) == 0 {
			at = -1 - at
		}
		c.offsets = append(c.offsets, at)
	}
	if c.rows {
		for i := range c.offsets {
			c.offsets[i] = int32(i * c.srcStride)
		}
	}
	c.activation = activations[r.IntN(len(activations))]
	return c
}

func (c *convCase) String() string {
	return fmt.Sprintf("%d taps, %d channels, %d filters, %d positions, bias %v, residual %v, rows %v, %+v", c.taps, c.channels, c.filters, c.n, c.bias != nil, c.residual != nil, c.rows, c.activation)
}

func (c *convCase) run(level Level) []float32 {
	copy(c.dst, c.dstCopy)
	k := NewConv(level, c.kernel, c.taps, c.channels, c.filters)
	e := Epilogue{Bias: c.bias, Residual: c.residual, ResidualStride: c.residualStride, Activation: c.activation}
	if c.rows {
		k.ComputeRows(c.dst, c.dstStride, c.src, c.srcStride, c.n, e)
	} else {
		k.Compute(c.dst, c.dstStride, c.src, c.offsets, e)
	}
	return slices.Clone(c.dst)
}

func TestConvIsTheSumInFloat64(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		c := newConvCase(t, r)
		got := c.run(Generic)
		want := slices.Clone(c.dstCopy)
		for i := range c.n {
			for f := range c.filters {
				sum := 0.
				for tap := range c.taps {
					if at := c.offsets[tap*c.n+i]; at >= 0 {
						for ch := range c.channels {
							sum += float64(c.src[int(at)+ch]) * float64(c.kernel[(tap*c.channels+ch)*c.filters+f])
						}
					}
				}
				if c.bias != nil {
					sum += float64(c.bias[f])
				}
				if c.residual != nil {
					sum += float64(c.residual[i*c.residualStride+f])
				}
				if at := i*c.dstStride + f; !near(got[at], reference(c.activation, sum), c.taps*c.channels) {
					t.Fatalf("%v: position %d, filter %d: %v, want %v", c, i, f, got[at], reference(c.activation, sum))
				} else {
					want[at] = got[at]
				}
			}
		}
		if at := sameBits(got, want); at >= 0 {
			t.Fatalf("%v: what lies between the positions has changed at %d", c, at)
		}
	}
}

func TestConvHasTheSameBitsOnEachLevel(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		c := newConvCase(t, r)
		want := c.run(Generic)
		for _, level := range Levels()[1:] {
			got := c.run(level)
			if at := sameBits(got, want); at >= 0 {
				t.Fatalf("%v: %v has %v at position %d, filter %d, plain Go %v", c, level, got[at], at/c.dstStride, at%c.dstStride, want[at])
			}
		}
	}
}

// A network's bytes do not depend on how its rows are divided: each position alone, and each part of the filters, gives what all give at once.
func TestConvHasTheSameBitsInParts(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for range 100 {
		c := newConvCase(t, r)
		for _, level := range Levels()[1:] {
			whole := c.run(level)
			copy(c.dst, c.dstCopy)
			k := NewConv(level, c.kernel, c.taps, c.channels, c.filters)
			parts := k.Parts(1 + r.IntN(4))
			for i := range c.n {
				e := Epilogue{Bias: c.bias, ResidualStride: c.residualStride, Activation: c.activation}
				if c.residual != nil {
					e.Residual = c.residual[i*c.residualStride:]
				}
				var offsets []int32
				for tap := range c.taps {
					offsets = append(offsets, c.offsets[tap*c.n+i])
				}
				for _, part := range parts {
					part.Compute(c.dst[i*c.dstStride:], c.dstStride, c.src, offsets, e)
				}
			}
			if at := sameBits(c.dst, whole); at >= 0 {
				t.Fatalf("%v: %v in %d parts: %v at %d, at once %v", c, level, len(parts), c.dst[at], at, whole[at])
			}
		}
	}
}

// A tile is half of the filters where they are many.
func TestPartsAreEven(t *testing.T) {
	for _, level := range Levels()[1:] {
		k := NewConv(level, make([]float32, 4*1280), 1, 4, 1280)
		parts := k.Parts(2)
		if len(parts) != 2 {
			t.Fatalf("%v: %d parts", level, len(parts))
		}
		if _, end := parts[0].filterRange(); end != 640 {
			t.Errorf("%v: the first part ends at %d", level, end)
		}
	}
}

// What is fetched ahead is what is used next, once around: each run of each panel, then the next kernel, or the same for other positions.
func TestWhatFollowsInAKernelIsFetched(t *testing.T) {
	for _, level := range Levels()[1:] {
		k, next := MakeConv(level, 2, 600, 100), MakeConv(level, 1, 8, 8)
		k.BlockSums()
		if len(k.runs) < 2 || len(k.panels) < 2 {
			t.Fatalf("%v: %d runs, %d panels", level, len(k.runs), len(k.panels))
		}
		at := 0
		used := func(part []float32, of *Conv) {
			t.Helper()
			if at += len(part); len(part) == 0 || &part[0] != &of.packed[(at-len(part))%len(of.packed)] {
				t.Errorf("%v: %d values, not those before %d", level, len(part), at)
			}
		}
		panel, run := len(k.panels)-1, len(k.runs)-1
		used(k.following(panel, run, false), k)
		for i := range (panel+1)*(run+1) - 1 {
			used(k.following(i/(run+1), i%(run+1), true), k)
		}
		if at != len(k.packed) {
			t.Errorf("%v: %d of %d values are fetched", level, at, len(k.packed))
		}
		if part := k.following(panel, run, true); part != nil {
			t.Errorf("%v: %d values behind the last", level, len(part))
		}
		chain([]*Conv{k, next})
		at = 0
		used(k.following(panel, run, true), next)
		if part := next.following(0, 0, false); part != nil {
			t.Errorf("%v: %d values of a small kernel", level, len(part))
		}
	}
}

func panics(f func()) (message string) {
	defer func() { message = fmt.Sprint(recover()) }()
	f()
	return ""
}

func TestWrongSlicesPanic(t *testing.T) {
	for _, level := range Levels() {
		k := NewConv(level, make([]float32, 2*3*4), 2, 3, 4)
		rows := NewConv(level, make([]float32, 3*4), 1, 3, 4)
		d := NewDepthwise(level, make([]float32, 9*4), 3, 3, 1, 4)
		w := NewWinograd(level, make([]float32, 9*3*4), 3, 4)
		s := func(n int) []float32 { return make([]float32, n) }
		image := func(rows, cols, channels, less int) []Image {
			return []Image{{s(rows*cols*channels - less), rows, cols, channels, cols * channels}}
		}
		for name, f := range map[string]func(){
			"output":             func() { k.Compute(s(7), 4, s(3), []int32{0, 0, 0, 0}, Epilogue{}) },
			"output's stride":    func() { k.Compute(s(8), 3, s(3), []int32{0, 0, 0, 0}, Epilogue{}) },
			"offset":             func() { k.Compute(s(8), 4, s(3), []int32{0, 0, 0, 1}, Epilogue{}) },
			"offsets":            func() { k.Compute(s(8), 4, s(3), []int32{0, 0, 0}, Epilogue{}) },
			"bias":               func() { k.Compute(s(8), 4, s(3), []int32{0, 0, 0, 0}, Epilogue{Bias: s(3)}) },
			"residual":           func() { k.Compute(s(8), 4, s(3), []int32{0, 0, 0, 0}, Epilogue{Residual: s(7), ResidualStride: 4}) },
			"rows":               func() { rows.ComputeRows(s(8), 4, s(5), 3, 2, Epilogue{}) },
			"rows of taps":       func() { k.ComputeRows(s(8), 4, s(6), 3, 2, Epilogue{}) },
			"kernel":             func() { NewConv(level, s(23), 2, 3, 4) },
			"depthwise kernel":   func() { NewDepthwise(level, s(35), 3, 3, 1, 4) },
			"depthwise window":   func() { NewDepthwise(level, s(16), 2, 2, 1, 4) },
			"depthwise input":    func() { d.Row(s(8), 4, [][]float32{s(16), s(16), s(15)}, 4, 2, Epilogue{}) },
			"depthwise rows":     func() { d.Row(s(8), 4, [][]float32{s(16), s(16)}, 4, 2, Epilogue{}) },
			"depthwise output":   func() { d.Row(s(7), 4, [][]float32{s(16), s(16), s(16)}, 4, 2, Epilogue{}) },
			"affine":             func() { level.Affine(Map{s(8), 4}, Map{s(8), 4}, s(4), s(3), 2, 4, Activation{}) },
			"add":                func() { level.Add(Map{s(8), 4}, Map{s(8), 4}, Map{s(7), 4}, 1, 2, 4, Activation{}) },
			"weigh":              func() { level.Weigh(Map{s(8), 4}, Map{s(8), 4}, Map{s(1), 1}, 2, 4, Activation{}) },
			"pool":               func() { level.Max(Map{s(8), 4}, Window{[][]float32{s(11)}, 2, 4, 1}, 2, 4) },
			"winograd's kernel":  func() { NewWinograd(level, s(9), 3, 4) },
			"winograd's scratch": func() { w.Compute(image(4, 4, 4, 0), image(4, 4, 3, 0), 1, 1, s(w.Scratch()-1), Epilogue{}) },
			"winograd's input":   func() { w.Compute(image(4, 4, 4, 0), image(4, 4, 3, 1), 1, 1, s(w.Scratch()), Epilogue{}) },
			"winograd's output":  func() { w.Compute(image(4, 4, 4, 1), image(4, 4, 3, 0), 1, 1, s(w.Scratch()), Epilogue{}) },
		} {
			if message := panics(f); len(message) < 6 || message[:6] != "simd: " {
				t.Errorf("%v, %s: panics with %q", level, name, message)
			}
		}
	}
}
