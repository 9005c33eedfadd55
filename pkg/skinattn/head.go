package skinattn

import (
	"cmp"
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// headBuilder adds the layers after the cut to a network's graph.
type headBuilder struct {
	*Network
	row   *backbone.Backbone
	whole *layers.Graph // the backbone with top; nil if it is built around the attention
	g     *layers.Graph
}

// addHead adds all layers after the cut, as the authors' notebooks do.
func (n *Network) addHead(b *backbone.Backbone, whole *layers.Graph) {
	h := headBuilder{n, b, whole, n.Graph}
	if b.HasTail() {
		h.whole = nil
	}
	features := h.features(n.Cut)
	if n.Metadata {
		metadata := h.metadata()
		features = h.g.Add(joinLayer, layers.Concatenate{}, features, metadata)
	}
	if n.ExtendedDense > 0 {
		features = h.g.Add(h.auto(DenseClass), layers.Dense{Units: n.ExtendedDense, Activation: "relu"}, features)
	}
	n.Output = h.g.Add(h.auto(DenseClass), layers.Dense{Units: ham10000.NumClasses, Activation: "softmax"}, features)
}

// auto is Keras's automatic name for the next layer of a class, counted as in
// a session that has built the whole backbone.
func (h headBuilder) auto(class string) string {
	name := backbone.AutoName(h.g, class)
	if h.whole != nil {
		if other := backbone.AutoName(h.whole, class); backbone.AutoNumber(other, class) > backbone.AutoNumber(name, class) {
			return other
		}
	}
	return name
}

// features makes a vector of x, the layer at the cut. A vector, such as the ImageNet
// logits, stays as it is.
func (h headBuilder) features(x string) string {
	if len(h.g.Layer(x).Out) == 1 {
		return x
	}
	pool := layers.MaxPooling2D{Window: 2, Padding: layers.Same}
	for i := range h.PoolsBefore {
		x = h.g.Add(fmt.Sprintf("pool_before_%d", i), pool, x)
	}
	switch {
	case h.SoftAttention:
		attended := h.g.Add(AttentionLayer, layers.SoftAttention{
			Heads: attentionHeads, CenterWindow: h.AttentionWindow == spec.CenterWindow, Gamma: h.Gamma}, x)
		attended = h.g.Add("attention_pool", pool, attended)
		pooled := h.g.Add("feature_pool", pool, x)
		x = h.g.Add("attention_concat", layers.Concatenate{}, pooled, attended)
	case h.row.HasTail():
		x = h.g.Add("feature_pool", pool, x)
	}
	x = h.g.Add("features_relu", layers.ReLU{}, x)
	x = h.g.Add("features_dropout", layers.Dropout{Rate: h.Dropout}, x)
	switch {
	case h.row.HasTail():
		return h.row.AddTail(h.g, x)
	case h.Head == spec.GAP:
		return h.g.Add("features_gap", layers.GlobalAveragePooling2D{}, x)
	}
	return h.g.Add("features_flat", layers.Flatten{}, x)
}

// metadataBatchNorm has Keras's defaults.
var metadataBatchNorm = layers.BatchNormalization{Epsilon: 1e-3, Momentum: .99}

// metadata is the branch for age, sex and localization.
func (h headBuilder) metadata() string {
	age := h.g.Add(AgeInput, layers.Input{Dims: layers.Shape{1}})
	sex := h.g.Add(SexInput, layers.Input{Dims: layers.Shape{sexWidth}})
	localization := h.g.Add(LocalizationInput, layers.Input{Dims: layers.Shape{localizationWidth}})
	age = h.g.Add(NormalizationLayer, layers.Normalization{}, age)
	x := h.g.Add("metadata", layers.Concatenate{}, age, sex, localization)
	if h.MetadataBatchNorm != "" {
		x = h.g.Add(h.auto(BatchNormClass), metadataBatchNorm, x)
		x = h.g.Add("metadata_relu", layers.ReLU{}, x)
	}
	units := h.MetadataUnits
	units[0] = cmp.Or(units[0], spec.DefaultMetadataUnits)
	for _, n := range units {
		if n > 0 {
			x = h.g.Add(h.auto(DenseClass), layers.Dense{Units: n, Activation: "relu"}, x)
		}
	}
	if h.MetadataBatchNorm == spec.BatchNormBoth {
		x = h.g.Add(h.auto(BatchNormClass), metadataBatchNorm, x)
		x = h.g.Add("metadata_dense_relu", layers.ReLU{}, x)
	}
	if h.MetadataDropout > 0 {
		x = h.g.Add("metadata_dropout", layers.Dropout{Rate: h.MetadataDropout}, x)
	}
	return x
}
