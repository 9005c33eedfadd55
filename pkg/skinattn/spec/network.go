package spec

import (
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// Network says which network of the paper's family is meant. It is part of a
// run folder's config.json.
type Network struct {
	Backbone      string             `json:"backbone"`
	Cut           string             `json:"cut"`            // Keras layer name; empty: the authors' cut
	Size          int                `json:"size"`           // input width and height in pixels
	SoftAttention bool               `json:"soft_attention"` // false: the cut features go on directly
	Metadata      bool               `json:"metadata"`       // the dense branch for age, sex, localization
	Dropout       float64            `json:"dropout"`        // rate after the Soft-Attention block
	ChannelOrder  imaging.Order      `json:"channel_order"`  // what the network is fed
	Preprocess    imaging.Preprocess `json:"preprocess"`     // how pixels are scaled
	// Resize is how a photo becomes square.
	Resize imaging.ResizeMode `json:"resize,omitempty"`
	// BatchNormMomentum, where above 0, replaces the momentum of the Keras network's
	// batch norms. Its moving averages need thousands of steps to settle, more than
	// a short run has.
	BatchNormMomentum float64 `json:"batch_norm_momentum,omitempty"`
	// Views, where above 0, is the number of turned views of an image whose mean is
	// the prediction; see skinattn.Model.PredictViews.
	Views int `json:"views,omitempty"`

	// The options below are variants that the authors tried; their zero values give
	// the networks of the paper's tables.

	// Head says how the features become a vector; empty means flattened. A network
	// with the attention in its middle ignores it.
	Head Pooling `json:"head,omitempty"`
	// AttentionWindow says which channels the attention looks at: empty means the
	// first three, CenterWindow the three in the middle; see layers.SoftAttention.
	AttentionWindow string `json:"attention_window,omitempty"`
	// Gamma multiplies the attended features by a learned scalar, as in the paper's
	// formula.
	Gamma bool `json:"gamma,omitempty"`
	// MetadataBatchNorm puts a batch norm with ReLU around the metadata branch:
	// BatchNormBefore or BatchNormBoth.
	MetadataBatchNorm string `json:"metadata_batch_norm,omitempty"`
	// MetadataUnits are the widths of the branch's dense layers, of which there are
	// at most three; unused places are 0. All 0 means one layer of
	// DefaultMetadataUnits.
	MetadataUnits [3]int `json:"metadata_units,omitzero"`
	// MetadataDropout is the rate of a dropout at the end of the branch.
	MetadataDropout float64 `json:"metadata_dropout,omitempty"`
	// ExtendedDense is the width of one more dense layer with ReLU before the last
	// one; 0 means none.
	ExtendedDense int `json:"extended_dense,omitempty"`
	// PoolsBefore is the number of 2x2 max poolings before the attention.
	PoolsBefore int `json:"pools_before,omitempty"`
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

// maxViews is above what still changes a mean, and below what takes all day.
const maxViews = 64

// Check finds options that make no sense.
func (n Network) Check() error {
	switch {
	case n.Dropout < 0 || n.Dropout >= 1:
		return fmt.Errorf("dropout is %g; it must be in [0, 1)", n.Dropout)
	case n.Views < 0 || n.Views > maxViews:
		return fmt.Errorf("views is %d; it must be in 0 to %d", n.Views, maxViews)
	case n.BatchNormMomentum < 0 || n.BatchNormMomentum >= 1:
		return fmt.Errorf("batch-norm momentum is %g; it must be in [0, 1)", n.BatchNormMomentum)
	case n.Head != "" && n.Head != Flatten && n.Head != GAP:
		return fmt.Errorf("head is %q; it must be %s or %s", n.Head, Flatten, GAP)
	case n.AttentionWindow != "" && n.AttentionWindow != CenterWindow:
		return fmt.Errorf("attention window is %q; it must be %s or empty", n.AttentionWindow, CenterWindow)
	case n.MetadataBatchNorm != "" && n.MetadataBatchNorm != BatchNormBefore && n.MetadataBatchNorm != BatchNormBoth:
		return fmt.Errorf("metadata batch norm is %q; it must be %s, %s or empty", n.MetadataBatchNorm, BatchNormBefore, BatchNormBoth)
	case n.MetadataDropout < 0 || n.MetadataDropout >= 1:
		return fmt.Errorf("metadata dropout is %g; it must be in [0, 1)", n.MetadataDropout)
	case n.ExtendedDense < 0:
		return fmt.Errorf("the extended dense layer has %d units; there must be at least 1, or 0 for none", n.ExtendedDense)
	case n.PoolsBefore < 0:
		return fmt.Errorf("%d poolings stand before the attention; there must be at least 0", n.PoolsBefore)
	}
	for i, units := range n.MetadataUnits {
		if units < 0 || i > 0 && units > 0 && n.MetadataUnits[i-1] == 0 {
			return fmt.Errorf("the dense layers of the metadata branch have %v units; each must have at least 1, and 0 stand at the end only", n.MetadataUnits)
		}
	}
	for _, err := range []error{n.Preprocess.Validate(), n.ChannelOrder.Validate(), n.Resize.Validate()} {
		if err != nil {
			return err
		}
	}
	return nil
}
