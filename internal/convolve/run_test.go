package convolve

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/simd"
)

// geometries are convolutions with what is hard about them: odd sizes, padding on one side, negative padding, strides, few channels.
func geometries(rng *rand.Rand, n int) []Geometry {
	var list []Geometry
	for len(list) < n {
		window := [2]int{1 + rng.IntN(5), 1 + rng.IntN(5)}
		stride := 1 + rng.IntN(3)
		channels := [2]int{1 + rng.IntN(40), 1 + rng.IntN(70)}
		if rng.IntN(2) == 0 { // Winograd's forms, but for few channels
			window, stride = [][2]int{{3, 3}, {1, 7}, {7, 1}}[rng.IntN(3)], 1
			channels = [2]int{24 + rng.IntN(40), 24 + rng.IntN(40)}
			if rng.IntN(4) == 0 {
				channels[0] = 1 + rng.IntN(20)
			}
		}
		var pad [2][2]int
		for axis := range pad {
			for side := range pad[axis] {
				pad[axis][side] = rng.IntN(window[axis]+2) - 1
			}
		}
		if rng.IntN(4) == 0 {
			pad[1] = [2]int{}
		}
		g := of(Kind(rng.IntN(3)), 1+rng.IntN(4), [2]int{1 + rng.IntN(30), 1 + rng.IntN(30)}, window, stride, channels, pad)
		if g.valid() {
			list = append(list, g)
		}
	}
	return list
}

// plain computes a convolution by loops over float64, as the definition of XLA's convolution has it.
func plain(g Geometry, a, b []float32) (sums, sizes []float64) {
	sums, sizes = make([]float64, size(g.Dims[2])), make([]float64, size(g.Dims[2]))
	add := func(at int, v, w float32) {
		sums[at] += float64(v) * float64(w)
		sizes[at] += math.Abs(float64(v) * float64(w))
	}
	index := func(dims [4]int, n ...int) int { return ((n[0]*dims[1]+n[1])*dims[2]+n[2])*dims[3] + n[3] }
	window, channels, filters := g.window()
	in, out, strides := g.Dims[0], g.Dims[2], g.Stride
	if g.Kind == KernelGradient {
		out, strides = g.Dims[1], g.Spread
	}
	for n := range in[0] {
		for y := range out[1] {
			for x := range out[2] {
				for dy := range window[0] {
					for dx := range window[1] {
						row, col := y*strides[0]+dy-g.Pad[0][0], x*strides[1]+dx-g.Pad[1][0]
						if row < 0 || col < 0 || row%g.Dilation[0] != 0 || col%g.Dilation[1] != 0 || row/g.Dilation[0] >= in[1] || col/g.Dilation[1] >= in[2] {
							continue
						}
						row, col = row/g.Dilation[0], col/g.Dilation[1]
						for c := range channels {
							v := a[index(in, n, row, col, c)]
							for f := range filters {
								switch g.Kind {
								case Forward:
									add(index(out, n, y, x, f), v, b[index(g.Dims[1], dy, dx, c, f)])
								case InputGradient:
									add(index(out, n, y, x, f), v, b[index(g.Dims[1], dy, dx, f, c)])
								case KernelGradient:
									add(index(g.Dims[2], dy, dx, c, f), v, b[index(out, n, y, x, f)])
								}
							}
						}
					}
				}
			}
		}
	}
	return sums, sizes
}

func random(rng *rand.Rand, n int) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = rng.Float32()*2 - 1
	}
	return values
}

// goroutines compute at the same time.
func goroutines(n int) Cores {
	return Cores{Others: n - 1, Help: func(task func()) {
		for range n - 1 {
			go task()
		}
	}}
}

// TestRun compares random convolutions on every level of instructions, and divided into a few parts or many, with loops over float64.
func TestRun(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, g := range geometries(rng, 250) {
		a, b := random(rng, size(g.Dims[0])), random(rng, size(g.Dims[1]))
		want, sizes := plain(g, a, b)
		most := slices.Max(sizes)
		for _, level := range simd.Levels() {
			parts := []int{1, 2, 3, 5, 16}[rng.IntN(5)]
			out := slices.Repeat([]float32{float32(math.NaN())}, len(want))
			if err := g.Run(level, goroutines(parts), a, b, out); err != nil {
				t.Fatalf("%+v in %d parts: %v", g, parts, err)
			}
			for i, v := range out {
				// Winograd's form has the larger rounding, of all that a tile sees.
				if allowed := 4e-6*sizes[i] + 1e-6*most; !(math.Abs(float64(v)-want[i]) <= allowed) {
					t.Fatalf("%+v in %d parts, %v: value %d is %g, want %g", g, parts, level, i, v, want[i])
				}
			}
		}
	}
}

// Equal calls give equal bits, also where other calls have used the memory in between, and on all levels.
func TestRunGivesEqualBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	list := geometries(rng, 40)
	var before [][]float32
	for round, level := range append(simd.Levels(), simd.Levels()...) {
		rng := rand.New(rand.NewPCG(5, 6))
		for i, g := range list {
			a, b, out := random(rng, size(g.Dims[0])), random(rng, size(g.Dims[1])), make([]float32, size(g.Dims[2]))
			if err := g.Run(level, Cores{}, a, b, out); err != nil {
				t.Fatal(err)
			}
			if round == 0 {
				before = append(before, out)
			} else if !slices.Equal(out, before[i]) {
				t.Fatalf("%+v: %v gives other bits", g, level)
			}
		}
	}
}

func TestRunRefuses(t *testing.T) {
	g := of(Forward, 1, [2]int{4, 4}, [2]int{3, 3}, 1, [2]int{2, 3}, [2][2]int{{1, 1}, {1, 1}})
	a, b, out := make([]float32, 32), make([]float32, 54), make([]float32, 48)
	if err := g.Run(simd.Generic, Cores{}, a, b, out); err != nil {
		t.Fatal(err)
	}
	if err := g.Run(simd.Generic, Cores{}, a[1:], b, out); err == nil {
		t.Error("an operand of another size is taken")
	}
	wrong := g
	wrong.Dims[2][1] = 5
	if err := wrong.Run(simd.Generic, Cores{}, a, b, make([]float32, 60)); err == nil {
		t.Error("a result of another size is taken")
	}
}

// TestNumbers sends geometries through the numbers of a custom call.
func TestNumbers(t *testing.T) {
	for _, g := range geometries(rand.New(rand.NewPCG(7, 8)), 100) {
		n := g.Numbers()
		if got, err := FromNumbers(n[:], g.Dims); err != nil || got != g {
			t.Errorf("%+v, %v, want %+v", got, err, g)
		}
		n[0] = 3
		if _, err := FromNumbers(n[:], g.Dims); err == nil {
			t.Error("a fourth kind is taken")
		}
	}
	if _, err := FromNumbers(nil, [3][4]int{}); err == nil || !strings.Contains(err.Error(), "11 numbers") {
		t.Errorf("no numbers: %v", err)
	}
}

// FuzzFromNumbers asks that what is taken can be computed.
func FuzzFromNumbers(f *testing.F) {
	f.Add(int64(0), int64(1), int64(1), int64(1), int64(1), int64(0), int64(1), 2, 5, 6, 3, 3, 4)
	f.Add(int64(1), int64(1), int64(2), int64(1), int64(2), int64(-1), int64(0), 1, 4, 4, 2, 2, 1)
	f.Add(int64(2), int64(1), int64(1), int64(2), int64(0), int64(0), int64(1), 1, 7, 4, 3, 3, 1)
	f.Fuzz(func(t *testing.T, kind, stride, dilation, spread, top, left, right int64, images, rows, cols, channels, window, filters int) {
		n := []int64{kind, stride, stride, dilation, dilation, spread, spread, top, top, left, right}
		for rowsOut := range 6 {
			for colsOut := range 6 {
				x, y := [4]int{images, rows, cols, channels}, [4]int{images, rowsOut, colsOut, filters}
				dims := [3][4]int{x, {window, window, channels, filters}, y}
				switch Kind(kind) {
				case InputGradient:
					dims[1] = [4]int{window, window, filters, channels}
				case KernelGradient:
					dims[1], dims[2] = y, dims[1]
				}
				g, err := FromNumbers(n, dims)
				if err != nil || size(g.Dims[0])+size(g.Dims[1])+size(g.Dims[2]) > 1<<14 {
					continue
				}
				if err := g.Run(simd.Generic, Cores{}, make([]float32, size(g.Dims[0])), make([]float32, size(g.Dims[1])), make([]float32, size(g.Dims[2]))); err != nil {
					t.Fatalf("%+v: %v", g, err)
				}
			}
		}
	})
}

// program is what go-xla writes for a convolution of stride 2 and its gradients.
const program = `module @Exec {
  func.func @main(%%arg0: tensor<8x28x29x32xf32>, %%arg1: tensor<3x3x32x64xf32>, %%arg2: tensor<8x14x15x64xf32>) -> (tensor<8x14x15x64xf32>) {
    %%0 = %s : (tensor<8x28x29x32xf32>, tensor<3x3x32x64xf32>) -> tensor<8x14x15x64xf32>
    "stablehlo.return"(%%0) : (tensor<8x14x15x64xf32>) -> ()
  }
}
`

// native is the operation; the padding and the element types vary.
const native = `"stablehlo.convolution"(%%arg0, %%arg1) {
      batch_group_count = 1 : i64,
      dimension_numbers = #stablehlo.conv<[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]>,
      feature_group_count = %d : i64,
      lhs_dilation = array<i64: 1, 1>,
      padding = dense<[[0, 1], [1, 1]]> : tensor<2x2xi64>,
      precision_config = [#stablehlo<precision DEFAULT>, #stablehlo<precision DEFAULT>],
      rhs_dilation = array<i64: 1, 1>,
      window_reversal = array<i1: false, false>,
      window_strides = array<i64: 2, 2>
    }`

func TestRewrite(t *testing.T) {
	before := fmt.Sprintf(program, fmt.Sprintf(native, 1))
	const called = `"stablehlo.custom_call"(%arg0, %arg1) {
      api_version = 4 : i32,
      backend_config = {geometry = array<i64: 0, 2, 2, 1, 1, 1, 1, 0, 1, 1, 1>},
      call_target_name = "skinattn_convolution",
      operand_layouts = [dense<[3, 2, 1, 0]> : tensor<4xindex>, dense<[3, 2, 1, 0]> : tensor<4xindex>],
      result_layouts = [dense<[3, 2, 1, 0]> : tensor<4xindex>]
    }`
	if got, want := string(Rewrite([]byte(before))), fmt.Sprintf(program, called); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	for what, other := range map[string]string{
		"groups":         fmt.Sprintf(program, fmt.Sprintf(native, 2)),
		"half precision": strings.ReplaceAll(before, "f32", "bf16"),
		"few positions":  strings.NewReplacer("8x28x29", "1x3x3", "8x14x15", "1x1x2").Replace(before),
		"other axes":     strings.Replace(before, "[b, 0, 1, f]x", "[b, f, 0, 1]x", 1),
		"one axis more":  strings.ReplaceAll(before, "8x28x29x32", "8x28x29x32x1"),
		"reversal":       strings.Replace(before, "false, false", "true, false", 1),
		"a new attribute": strings.Replace(before, "batch_group_count", `other = 1 : i64,
      batch_group_count`, 1),
		"no convolution": "module @Exec {}",
	} {
		if got := string(Rewrite([]byte(other))); got != other {
			t.Errorf("%s: rewritten to\n%s", what, got)
		}
	}
}

// TestMemory takes and gives blocks and asks that none is handed out twice.
func TestMemory(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	var held [][]int32
	for i := range int32(2000) {
		if rng.IntN(2) == 0 && len(held) > 0 {
			k := rng.IntN(len(held))
			for _, v := range held[k] {
				if v != held[k][0] {
					t.Fatal("two holders share a block")
				}
			}
			give(held[k])
			held = slices.Delete(held, k, k+1)
			continue
		}
		block := take[int32](1 + rng.IntN(100))
		for k := range block {
			block[k] = i
		}
		held = append(held, block)
	}
}
