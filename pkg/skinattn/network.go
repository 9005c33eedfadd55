package skinattn

import (
	"cmp"
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// AuthorsNetwork is the authors' network on the given backbone in their code of a
// variant. A backbone that they trained in the augmented variant alone has no other. The
// augmented variant has no metadata.
func AuthorsNetwork(backboneName string, variant spec.Variant) (spec.Network, error) {
	b, err := backbone.Find(backboneName)
	if err != nil {
		return spec.Network{}, err
	}
	if b.AugmentedOnly {
		variant = spec.Augmented
	}
	n := spec.AuthorsDefaults()
	n.Backbone, n.Cut, n.Size = b.Name, b.Cuts[0].Layer, b.Input
	pixels, pooling := b.Preprocessing.Metadata, b.Pooling.Metadata
	if variant == spec.Augmented {
		cut, err := b.Cut(b.AugmentedCut)
		if err != nil {
			return n, err
		}
		n.Cut, n.Metadata = cut.Layer, false
		pixels, pooling = b.Preprocessing.Augmented, b.Pooling.Augmented
	}
	n.ChannelOrder, n.Preprocess = pixels.Order, pixels.Preprocess
	if pooling != spec.Flatten { // a configuration leaves the default out
		n.Head = pooling
	}
	return n, nil
}

// Resolve is the network that a regime trains on a backbone: the authors' network of
// the regime's variant, with the options that the regime sets.
func Resolve(backboneName string, regime spec.Regime) (spec.Network, error) {
	n, err := AuthorsNetwork(backboneName, regime.Variant)
	return n.With(regime.Network), err
}

// attentionHeads is m, the number of maps of the SoftAttention layer (paper, section 2.4).
const attentionHeads = 16

// Names of layers with weights behind the backbone: Keras's automatic names in the authors'
// network.
const (
	AttentionLayer     = "soft_attention"
	NormalizationLayer = "normalization"
)

// Keras's classes of layers with weights that a head can have several times; Keras names
// these layers automatically.
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
	spec.Network
	Graph  *layers.Graph
	Output string // the softmax layer

	fromFeatures bool // the input is features; see AfterCut
}

// NewNetwork describes the network that cfg means. An empty cut and a size of 0
// stand for the backbone's own.
func NewNetwork(cfg spec.Network) (*Network, error) {
	b, err := backbone.Find(cfg.Backbone)
	if err != nil {
		return nil, err
	}
	cfg.Cut = cmp.Or(cfg.Cut, b.Cuts[0].Layer)
	cfg.Size = cmp.Or(cfg.Size, b.Input)
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	n := &Network{Network: cfg}
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
