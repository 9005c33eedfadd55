package backbone

import (
	"fmt"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// Backbone is one row of the table.
type Backbone struct {
	Name  string // the word used everywhere: command line, files, JSON
	Title string // for people
	Paper string // where the network was published
	URL   string // of that paper

	Input int // pixels, width and height, of the ImageNet weights

	// Preprocess is what the authors' code applied to the pixels, and Order the
	// channel order it applied it to, in the metadata regime.
	Preprocess imaging.Preprocess
	Order      imaging.Order

	// Cut is the layer whose output goes on to the Soft-Attention block, as the
	// authors took it: Keras's name and its index in the model with top.
	Cut      string
	CutIndex int
	CutNote  string // what it is in words

	Weights Weights

	build func(g *layers.Graph, size int)
}

// Weights is a Keras applications weights file.
type Weights struct {
	URL     string `json:"url"`    // without top
	MD5     string `json:"md5"`    // as Keras publishes it, empty if it publishes none
	SHA256  string `json:"sha256"` // where there is no MD5, empty if unknown
	Licence string `json:"licence"`
}

const kerasApplications = "https://storage.googleapis.com/tensorflow/keras-applications/"

// Table has a row for every network.
var Table = []*Backbone{
	{
		Name:  "mobilenet_v2",
		Title: "MobileNetV2",
		Paper: "Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018",
		URL:   "https://arxiv.org/abs/1801.04381",
		Input: 224, Preprocess: imaging.PreprocessTF, Order: imaging.BGROrder,
		Cut: "block_14_depthwise", CutIndex: 128,
		CutNote: "depthwise convolution of the 15th inverted residual block, before its batch norm",
		Weights: Weights{
			URL:     kerasApplications + "mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
			Licence: "Apache-2.0",
		},
		build: mobileNetV2,
	},
}

// Names lists the networks in table order.
func Names() []string {
	names := make([]string, len(Table))
	for i, b := range Table {
		names[i] = b.Name
	}
	return names
}

// Find returns the row of that name.
func Find(name string) (*Backbone, error) {
	for _, b := range Table {
		if b.Name == name {
			return b, nil
		}
	}
	return nil, fmt.Errorf("backbone %q is unknown; choose one of %s", name, strings.Join(Names(), ", "))
}

// InputLayer is the name of every backbone's image input.
const InputLayer = "input_1"

// Graph describes the whole ImageNet network, top included, at a square input
// of size pixels (0 is the network's own). Its layers have Keras's names and
// order.
func (b *Backbone) Graph(size int) (*layers.Graph, error) {
	if size == 0 {
		size = b.Input
	}
	g := &layers.Graph{}
	if err := layers.Try(func() { b.build(g, size) }); err != nil {
		return nil, fmt.Errorf("building %s at %d px: %w", b.Name, size, err)
	}
	return g, nil
}

// CutGraph describes the network up to the authors' cut.
func (b *Backbone) CutGraph(size int) (*layers.Graph, error) {
	g, err := b.Graph(size)
	if err != nil {
		return nil, err
	}
	return g.Cut(b.Cut)
}
