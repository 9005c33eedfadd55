package skinattn

import (
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// Every total that the authors' model summaries give, from the built graph.
func TestParameterTotals(t *testing.T) {
	check := func(name string, cfg spec.Network, want backbone.Parameters) {
		t.Helper()
		net, err := NewNetwork(cfg)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		total, trainable := net.Graph.Parameters()
		if total != want.Total || want.Trainable != 0 && trainable != want.Trainable {
			t.Errorf("%s: %d parameters, %d trainable; the authors have %d and %d", name, total, trainable, want.Total, want.Trainable)
		}
	}
	totals := 0
	for _, b := range backbone.Table {
		for _, cut := range b.Cuts {
			if cut.Metadata.Total != 0 {
				cfg := mustConfig(t, spec.Metadata, b.Name)
				cfg.Cut = cut.Layer
				check(b.Name+" with metadata, cut "+cut.Name, cfg, cut.Metadata)
				totals++
			}
			if cut.Augmented.Total != 0 {
				cfg := mustConfig(t, spec.Augmented, b.Name)
				cfg.Cut = cut.Layer
				check(b.Name+" without metadata, cut "+cut.Name, cfg, cut.Augmented)
				totals++
			}
		}
	}
	// 11 with and 10 without metadata.
	if totals != 21 {
		t.Errorf("%d totals were checked, the authors give 21", totals)
	}

	// Variants, from the notebooks of the authors and of paper [14].
	for _, v := range []struct {
		name, backbone string
		augmented      bool
		change         func(cfg *spec.Network)
		want           backbone.Parameters
	}{
		{"MobileNetV3Large without attention and metadata on the ImageNet logits", "mobilenet_v3_large", true,
			func(cfg *spec.Network) { cfg.Cut, cfg.SoftAttention = "flatten", false }, backbone.Parameters{Total: 5514439, Trainable: 5490039}},
		{"MobileNetV3Small, augmented, attention on a 2x2 map", "mobilenet_v3_small", true,
			func(cfg *spec.Network) { cfg.PoolsBefore = 2 }, backbone.Parameters{Total: 750263, Trainable: 739495}},
		{"DenseNet201 with global average pooling and a longer metadata branch", "densenet201", false,
			func(cfg *spec.Network) { cfg.Head, cfg.MetadataUnits = spec.GAP, [3]int{4096, 256, 256} }, backbone.Parameters{Total: 18657114}},
		{"InceptionResNetV2 of [14] without attention", "inception_resnet_v2", true,
			func(cfg *spec.Network) { cfg.SoftAttention = false }, backbone.Parameters{Total: 47550631}},
		{"DenseNet201 of [14] without attention", "densenet201", true,
			func(cfg *spec.Network) { cfg.SoftAttention = false }, backbone.Parameters{Total: 17474247}},
		{"ResNet50 of [14] without attention", "resnet50", true,
			func(cfg *spec.Network) { cfg.SoftAttention = false }, backbone.Parameters{Total: 23602055}},
		{"ResNet34 of [14] without attention", "resnet34", true,
			func(cfg *spec.Network) { cfg.SoftAttention = false }, backbone.Parameters{Total: 30805895}},
		{"VGG16 of [14] without attention", "vgg16", true,
			func(cfg *spec.Network) { cfg.SoftAttention = false }, backbone.Parameters{Total: 60217671}},
	} {
		variant := spec.Metadata
		if v.augmented {
			variant = spec.Augmented
		}
		cfg := mustConfig(t, variant, v.backbone)
		v.change(&cfg)
		check(v.name, cfg, v.want)
	}
}

func mustConfig(t *testing.T, variant spec.Variant, name string) spec.Network {
	t.Helper()
	cfg, err := AuthorsNetwork(name, variant)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}
