package weights

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
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

// renumbered raises the numbers of the layers that Keras names itself, as in the file of a
// network that was not the first of its Python session.
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

// Keras's automatic numbers depend on the networks that the Python session built before.
func TestImportRenumbered(t *testing.T) {
	for name, c := range map[string]struct {
		cfg spec.Network
		to  func(string) string
	}{
		"MobileNetV3, whose cut has such a name": {config(t, "mobilenet_v3_small", nil),
			renumbered(19, "multiply", "re_lu", "tf.__operators__.add", "tf.math.multiply", "rescaling", "input")},
		"MobileNetV3, another cut": {config(t, "mobilenet_v3_large", func(cfg *spec.Network) { cfg.Cut = "multiply_17" }),
			renumbered(40, "multiply", "re_lu", "tf.__operators__.add", "tf.math.multiply", "rescaling", "input")},
		"InceptionResNetV2, all weights": {config(t, "inception_resnet_v2", func(cfg *spec.Network) { cfg.Cut = "batch_normalization_20" }),
			renumbered(203, "conv2d", "batch_normalization", "activation", "input")},
		"InceptionResNetV2 of early Keras, which counted from 1": {config(t, "inception_resnet_v2", func(cfg *spec.Network) { cfg.Cut = "batch_normalization_20" }),
			renumbered(1, "conv2d", "batch_normalization", "activation", "input")},
		"NASNetMobile": {config(t, "nasnet_mobile", nil), renumbered(188, "activation", "add", "concatenate", "input")},
		"metadata with batch norms and one more dense layer": {config(t, "mobilenet_v3_small", func(cfg *spec.Network) {
			cfg.MetadataBatchNorm, cfg.ExtendedDense = spec.BatchNormBoth, 16
		}), renumbered(7, "batch_normalization", "dense", "normalization", "soft_attention")},
	} {
		t.Run(name, func(t *testing.T) {
			file := fileOf(t, c.cfg).renamed(c.to)
			report, err := Check(ImportOptions{Keras: file.save(t, "k.h5"), Backbone: c.cfg.Backbone})
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
	cfg := config(t, "mobilenet_v3_small", func(cfg *spec.Network) { cfg.ExtendedDense = 16 })
	swap := map[string]string{"dense_10": "dense_11", "dense_11": "dense_10"}
	file := fileOf(t, cfg).renamed(func(layer string) string { return cmp.Or(swap[layer], layer) })
	report, err := Check(ImportOptions{Keras: file.save(t, "k.h5"), Backbone: cfg.Backbone})
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
	if report, err := Check(opts); err != nil || report.Form != FormApplications {
		t.Errorf("%+v, %v", report, err)
	}
	// With one other shape the file is another network's.
	i := slices.IndexFunc(file.tensors, func(t keras.Tensor) bool { return strings.HasSuffix(t.Name, "/kernel:0") })
	file.tensors[i].Shape = []int{3, 3, 16, 3}
	opts.Keras = file.save(t, "k.h5")
	_, err := Check(opts)
	expectLine(t, err, "it has no weights of MobileNetV3Small")
}

// config is the authors' network with a change.
func config(t *testing.T, name string, change func(*spec.Network)) spec.Network {
	t.Helper()
	cfg, err := skinattn.AuthorsNetwork(name, spec.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&cfg)
	}
	return cfg
}

// Given as any other network, a file is refused in one line.
func TestImportOtherNetwork(t *testing.T) {
	whole := fileOf(t, config(t, "mobilenet_v3_small", nil)).save(t, "whole.h5")
	bare := applicationsOf(t, "mobilenet_v3_small", true).save(t, "imagenet.h5")
	for _, b := range backbone.Table {
		if b.Name == "mobilenet_v3_small" {
			continue
		}
		for _, path := range []string{whole, bare} {
			report, err := Check(ImportOptions{Keras: path, Backbone: b.Name})
			expectLine(t, err, path)
			if report.Fits || len(report.Problems) == 0 {
				t.Errorf("%s as %s: fits %v, problems %q", path, b.Name, report.Fits, report.Problems)
			}
		}
	}
}

// An import recognises the variants that the authors tried by their tensors, or, for
// variants that differ with the size alone, by the size in a whole model.
func TestImportVariants(t *testing.T) {
	sized := func(px int, dropouts ...float64) string {
		text := fmt.Sprintf(`{"class_name":"InputLayer","name":"input_1","config":{"batch_input_shape":[null,%d,%d,3]}}`, px, px)
		for i, rate := range dropouts {
			text += fmt.Sprintf(`,{"class_name":"Dropout","name":"dropout_%d","config":{"rate":%g}}`, i+1, rate)
		}
		return `{"config":{"layers":[` + text + `]}}`
	}
	augmented := func(name string, change func(*spec.Network)) spec.Network {
		cfg, err := skinattn.AuthorsNetwork(name, spec.Augmented)
		if err != nil {
			t.Fatal(err)
		}
		change(&cfg)
		return cfg
	}
	for name, c := range map[string]struct {
		cfg    spec.Network
		config string
		layers []string // without weights, that Keras lists too
	}{
		"augmented":              {augmented("mobilenet_v3_small", func(*spec.Network) {}), "", nil},
		"augmented, other cut":   {augmented("nasnet_mobile", func(*spec.Network) {}), "", nil},
		"no attention":           {augmented("mobilenet_v3_small", func(cfg *spec.Network) { cfg.SoftAttention = false }), "", nil},
		"no attention, metadata": {config(t, "mobilenet_v3_small", func(cfg *spec.Network) { cfg.SoftAttention = false }), "", nil},
		"gamma":                  {config(t, "mobilenet_v3_small", func(cfg *spec.Network) { cfg.Gamma = true }), "", nil},
		"batch norm before":      {config(t, "mobilenet_v3_small", func(cfg *spec.Network) { cfg.MetadataBatchNorm = spec.BatchNormBefore }), "", nil},
		"batch norm in a network full": {config(t, "inception_resnet_v2", func(cfg *spec.Network) {
			cfg.Cut, cfg.MetadataBatchNorm = "batch_normalization_20", spec.BatchNormBoth
		}), "", nil},
		"metadata dropout":                 {config(t, "mobilenet_v3_small", func(cfg *spec.Network) { cfg.MetadataDropout = .2 }), sized(224, .5, .2), nil},
		"pooled head":                      {config(t, "mobilenet_v3_small", func(cfg *spec.Network) { cfg.Head = spec.GAP }), sized(224, .5), nil},
		"pooled head and a longer branch":  {config(t, "mobilenet_v3_small", func(cfg *spec.Network) { cfg.Head, cfg.MetadataUnits = spec.GAP, [3]int{4096, 256, 256} }), "", nil},
		"longer branch, one more dense":    {config(t, "mobilenet_v3_small", func(cfg *spec.Network) { cfg.ExtendedDense, cfg.MetadataUnits = 16, [3]int{64, 32} }), "", nil},
		"augmented, one more dense":        {augmented("mobilenet_v3_small", func(cfg *spec.Network) { cfg.ExtendedDense = 16 }), "", nil},
		"attention on a 2x2 map":           {augmented("mobilenet_v3_small", func(cfg *spec.Network) { cfg.PoolsBefore = 2 }), "", []string{"max_pooling2d", "max_pooling2d_1", "max_pooling2d_2", "max_pooling2d_3", "flatten_1"}},
		"pooled head, by its name":         {config(t, "mobilenet_v3_small", func(cfg *spec.Network) { cfg.Head = spec.GAP }), "", []string{"global_average_pooling2d_1"}},
		"small images, by a name":          {config(t, "mobilenet_v3_small", func(cfg *spec.Network) { cfg.Size = 64 }), "", []string{"flatten"}},
		"cut at the gate of an excitation": {config(t, "mobilenet_v3_large", func(cfg *spec.Network) { cfg.Cut = "tf.math.multiply_23" }), "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			file := fileOf(t, c.cfg)
			file.config = c.config
			file.layers = append(file.layers, c.layers...)
			report, err := Check(ImportOptions{Keras: file.save(t, "k.h5"), Backbone: c.cfg.Backbone})
			if err != nil {
				t.Fatal(err)
			}
			if *report.Network != c.cfg || report.Used != report.Tensors {
				t.Errorf("network %+v, want %+v; %d of %d tensors used", *report.Network, c.cfg, report.Used, report.Tensors)
			}
		})
	}
}
