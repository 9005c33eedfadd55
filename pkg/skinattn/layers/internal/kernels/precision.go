package kernels

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// Mixed precision: a graph can compute its matrix products and convolutions, and those of their gradients, on operands
// that are rounded to bfloat16 (8 bits of precision, the range of float32). Everything else stays float32: the sums within
// a product, where the engine lets the result be float32, maps between the layers, moments, depthwise convolutions, which
// are sums and no products of matrices, and gradients after their sum.

// precisionKey is the key under which a graph has its precision.
type precisionKey struct{}

// UseBFloat16 makes all later products and convolutions of g round their operands to bfloat16.
func UseBFloat16(g *graph.Graph) { g.AttachState(precisionKey{}, dtypes.BFloat16) }

func usesBFloat16(g *graph.Graph) bool { return g.State(precisionKey{}) != nil }

// rounded is x in the precision of its graph's products.
func rounded(x *Node) *Node {
	if !usesBFloat16(x.Graph()) {
		return x
	}
	return graph.ConvertDType(x, dtypes.BFloat16)
}

// dotGeneral is graph.DotGeneral in the precision of the graph, without an automatic gradient. The sums are float32.
func dotGeneral(a *Node, aContract, aBatch []int, b *Node, bContract, bBatch []int) *Node {
	if !usesBFloat16(a.Graph()) {
		return graph.DotGeneral(a, aContract, aBatch, b, bContract, bBatch)
	}
	return graph.Dot(rounded(a), rounded(b)).WithAccumulatorDType(dtypes.Float32).WithOutputDType(dtypes.Float32).
		General(aContract, aBatch, bContract, bBatch)
}

// MatMul is the product of matrices x [B K] and matrix [K C].
func MatMul(x, matrix *Node) *Node {
	if !usesBFloat16(x.Graph()) {
		return graph.Dot(x, matrix).MatMul()
	}
	// GoMLX's gradient would round the gradient of the matrix after the sum, too.
	return withGradient(
		func(in ...*Node) *Node { return dotGeneral(in[0], []int{1}, nil, in[1], []int{0}, nil) },
		func(cotangent *Node) []*Node {
			return []*Node{
				dotGeneral(cotangent, []int{1}, nil, graph.StopGradient(matrix), []int{1}, nil),
				dotGeneral(graph.StopGradient(x), []int{0}, nil, cotangent, []int{0}, nil),
			}
		}, x, matrix)
}

// inPrecision is a convolution of x and kernel, which convolve computes, in the precision of the graph. GoMLX gives the result
// the type of the operands, so that it is rounded, too; the engine still sums in float32.
func inPrecision(x, kernel *Node, convolve func(x, kernel *Node) *Node) *Node {
	return graph.ConvertDType(convolve(rounded(x), rounded(kernel)), x.DType())
}
