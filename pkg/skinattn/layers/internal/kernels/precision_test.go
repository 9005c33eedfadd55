package kernels

import (
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
)

// toBFloat16 rounds values to eight bits of precision, to even, by their bits.
func toBFloat16(a array) array {
	b := array{V: make([]float64, len(a.V)), Dims: a.Dims}
	for i, v := range a.V {
		bits := math.Float32bits(float32(v))
		bits += 0x7fff + bits>>16&1
		b.V[i] = float64(math.Float32frombits(bits &^ 0xffff))
	}
	return b
}

// With bfloat16, convolutions and products are those of the rounded operands, with exact sums where the engine lets the
// result be float32, and in a convolution of the engine with a result that is rounded once more. Results are float32.
func TestBFloat16(t *testing.T) {
	eng := testengine.Open(t)
	if eng.Kind == engine.Go {
		t.Skip("bfloat16 is for XLA")
	}
	pad := Padding{{1, 1}, {1, 1}}
	c := convolution{batch: 3, in: [2]int{6, 7}, channels: [2]int{5, 3}, Window: Window{[2]int{3, 3}, 1, pad}}
	c.out = c.Out(c.in)
	x, k, matrix := filled(1, -1, 1, 3, 6, 7, 5), filled(2, -1, 1, 3, 3, 5, 3), filled(4, -1, 1, 1, 1, 5, 3)
	ct := filled(3, -1, 1, 3, 6, 7, 3)
	exec := graph.MustNewExec(eng.Backend, func(in []*Node) []*Node {
		UseBFloat16(in[0].Graph())
		x, k, matrix, ct := in[0], in[1], in[2], in[3]
		var results []*Node
		add := func(y *Node, of *Node) {
			results = append(append(results, y), graph.Gradient(graph.ReduceAllSum(graph.Mul(y, ct)), x, of)...)
		}
		add(c.build(x, k, algorithms{im2col, im2col, im2col}), k)
		add(graph.Reshape(MatMul(graph.Reshape(x, -1, 5), graph.Reshape(matrix, 5, 3)), 3, 6, 7, 3), matrix)
		add(c.build(x, k, algorithms{native, native, native}), k)
		return results
	})
	defer exec.Finalize()
	results := exec.MustCall(x.Tensor(), k.Tensor(), matrix.Tensor(), ct.Tensor())
	x16, ct16 := toBFloat16(x), toBFloat16(ct)
	y, dx, dk := convolved(x16, toBFloat16(k), ct16, 1, pad)
	product, dxOfProduct, dMatrix := convolved(x16, toBFloat16(matrix), ct16, 1, Padding{})
	for i, want := range []array{y, dx, dk, product, dxOfProduct, dMatrix, y, dx, dk} {
		tolerance := 1e-5
		if i >= 6 { // rounded once more
			tolerance = 1.0 / 256
		}
		if err := near(arrayOf(results[i]), want, tolerance); err != nil {
			t.Errorf("result %d: %v", i, err)
		}
	}
	// The operands are indeed rounded.
	exact, exactDX, exactDK := convolved(x, k, ct, 1, pad)
	for i, float32s := range []array{exact, exactDX, exactDK} {
		if near(arrayOf(results[i]), float32s, 1e-4) == nil {
			t.Errorf("result %d is that of operands that are not rounded", i)
		}
	}
}
