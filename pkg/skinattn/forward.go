package skinattn

import (
	"maps"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// Preprocessed turns RGB pixels 0..255 [B H W 3], of any number type, into the input of
// the backbone: float32 in the network's channel order and scaling. It is
// [imaging.Preprocess.Apply] on the engine.
func (n *Network) Preprocessed(pixels *graph.Node) *graph.Node {
	scaling, order := n.Preprocess.Scaling(), n.ChannelOrder
	if scaling.Reverse {
		order = order.Reversed()
	}
	if order == imaging.BGROrder {
		pixels = channelsReversed(pixels)
	}
	x := graph.ConvertDType(pixels, dtypes.Float32)
	perChannel := func(values [3]float32) *graph.Node {
		return graph.ExpandLeftToRank(graph.Const(x.Graph(), values[:]), 4)
	}
	all := func(v float32) [3]float32 { return [3]float32{v, v, v} }
	if scaling.Divisor != 1 {
		x = graph.DivScalar(x, scaling.Divisor)
	}
	switch scaling.Mean {
	case all(0):
	case all(scaling.Mean[0]):
		x = graph.AddScalar(x, -scaling.Mean[0])
	default:
		x = graph.Sub(x, perChannel(scaling.Mean))
	}
	if scaling.Std != all(1) {
		x = graph.Div(x, perChannel(scaling.Std))
	}
	return x
}

// channelsReversed reverses the last axis of images. Of Reverse, XLA makes vector
// instructions on a CPU, of concatenated slices it does not; but GoMLX differentiates
// slices only, and floats need a gradient.
func channelsReversed(pixels *graph.Node) *graph.Node {
	if !pixels.DType().IsFloat() {
		return graph.Reverse(pixels, -1)
	}
	channel := func(c int) *graph.Node {
		return graph.Slice(pixels, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(), graph.AxisRange(c, c+1))
	}
	return graph.Concatenate([]*graph.Node{channel(2), channel(1), channel(0)}, -1)
}

// Forward adds all layers to the graph, for pixels [B H W 3], or features (see AfterCut),
// and encoded metadata [B MetadataWidth] (ignored if the network takes none). It returns
// the outputs by layer name; see layers.Builder.Build.
func (n *Network) Forward(b *layers.Builder, pixels, metadata *graph.Node) map[string]*graph.Node {
	inputs := map[string]*graph.Node{}
	if n.fromFeatures {
		inputs[n.Cut] = pixels
	} else {
		inputs[backbone.InputLayer] = n.Preprocessed(pixels)
	}
	if n.Metadata {
		maps.Copy(inputs, n.metadataInputs(metadata))
	}
	return b.Build(n.Graph, inputs)
}

// metadataInputs are the inputs of the metadata branch, by layer name, from encoded metadata
// [B MetadataWidth].
func (n *Network) metadataInputs(metadata *graph.Node) map[string]*graph.Node {
	columns := func(from, to int) *graph.Node {
		return graph.Slice(metadata, graph.AxisRange(), graph.AxisRange(from, to))
	}
	return map[string]*graph.Node{
		AgeInput:          columns(0, 1),
		SexInput:          columns(1, 1+sexWidth),
		LocalizationInput: columns(1+sexWidth, MetadataWidth),
	}
}
