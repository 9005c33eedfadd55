package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
)

// renamed gives layers other names, and their tensors with them.
func (f *kerasFile) renamed(to func(layer string) string) *kerasFile {
	for i, layer := range f.layers {
		f.layers[i] = to(layer)
	}
	for i := range f.tensors {
		t := &f.tensors[i]
		t.Name = to(t.Layer) + strings.TrimPrefix(t.Name, t.Layer)
		t.Layer = to(t.Layer)
	}
	return f
}

// renumbered raises the numbers of the layers that Keras names itself, as in
// the file of a network that was not the first of its session.
func renumbered(by int, classes ...string) func(string) string {
	return func(layer string) string {
		for _, class := range classes {
			if n := backbone.AutoNumber(layer, class); n >= 0 {
				return fmt.Sprintf("%s_%d", class, n+by)
			}
		}
		return layer
	}
}

// Keras's automatic numbers depend on what its session has built before.
func TestImportRenumbered(t *testing.T) {
	for name, c := range map[string]struct {
		cfg skinattn.Config
		to  func(string) string
	}{
		"MobileNetV3, whose cut has such a name": {config(t, "mobilenet_v3_small", nil),
			renumbered(19, "multiply", "re_lu", "tf.__operators__.add", "tf.math.multiply", "rescaling", "input")},
		"MobileNetV3, another cut": {config(t, "mobilenet_v3_large", func(cfg *skinattn.Config) { cfg.Cut = "multiply_17" }),
			renumbered(40, "multiply", "re_lu", "tf.__operators__.add", "tf.math.multiply", "rescaling", "input")},
		"InceptionResNetV2, all weights": {config(t, "inception_resnet_v2", func(cfg *skinattn.Config) { cfg.Cut = "batch_normalization_20" }),
			renumbered(203, "conv2d", "batch_normalization", "activation", "input")},
		"InceptionResNetV2 of early Keras, which counted from 1": {config(t, "inception_resnet_v2", func(cfg *skinattn.Config) { cfg.Cut = "batch_normalization_20" }),
			renumbered(1, "conv2d", "batch_normalization", "activation", "input")},
		"NASNetMobile": {config(t, "nasnet_mobile", nil), renumbered(188, "activation", "add", "concatenate", "input")},
		"metadata with batch norms and one more dense layer": {config(t, "mobilenet_v3_small", func(cfg *skinattn.Config) {
			cfg.MetadataBatchNorm, cfg.ExtendedDense = skinattn.BatchNormBoth, 16
		}), renumbered(7, "batch_normalization", "dense", "normalization", "soft_attention")},
	} {
		t.Run(name, func(t *testing.T) {
			file := fileOf(t, c.cfg).renamed(c.to)
			report, err := CheckWeights(ImportOptions{Keras: file.save(t, "k.h5"), Backbone: c.cfg.Backbone})
			if err != nil {
				t.Fatal(err)
			}
			if *report.Network != c.cfg || report.Used != report.Tensors {
				t.Errorf("network %+v, want %+v; %d of %d tensors used", *report.Network, c.cfg, report.Used, report.Tensors)
			}
		})
	}
}

// Keras numbers a layer when its constructor is called, so an outer layer can
// have the lower number.
func TestImportOuterLayerFirst(t *testing.T) {
	cfg := config(t, "mobilenet_v3_small", func(cfg *skinattn.Config) { cfg.ExtendedDense = 16 })
	swap := map[string]string{"dense_10": "dense_11", "dense_11": "dense_10"}
	file := fileOf(t, cfg).renamed(func(layer string) string { return cmp.Or(swap[layer], layer) })
	report, err := CheckWeights(ImportOptions{Keras: file.save(t, "k.h5"), Backbone: cfg.Backbone})
	if err != nil {
		t.Fatal(err)
	}
	if *report.Network != cfg {
		t.Errorf("network %+v, want %+v", *report.Network, cfg)
	}
}

// Early Keras files have other names; Keras itself pairs by order.
func TestApplicationsFileByOrder(t *testing.T) {
	numbers := map[string]string{}
	file := applicationsOf(t, "mobilenet_v3_small", false)
	file.renamed(func(layer string) string {
		if numbers[layer] == "" {
			numbers[layer] = fmt.Sprintf("l%d", len(numbers))
		}
		return numbers[layer]
	})
	opts := ImportOptions{Keras: file.save(t, "k.h5"), Backbone: "mobilenet_v3_small"}
	if report, err := CheckWeights(opts); err != nil || report.Form != FormApplications {
		t.Errorf("%+v, %v", report, err)
	}
	// One shape that differs, and it is not that network.
	i := slices.IndexFunc(file.tensors, func(t keras.Tensor) bool { return strings.HasSuffix(t.Name, "/kernel:0") })
	file.tensors[i].Shape = []int{3, 3, 16, 3}
	opts.Keras = file.save(t, "k.h5")
	_, err := CheckWeights(opts)
	expectLine(t, err, "it has no weights of MobileNetV3Small")
}

// config is the authors' network with a change.
func config(t *testing.T, name string, change func(*skinattn.Config)) skinattn.Config {
	t.Helper()
	cfg, err := skinattn.DefaultConfig(name)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&cfg)
	}
	return cfg
}
