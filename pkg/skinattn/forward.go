package skinattn

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// Preprocessed turns RGB pixels 0..255 [B H W 3], of any number type, into what
// the backbone is fed: float32 in the network's channel order and scaling.
func (n *Network) Preprocessed(pixels *graph.Node) *graph.Node {
	order := n.ChannelOrder
	if n.Preprocess == imaging.PreprocessCaffe { // Keras's caffe mode turns the channels round
		order = order.Reversed()
	}
	if order == imaging.BGROrder {
		pixels = channelsReversed(pixels)
	}
	x := graph.ConvertDType(pixels, dtypes.Float32)
	perChannel := func(values ...float32) *graph.Node {
		return graph.ExpandLeftToRank(graph.Const(x.Graph(), values), 4)
	}
	switch n.Preprocess {
	case imaging.PreprocessTF:
		x = graph.AddScalar(graph.DivScalar(x, 127.5), -1)
	case imaging.PreprocessCaffe:
		x = graph.Sub(x, perChannel(103.939, 116.779, 123.68))
	case imaging.PreprocessTorch:
		x = graph.Div(graph.Sub(graph.DivScalar(x, 255), perChannel(.485, .456, .406)), perChannel(.229, .224, .225))
	}
	return x
}

// channelsReversed turns the last axis of images round. XLA makes vector
// instructions of a reversal on a CPU, not of slices put together; but GoMLX has
// a gradient for the slices alone, which floats need.
func channelsReversed(pixels *graph.Node) *graph.Node {
	if !pixels.DType().IsFloat() {
		return graph.Reverse(pixels, -1)
	}
	channel := func(c int) *graph.Node {
		return graph.Slice(pixels, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(), graph.AxisRange(c, c+1))
	}
	return graph.Concatenate([]*graph.Node{channel(2), channel(1), channel(0)}, -1)
}

// Forward computes all layers for pixels [B H W 3], or features (see AfterCut),
// and encoded metadata
// [B MetadataWidth] (nil if the network takes none), and returns the outputs
// by layer name; see layers.Builder.Build.
func (n *Network) Forward(b *layers.Builder, pixels, metadata *graph.Node) map[string]*graph.Node {
	inputs := map[string]*graph.Node{}
	if n.fromFeatures {
		inputs[n.Cut] = pixels
	} else {
		inputs[backbone.InputLayer] = n.Preprocessed(pixels)
	}
	if n.Metadata {
		columns := func(from, to int) *graph.Node {
			return graph.Slice(metadata, graph.AxisRange(), graph.AxisRange(from, to))
		}
		inputs[AgeInput] = columns(0, 1)
		inputs[SexInput] = columns(1, 1+sexWidth)
		inputs[LocalizationInput] = columns(1+sexWidth, MetadataWidth)
	}
	return b.Build(n.Graph, inputs)
}
