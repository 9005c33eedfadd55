package spec

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// Network names one network of the paper's family by its options. It is part of a
// run folder's config.json. The help tags say what the fields do, and the comments
// what the tags leave out; Option explains the tags.
type Network struct {
	Backbone string `json:"backbone" flag:"-" help:"Name in the table of networks."`
	Cut      string `json:"cut" flag:"-" help:"Keras layer at which the backbone ends."`             // empty: the authors' cut
	Size     int    `json:"size" flag:"-" range:"[0,4096]" help:"Input width and height in pixels."` // 0: the backbone's own

	SoftAttention bool               `json:"soft_attention" default:"true" help:"Use the Soft-Attention block."` // false: the cut features go on directly
	Metadata      bool               `json:"metadata" default:"true" help:"Use age, sex and localization."`      // the dense branch for them
	Dropout       float64            `json:"dropout" default:"0.5" range:"[0,1)" help:"Rate after the Soft-Attention block." label:"dropout after Soft-Attention"`
	ChannelOrder  imaging.Order      `json:"channel_order" enum:"rgb,bgr" help:"rgb or bgr; empty: as the authors fed the network." zero:"of the notebook: bgr"`
	Preprocess    imaging.Preprocess `json:"preprocess" enum:"tf,caffe,torch,none" help:"tf, caffe, torch or none; empty: as the authors scaled the pixels." label:"pixel scaling" zero:"of the notebook"`
	Resize        imaging.ResizeMode `json:"resize,omitempty" enum:"stretch,antialias" help:"empty (centre crop, bilinear), stretch (nearest pixel) or antialias (centre crop, bilinear with antialiasing)." zero:"centre crop, bilinear"`
	// Oversample lets turned, moved and enlarged views be as sharp as upright ones: a view
	// is sampled from the larger photo in one step, which also reduces it.
	Oversample float64 `json:"oversample,omitempty" range:"[0,4]" help:"Width of the photos that views, upright ones too, are sampled from, as a multiple of the input's width; 0: photos of the input's width." label:"width of the photos that views are sampled from" zero:"of the input"`
	// BatchNormMomentum is for short runs: with the Keras network's own, the moving
	// averages need thousands of steps to settle.
	BatchNormMomentum float64 `json:"batch_norm_momentum,omitempty" range:"[0,1)" help:"Decay of the moving averages, in place of the network's own." label:"batch-norm momentum" zero:"the network's"`
	// Views is used by skinattn.Model.PredictViews. Above its limit a mean hardly
	// changes, and a prediction takes all day.
	Views int `json:"views,omitempty" range:"[0,64]" help:"Final predictions are the mean over this many turned views of a photo; 0: the photo alone." label:"turned views of a prediction"`

	// The options below are variants that the authors tried; their zero values give
	// the networks of the paper's tables.

	// Head is ignored by a network with the attention in its middle.
	Head Pooling `json:"head,omitempty" enum:"flatten,gap" help:"How features become a vector: flatten or gap; empty: as in the notebook." zero:"of the notebook"`
	// AttentionWindow CenterWindow means the three in the middle; see
	// layers.SoftAttention.
	AttentionWindow string `json:"attention_window,omitempty" enum:"center" help:"Channels that Soft-Attention looks at: empty (the first three) or center." label:"channels that Soft-Attention sees" zero:"first three"`
	// Gamma is in the paper's formula and not in the authors' code.
	Gamma             bool   `json:"gamma,omitempty" help:"Scale the attended features by a learned number." label:"learned scalar gamma" beyond:"paper"`
	MetadataBatchNorm string `json:"metadata_batch_norm,omitempty" enum:"before,both" help:"Batch norm with ReLU before the dense layers of the metadata branch, or before and after: before or both." beyond:"paper"`
	// MetadataUnits has 0 in its unused places, which are last. All 0 means one layer
	// of DefaultMetadataUnits.
	MetadataUnits [3]int `json:"metadata_units,omitzero" range:"[0,16384]" help:"Widths of the dense layers of the metadata branch, up to three (default: 4096)." placeholder:"N" beyond:"paper"`
	// MetadataDropout drops features; the regime's option of that name hides inputs.
	MetadataDropout float64 `json:"metadata_dropout,omitempty" range:"[0,1)" flag:"metadata-branch-dropout" help:"Dropout rate at the end of the metadata branch." label:"dropout of the metadata branch" beyond:"paper"`
	ExtendedDense   int     `json:"extended_dense,omitempty" range:"[0,16384]" help:"Width of one more dense layer, with ReLU, before the last; 0: none." beyond:"paper"`
	PoolsBefore     int     `json:"pools_before,omitempty" range:"[0,10]" help:"Number of 2x2 max poolings before Soft-Attention." beyond:"paper"`
}

// Pooling says how a feature map becomes a vector.
type Pooling string

// The two ways of the authors.
const (
	Flatten Pooling = "flatten"
	GAP     Pooling = "gap" // global average pooling
)

// Values of Network.MetadataBatchNorm.
const (
	BatchNormBefore = "before" // before the dense layers
	BatchNormBoth   = "both"   // before and after
)

// DefaultMetadataUnits is the width of the metadata branch's dense layer (paper
// section 2.2.2).
const DefaultMetadataUnits = 4096

// AuthorsDefaults is the network with the options that the authors chose for every
// backbone.
func AuthorsDefaults() (n Network) {
	for _, o := range NetworkOptions() {
		text := o.tag.Get("default")
		if text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(text), o.In(&n).Addr().Interface()); err != nil {
			panic(fmt.Sprintf("option %s: %v", o.Path, err))
		}
	}
	return n
}

// With is n with the non-zero options of over in place of its own.
func (n Network) With(over Network) Network {
	for _, o := range NetworkOptions() {
		if value := o.In(&over); !value.IsZero() {
			o.In(&n).Set(value)
		}
	}
	return n
}

// PhotoSize is the width and height in pixels of the photos that the network's views are
// sampled from: Size, or Oversample times as much.
func (n Network) PhotoSize() int {
	if n.Oversample == 0 {
		return n.Size
	}
	return int(math.Round(n.Oversample * float64(n.Size)))
}

// Check finds options that make no sense.
func (n Network) Check() error {
	if err := checkOptions(NetworkOptions(), &n, false); err != nil {
		return err
	}
	if n.Oversample > 0 && n.Oversample < 1 {
		return fmt.Errorf("oversample is %g; it must be 0 or at least 1", n.Oversample)
	}
	for i, units := range n.MetadataUnits {
		if i > 0 && units > 0 && n.MetadataUnits[i-1] == 0 {
			return fmt.Errorf("the dense layers of the metadata branch have %v units; each must have at least 1, and 0 stand at the end only", n.MetadataUnits)
		}
	}
	return nil
}

// Additions are the options, such as "gamma true", that the networks of the paper's
// tables lack.
func (n Network) Additions() (texts []string) {
	for _, o := range NetworkOptions() {
		if value := o.In(&n); o.BeyondPaper() && !value.IsZero() {
			texts = append(texts, fmt.Sprint(o.words(), " ", value.Interface()))
		}
	}
	return texts
}
