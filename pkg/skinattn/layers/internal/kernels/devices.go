package kernels

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
)

// Data parallel: several devices compute one batch together, each an equal part of it, by the same graph (GoMLX's SPMD).
// Every device has all variables. Whatever joins the images of a batch is summed over the devices: the moments of a batch
// norm and their cotangents here, the gradients of the variables by the caller of Gradient. A cotangent is that of the sum
// of all devices' losses, so the gradient of a variable, of which every device has a copy, is the sum of the devices' shares.

// Devices is the number of devices that compute a batch together in g: 1 unless g is distributed.
func Devices(g *graph.Graph) int { return max(1, g.NumDevices()) }

// SumOverDevices sums each value over the devices of its graph. The sums have no gradient. With one device they are the
// values themselves.
func SumOverDevices(values ...*Node) []*Node {
	g := values[0].Graph()
	if Devices(g) == 1 {
		return values
	}
	stopped := make([]*Node, len(values))
	for i, x := range values {
		stopped[i] = graph.StopGradient(x)
	}
	return g.Distributed().AllReduce(stopped, compute.ReduceOpSum)
}

// sharedSums is SumOverDevices with a gradient, for values of one data type. They travel together: for small sums, the
// devices' waiting for each other is what takes time.
func sharedSums(values ...*Node) []*Node {
	if Devices(values[0].Graph()) == 1 {
		return values
	}
	flat := make([]*Node, len(values))
	for i, x := range values {
		flat[i] = graph.Reshape(x, -1)
	}
	all := withGradient(
		func(in ...*Node) *Node { return SumOverDevices(in[0])[0] },
		// A sum is used on every device, so its cotangent is the sum of the devices' cotangents.
		func(cotangent *Node) []*Node { return SumOverDevices(cotangent) },
		graph.Concatenate(flat, 0))
	sums, at := make([]*Node, len(values)), 0
	for i, x := range values {
		size := x.Shape().Size()
		sums[i] = graph.Reshape(graph.Slice(all, graph.AxisRange(at, at+size)), x.Shape().Dimensions...)
		at += size
	}
	return sums
}

// PartOfBatch is device's part [b ...] of values for the whole batch [B ...]; device is an int32 scalar from 0 on. Without
// a device the part is the whole.
func PartOfBatch(whole, device *Node) *Node {
	if device == nil {
		return whole
	}
	dims := append([]int{}, whole.Shape().Dimensions...)
	dims[0] /= Devices(whole.Graph())
	return graph.DynamicSlice(whole, atFirst(graph.Mul(device, number(whole.Graph(), dims[0])), len(dims)), dims)
}

// WholeBatch joins the devices' parts [b ...] of a batch: [B ...], without a gradient. It is exact: GoMLX has no operation
// that gathers from devices, so each device adds its part to zeros. Without a device the whole is the part.
func WholeBatch(part, device *Node) *Node {
	if device == nil {
		return part
	}
	g, dims := part.Graph(), append([]int{}, part.Shape().Dimensions...)
	first := atFirst(graph.Mul(device, number(g, dims[0])), len(dims))
	dims[0] *= Devices(g)
	return SumOverDevices(graph.DynamicUpdateSlice(graph.Zeros(g, like(part, dims...)), graph.StopGradient(part), first))[0]
}
