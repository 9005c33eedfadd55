package skinattn

import (
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// Config says which network of the paper's family is meant. It is part of a
// run folder's config.json.
type Config struct {
	Backbone      string             `json:"backbone"`
	Cut           string             `json:"cut"`            // Keras layer name; empty: the authors' cut
	Size          int                `json:"size"`           // input width and height in pixels
	SoftAttention bool               `json:"soft_attention"` // false: the cut features go on directly
	Metadata      bool               `json:"metadata"`       // the dense branch for age, sex, localization
	Dropout       float64            `json:"dropout"`        // rate after the Soft-Attention block
	ChannelOrder  string             `json:"channel_order"`  // rgb or bgr: what the network is fed
	Preprocess    imaging.Preprocess `json:"preprocess"`     // how pixels are scaled
	// Resize is how a photo becomes square: empty for Keras's smart_resize, or
	// "stretch"; see imaging.Fit.
	Resize string `json:"resize,omitempty"`
	// BatchNormMomentum, where above 0, replaces that of the Keras network. Its
	// moving averages need thousands of steps to settle, more than a short run has.
	BatchNormMomentum float64 `json:"batch_norm_momentum,omitempty"`
	// Views, where above 0, is the number of turned views of an image that a
	// prediction is the mean of; see Model.PredictViews.
	Views int `json:"views,omitempty"`

	// What follows are the variants that the authors tried; the zero values are
	// the networks of the paper's tables.

	// Head says how the features become a vector; empty means flattened. A
	// network with the attention in its middle has its own way.
	Head backbone.Head `json:"head,omitempty"`
	// AttentionWindow says which channels the attention looks at: empty means the
	// first three, WindowCenter those in the middle; see layers.SoftAttention.
	AttentionWindow string `json:"attention_window,omitempty"`
	// Gamma multiplies the attended features by a learned scalar, as the paper's
	// formula has it.
	Gamma bool `json:"gamma,omitempty"`
	// MetadataBatchNorm puts a batch norm with ReLU around the metadata branch:
	// BatchNormBefore or BatchNormBoth.
	MetadataBatchNorm string `json:"metadata_batch_norm,omitempty"`
	// MetadataUnits are the widths of the branch's dense layers, of which there
	// are at most three: the rest is 0. All 0 means one of 4096.
	MetadataUnits [3]int `json:"metadata_units,omitzero"`
	// MetadataDropout is the rate of a dropout at the end of the branch.
	MetadataDropout float64 `json:"metadata_dropout,omitempty"`
	// ExtendedDense is the width of one more dense layer with ReLU before the
	// last one; 0 means none.
	ExtendedDense int `json:"extended_dense,omitempty"`
	// PoolsBefore is how many 2x2 max poolings stand before the attention.
	PoolsBefore int `json:"pools_before,omitempty"`
}

// WindowCenter is a value of Config.AttentionWindow: what TensorFlow's CPU kernel
// reads.
const WindowCenter = "center"

// Values of Config.MetadataBatchNorm.
const (
	BatchNormBefore = "before" // before the dense layers
	BatchNormBoth   = "both"   // before and after
)

// DefaultConfig is the authors' network on the given backbone in the metadata
// regime, as their code ran it; in the augmented one for the networks that they
// trained in that alone.
func DefaultConfig(name string) (Config, error) {
	b, err := backbone.Find(name)
	if err != nil {
		return Config{}, err
	}
	if b.AugmentedOnly {
		return AugmentedConfig(name)
	}
	pixels := b.Preprocessing.Metadata
	return Config{
		Backbone: b.Name, Cut: b.Cuts[0].Layer, Size: b.Input,
		SoftAttention: true, Metadata: true, Dropout: .5,
		ChannelOrder: pixels.Order.String(), Preprocess: pixels.Preprocess, Head: head(b.Heads.Metadata),
	}, nil
}

// AugmentedConfig is the authors' network on the given backbone in the
// augmented regime, which has no metadata, as their code ran it.
func AugmentedConfig(name string) (Config, error) {
	b, err := backbone.Find(name)
	if err != nil {
		return Config{}, err
	}
	cut, err := b.Cut(b.AugmentedCut)
	if err != nil {
		return Config{}, err
	}
	pixels := b.Preprocessing.Augmented
	return Config{
		Backbone: b.Name, Cut: cut.Layer, Size: b.Input,
		SoftAttention: true, Dropout: .5,
		ChannelOrder: pixels.Order.String(), Preprocess: pixels.Preprocess, Head: head(b.Heads.Augmented),
	}, nil
}

// head leaves out what a configuration without a head means.
func head(h backbone.Head) backbone.Head {
	if h == backbone.Flatten {
		return ""
	}
	return h
}

// attentionHeads is the m of the SoftAttention layer (paper section 2.4).
const attentionHeads = 16

// MetadataUnits is the width of the metadata branch's dense layer (paper
// section 2.2.2).
const MetadataUnits = 4096

// Names of the layers that carry weights beyond the backbone; they are Keras's
// automatic names in the authors' network.
const (
	AttentionLayer     = "soft_attention"
	NormalizationLayer = "normalization"
)

// Keras's classes of the layers with weights that a head can have more than
// one of; their names are automatic.
const (
	DenseClass     = "dense"
	BatchNormClass = "batch_normalization"
)

// Inputs of the metadata branch.
const (
	AgeInput          = "age"
	SexInput          = "sex"
	LocalizationInput = "localization"
)

// Network describes a network: its layers, without weights.
type Network struct {
	Config
	Graph  *layers.Graph
	Output string      // the softmax layer
	Fit    imaging.Fit // what Config.Resize says

	order imaging.Order
	// fromFeatures: the pixels have become features already; see AfterCut.
	fromFeatures bool
}

// NewNetwork describes the network that cfg means.
func NewNetwork(cfg Config) (*Network, error) {
	b, err := backbone.Find(cfg.Backbone)
	if err != nil {
		return nil, err
	}
	if cfg.Cut == "" {
		cfg.Cut = b.Cuts[0].Layer
	}
	if cfg.Size == 0 {
		cfg.Size = b.Input
	}
	if cfg.Dropout < 0 || cfg.Dropout >= 1 {
		return nil, fmt.Errorf("dropout is %g; it must be in [0, 1)", cfg.Dropout)
	}
	if cfg.Views < 0 || cfg.Views > maxViews {
		return nil, fmt.Errorf("views is %d; it must be in 0 to %d", cfg.Views, maxViews)
	}
	if cfg.BatchNormMomentum < 0 || cfg.BatchNormMomentum >= 1 {
		return nil, fmt.Errorf("batch-norm momentum is %g; it must be in [0, 1)", cfg.BatchNormMomentum)
	}
	if err := cfg.Preprocess.Validate(); err != nil {
		return nil, err
	}
	if err := cfg.checkHead(); err != nil {
		return nil, err
	}
	n := &Network{Config: cfg}
	if n.order, err = imaging.ParseOrder(cfg.ChannelOrder); err != nil {
		return nil, err
	}
	if n.Fit, err = imaging.ParseFit(cfg.Resize); err != nil {
		return nil, err
	}
	whole, err := b.Graph(cfg.Size)
	if err != nil {
		return nil, err
	}
	if n.Graph, err = whole.Cut(cfg.Cut); err != nil {
		return nil, fmt.Errorf("cutting %s: %w", b.Name, err)
	}
	if cfg.BatchNormMomentum != 0 {
		for _, layer := range n.Graph.Layers() {
			if bn, ok := layer.Op.(layers.BatchNormalization); ok {
				bn.Momentum = cfg.BatchNormMomentum
				layer.Op = bn
			}
		}
	}
	if err := layers.Try(func() { n.addHead(b, whole) }); err != nil {
		return nil, fmt.Errorf("building the head on %s: %w", b.Name, err)
	}
	return n, nil
}
