package kernels

import "github.com/gomlx/gomlx/core/graph"

// Collected is the maps of a DenseNet block side by side along the channels, in training. All lie in one buffer, to which
// every layer of the block adds its map, and every layer reads all maps before its own. Concatenations would be as many
// copies, of up to fifty maps each, and automatic differentiation would keep every layer's normalised copy for the
// gradient. Here the gradient computes it again from the buffer (Pleiss et al., arXiv:1707.06990).
type Collected struct {
	channels int // of the maps so far
	node     *Node
	block    *block
}

// block is what all steps of a collection share.
type block struct {
	// buffer [B H W capacity] has all maps that were added, without a gradient. Every step is another node; XLA writes it
	// over the one before, whose readers have all been computed: they come before the map that is added. A gradient reads
	// the last one, since XLA would have to copy any other.
	buffer *Node
}

// Collect begins with x [B H W C], in a buffer of capacity channels.
func Collect(x *Node, capacity int) Collected {
	channels := x.Shape().Dimensions[3]
	return Collected{channels, x, &block{padEnd(graph.StopGradient(x), 3, capacity-channels)}}
}

// Add adds x [B H W C].
func (c Collected) Add(x *Node) Collected {
	from, to := c.channels, c.channels+x.Shape().Dimensions[3]
	at := make([]*Node, 4)
	for axis, start := range []int{0, 0, 0, from} {
		at[axis] = number(x.Graph(), start)
	}
	c.block.buffer = graph.DynamicUpdateSlice(c.block.buffer, graph.StopGradient(x), at)
	buffer, collected := c.block.buffer, c.node
	c.channels = to
	c.node = withGradient(
		func(...*Node) *Node { return graph.SliceAxis(buffer, -1, graph.AxisRange(0, to)) },
		func(cotangent *Node) []*Node {
			// Without the barrier XLA would compute the sum over all later layers for each part. Its other value is the last buffer, as above.
			cotangent = materialize(cotangent, c.block.buffer)
			return []*Node{graph.SliceAxis(cotangent, -1, graph.AxisRange(0, from)), graph.SliceAxis(cotangent, -1, graph.AxisRange(from, to))}
		}, collected, x)
	return c
}

// Maps are the maps so far, [B H W C].
func (c Collected) Maps() *Node { return c.node }

// Pointwise multiplies the channels by scale and adds shift, [C] each, and applies a ReLU with a limit (0: none) and a 1x1
// convolution with a kernel [1 1 C Cout]: [B H W Cout].
func (c Collected) Pointwise(scale, shift *Node, limit float64, kernel *Node) *Node {
	size := kernel.Shape().Dimensions
	matrix := graph.Reshape(graph.StopGradient(kernel), size[2], size[3])
	vectors := graph.OptimizationBarriers(graph.StopGradient(scale), graph.StopGradient(shift))
	// activated gives the maps in a buffer, and what the convolution sees of them.
	activated := func(buffer *Node) (x, y *Node) {
		x = graph.SliceAxis(buffer, -1, graph.AxisRange(0, c.channels))
		return x, clip(AddChannels(ScaleChannels(x, vectors[0]), vectors[1]), limit)
	}
	return withGradient(
		func(...*Node) *Node {
			_, y := activated(c.block.buffer)
			return pointwise(y, matrix, false)
		},
		func(cotangent *Node) []*Node {
			// The barrier keeps XLA from computing the maps of all layers before the first is needed.
			x, y := activated(materialize(c.block.buffer, cotangent))
			back := reluGradient(y, pointwise(cotangent, matrix, true), limit)
			sum, products := channelSums(back, x, vectors[0])
			return []*Node{ScaleChannels(back, vectors[0]), products, sum, graph.Reshape(contractPositions(y, cotangent), size...)}
		}, c.node, scale, shift, kernel)
}
