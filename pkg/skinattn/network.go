package skinattn

import (
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
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
	// BatchNormMomentum, where above 0, replaces that of the Keras network. Its
	// moving averages need thousands of steps to settle, more than a short run has.
	BatchNormMomentum float64 `json:"batch_norm_momentum,omitempty"`
}

// DefaultConfig is the authors' network on the given backbone in the metadata
// regime, as their code ran it.
func DefaultConfig(name string) (Config, error) {
	b, err := backbone.Find(name)
	if err != nil {
		return Config{}, err
	}
	return Config{
		Backbone: b.Name, Cut: b.Cuts[0].Layer, Size: b.Input,
		SoftAttention: true, Metadata: true, Dropout: .5,
		ChannelOrder: b.Preprocessing.Metadata.Order.String(), Preprocess: b.Preprocessing.Metadata.Preprocess,
	}, nil
}

// Sizes of the paper's head (paper_facts: section 2.4 and figure 5 of the paper).
const (
	attentionHeads = 16   // m of the SoftAttention layer
	metadataUnits  = 4096 // of the dense branch
)

// Names of the layers that carry weights beyond the backbone; they are Keras's
// automatic names in the authors' network.
const (
	AttentionLayer     = "soft_attention"
	NormalizationLayer = "normalization"
	metadataLayer      = "dense"
	metadataOnlyDense  = "dense_1"
)

// Inputs of the metadata branch.
const (
	ageInput          = "age"
	sexInput          = "sex"
	localizationInput = "localization"
)

// Network describes a network: its layers, without weights.
type Network struct {
	Config
	Graph  *layers.Graph
	Output string // the softmax layer

	order imaging.Order
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
	if cfg.BatchNormMomentum < 0 || cfg.BatchNormMomentum >= 1 {
		return nil, fmt.Errorf("batch-norm momentum is %g; it must be in [0, 1)", cfg.BatchNormMomentum)
	}
	if err := cfg.Preprocess.Validate(); err != nil {
		return nil, err
	}
	n := &Network{Config: cfg}
	if n.order, err = imaging.ParseOrder(cfg.ChannelOrder); err != nil {
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
	if err := layers.Try(n.addHead); err != nil {
		return nil, fmt.Errorf("building the head on %s: %w", b.Name, err)
	}
	return n, nil
}

// addHead adds everything after the cut, as the authors' notebooks do.
func (n *Network) addHead() {
	g := n.Graph
	features := n.Cut
	if n.SoftAttention {
		attended := g.Add(AttentionLayer, layers.SoftAttention{Heads: attentionHeads}, features)
		pool := layers.MaxPooling2D{Window: 2, Padding: layers.Same}
		attended = g.Add("attention_pool", pool, attended)
		pooled := g.Add("feature_pool", pool, features)
		features = g.Add("attention_concat", layers.Concatenate{}, pooled, attended)
	}
	features = g.Add("features_relu", layers.ReLU{}, features)
	features = g.Add("features_dropout", layers.Dropout{Rate: n.Dropout}, features)
	features = g.Add("features_flat", layers.Flatten{}, features)
	n.Output = metadataLayer
	if n.Metadata {
		age := g.Add(ageInput, layers.Input{Dims: layers.Shape{1}})
		sex := g.Add(sexInput, layers.Input{Dims: layers.Shape{sexWidth}})
		localization := g.Add(localizationInput, layers.Input{Dims: layers.Shape{localizationWidth}})
		age = g.Add(NormalizationLayer, layers.Normalization{}, age)
		metadata := g.Add("metadata", layers.Concatenate{}, age, sex, localization)
		metadata = g.Add(metadataLayer, layers.Dense{Units: metadataUnits, Activation: "relu"}, metadata)
		features = g.Add("features_and_metadata", layers.Concatenate{}, features, metadata)
		n.Output = metadataOnlyDense
	}
	g.Add(n.Output, layers.Dense{Units: ham10000.NumClasses, Activation: "softmax"}, features)
}
