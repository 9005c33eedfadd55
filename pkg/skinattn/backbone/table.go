package backbone

import (
	"fmt"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// Table has a row for every network, each written beside its builder.
var Table = []*Backbone{
	denseNet201,
	inceptionResNetV2,
	resNet50,
	resNet152,
	nasNetLarge,
	nasNetMobile,
	mobileNet,
	mobileNetV2,
	mobileNetV3Small,
	mobileNetV3Large,
	vgg16,
	resNet34,
}

// Backbone is one row of the table: everything particular to a network, except a
// regime's changes, which are in package spec because it knows no engine. Tests, the
// Python scripts in tools and bench, and the documents get their networks from here.
type Backbone struct {
	Name  string // the word used everywhere: command line, files, JSON
	Title string // for people; the class of keras.applications, if Weights has a file
	Paper Paper  // where the network was published

	Input int // width and height in pixels at which the ImageNet weights were trained, or the network, where it has none

	Preprocessing Preprocessing
	// BatchNorm holds the constants of the network's batch norms.
	BatchNorm layers.BatchNormalization

	// Cuts are the layers whose output goes on to the Soft-Attention block. The paper's
	// row has the first cut; the others have a Name.
	Cuts []Cut
	// AugmentedCut names the cut of the augmented regime, "" if it is the first.
	AugmentedCut string
	// AugmentedOnly is set if the authors trained the network in the augmented regime alone.
	AugmentedOnly bool
	// TrainedOnCPU is set if the authors trained the network on a CPU, where
	// TensorFlow's attention reads other channels than documented; see
	// layers.SoftAttention.
	TrainedOnCPU bool
	// Pooling says how the block's output becomes the features for the last dense
	// layer.
	Pooling Pooling

	Weights Weights

	// UncountedLayers are layers of the top whose names look automatic, but stand in
	// Keras's source: Keras's counters of automatic names skip them.
	UncountedLayers []string

	// Rows lists the rows of the paper's tables that have results of this network,
	// such as "Table 5 (AD, MD)".
	Rows []string
	// Deviations describes choices made here because the authors' code leaves them
	// open, empty if there are none.
	Deviations string
	// Differs describes where the paper and the authors' code differ.
	Differs string

	// keras3Name translates the names of layers that Keras 3 has renamed; nil if it has not.
	keras3Name func(name string) string
	// build adds the whole ImageNet network behind the input x, top included, as Keras
	// numbers and names its layers.
	build func(b builder, x string)
	// tail, where not nil, adds the layers between the Soft-Attention block and the last
	// dense layer, in place of the head's flattening, and returns the last one. The
	// authors built networks with a tail around the block.
	tail func(b builder, x string) string
}

// Paper is a publication.
type Paper struct {
	Title string `json:"title"`
	URL   string `json:"url"`
}

// Preprocessing has a network's pixels by source.
type Preprocessing struct {
	Metadata  Pixels // of the authors' code in the metadata regime
	Augmented Pixels // of the authors' code in the augmented regime
	Printed   Pixels // of the paper, section 2.2.2; zero if it names none
	Keras     Pixels // of Keras's ImageNet weights; zero for networks without weights
}

// kerasPixels is the preprocessing of a network from Keras, whose own mode is keras and
// whose mode in the metadata regime was metadata. The augmented regime scaled to -1..1.
func kerasPixels(metadata, keras imaging.Preprocess) Preprocessing {
	own := Pixels{keras, imaging.RGBOrder}
	return Preprocessing{Metadata: Pixels{metadata, imaging.BGROrder}, Augmented: augmentedPixels, Printed: own, Keras: own}
}

// augmentedPixels is the preprocessing of all networks in the authors' augmented regime.
var augmentedPixels = Pixels{imaging.PreprocessTF, imaging.RGBOrder}

// Pixels is a scaling and the channel order that it is applied to. The zero value, which
// has no scaling, stands for an unknown or absent preprocessing.
type Pixels struct {
	Preprocess imaging.Preprocess
	Order      imaging.Order
}

// Known reports whether the preprocessing is known.
func (p Pixels) Known() bool { return p.Preprocess != "" }

// String is the scaling and the channel order, such as "tf, bgr".
func (p Pixels) String() string {
	if !p.Known() {
		return "-"
	}
	return fmt.Sprintf("%s, %s", p.Preprocess, p.Order)
}

// Cut is a layer at which the authors ended a backbone.
type Cut struct {
	Name  string // "" for the network's first cut, else the authors' index, such as "-34"
	Layer string // Keras's name
	Index int    // Keras's index in the model with top
	Shape layers.Shape
	Note  string // the layer in words

	// Metadata and Augmented are the parameter totals of the authors' Keras network with
	// this cut, with and without metadata, from their model summaries; zero where they
	// give none. Tests hold them against the built graph.
	Metadata, Augmented Parameters
}

// Parameters are Keras's counts of a network's scalars.
type Parameters struct{ Total, Trainable int }

// Pooling has the pooling of each variant.
type Pooling struct{ Metadata, Augmented spec.Pooling }

// Weights are Keras applications weights files with ImageNet weights. All
// fields are empty for a network that Keras does not have.
type Weights struct {
	URL     string `json:"url"`    // without top
	MD5     string `json:"md5"`    // as Keras publishes it, empty if it publishes none
	SHA256  string `json:"sha256"` // where there is no MD5, empty if unknown
	Licence string `json:"licence"`

	TopURL string `json:"top_url,omitempty"` // the same network with its top
	TopMD5 string `json:"top_md5,omitempty"`
}

// kerasWeights are two files of Keras applications, without and with the top, and the
// MD5 of each, empty if Keras publishes none.
func kerasWeights(file, md5, topFile, topMD5 string) Weights {
	const folder = "https://storage.googleapis.com/tensorflow/keras-applications/"
	return Weights{URL: folder + file, MD5: md5, Licence: "Apache-2.0", TopURL: folder + topFile, TopMD5: topMD5}
}

// Names lists the networks in table order.
func Names() []string {
	names := make([]string, len(Table))
	for i, b := range Table {
		names[i] = b.Name
	}
	return names
}

// Find returns the row of the named network.
func Find(name string) (*Backbone, error) {
	for _, b := range Table {
		if b.Name == name {
			return b, nil
		}
	}
	return nil, fmt.Errorf("backbone %q is unknown; choose one of %s", name, strings.Join(Names(), ", "))
}

// Cut returns the named cut; "" names the cut of the paper's row.
func (b *Backbone) Cut(name string) (Cut, error) {
	var names []string
	for _, cut := range b.Cuts {
		if cut.Name == name {
			return cut, nil
		}
		names = append(names, fmt.Sprintf("%q", cut.Name))
	}
	return Cut{}, fmt.Errorf("%s has no cut %q; it has %s", b.Title, name, strings.Join(names, ", "))
}

// InputLayer is the name of every backbone's image input.
const InputLayer = "input_1"

// Graph describes the whole network, top included, at a square input of size pixels (0
// stands for Input). Its layers have Keras's names and order. The top has ImageNet's
// classes, or the seven classes of lesions if the authors built the network from scratch.
func (b *Backbone) Graph(size int) (*layers.Graph, error) {
	if size == 0 {
		size = b.Input
	}
	g := &layers.Graph{}
	if err := layers.Try(func() {
		b.build(builder{g, b.BatchNorm}, g.Add(InputLayer, layers.Input{Dims: layers.Shape{size, size, 3}}))
	}); err != nil {
		return nil, fmt.Errorf("building %s at %d px: %w", b.Name, size, err)
	}
	return g, nil
}

// HasTail reports whether the Soft-Attention block stands in the middle of the network,
// before the layers of AddTail.
func (b *Backbone) HasTail() bool { return b.tail != nil }

// AddTail adds the layers between x, the end of the Soft-Attention block, and the last
// dense layer. It returns the last layer, a vector.
func (b *Backbone) AddTail(g *layers.Graph, x string) string {
	return b.tail(builder{g, b.BatchNorm}, x)
}
