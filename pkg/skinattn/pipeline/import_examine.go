package pipeline

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// Classes of Keras layers that only the authors' head has.
const (
	attentionClass     = skinattn.AttentionLayer
	normalizationClass = skinattn.NormalizationLayer
	denseClass         = "dense"
)

// examine reads a Keras file and compares it with the network that it seems to
// hold. The result is never nil: with an error it tells what was known by then.
func examine(opts ImportOptions) (*examined, error) {
	found := &examined{WeightsReport: WeightsReport{File: opts.Keras, Backbone: opts.Backbone, Unused: []string{}, Problems: []string{}}}
	b, err := backbone.Find(opts.Backbone)
	if err != nil {
		return found, err
	}
	if found.file, err = keras.ReadFile(opts.Keras); err != nil {
		return found, err
	}
	if found.SHA256, err = fileSHA256(opts.Keras); err != nil {
		return found, fmt.Errorf("reading Keras weights %s: %w", opts.Keras, err)
	}
	found.KerasVersion, found.Tensors = found.file.KerasVersion, len(found.file.Tensors)
	for _, t := range found.file.Tensors {
		found.Parameters += len(t.Data)
	}
	found.Form = form(found.file)
	if err := found.identify(opts, b); err != nil {
		return found, fmt.Errorf("%s: %w", opts.Keras, err)
	}
	if found.Form == FormApplications {
		found.fit, err = found.net.FitBackbone(found.file)
	} else {
		found.Network = &found.net.Config
		found.fit = found.net.FitKeras(found.file)
	}
	if err != nil {
		return found, err
	}
	found.fit.Problems = append(found.fit.Problems, negativeVariances(found.file)...)
	found.Variables, found.Used, found.Unused = found.fit.Variables, found.fit.Used, append(found.Unused, found.fit.Unused...)
	found.Fits = found.fit.Err() == nil
	return found, nil
}

// form tells the three forms of the files apart: only the authors' network has
// a layer of the classes above.
func form(file *keras.File) string {
	for _, class := range []string{attentionClass, normalizationClass, denseClass} {
		if len(weighted(file, class)) > 0 {
			if file.Kind == keras.Model {
				return FormModel
			}
			return FormSaveWeights
		}
	}
	return FormApplications
}

// weighted lists the layers of an automatically named class that have weights,
// in the order of their making.
func weighted(file *keras.File, class string) []string {
	return slices.DeleteFunc(file.Numbered(class), func(layer string) bool { return len(file.LayerTensors(layer)) == 0 })
}

// identify finds out which network the file holds.
func (found *examined) identify(opts ImportOptions, b *backbone.Backbone) error {
	whole, err := b.Graph(0)
	if err != nil {
		return err
	}
	if err := sharesLayers(found.file, whole, b); err != nil {
		return err
	}
	cfg, err := skinattn.DefaultConfig(b.Name)
	if err != nil {
		return err
	}
	end := b.Cuts[0].Layer // of the backbone in the file
	if found.Form != FormApplications {
		end = cutOf(found.file, whole, b.Cuts[0].Layer)
	}
	cfg.Cut = cmp.Or(opts.Cut, end)
	found.Cut = cfg.Cut
	if whole.Layer(cfg.Cut) == nil {
		return fmt.Errorf("%s has no layer %q to cut at", b.Title, cfg.Cut)
	}
	if found.Form == FormApplications {
		found.net, err = skinattn.NewNetwork(cfg)
		return err
	}
	if cfg.Cut != b.Cuts[0].Layer {
		opts.logf("note: the backbone ends at %s; the authors cut %s at %s", cfg.Cut, b.Title, b.Cuts[0].Layer)
	}
	cfg.SoftAttention = len(weighted(found.file, attentionClass)) > 0
	cfg.Metadata = len(weighted(found.file, normalizationClass)) > 0 || len(weighted(found.file, denseClass)) > 1
	if !cfg.Metadata {
		// The authors' networks without metadata are those of the augmented
		// regime, which read RGB and scaled it alike for all backbones.
		cfg.ChannelOrder, cfg.Preprocess = imaging.RGBOrder.String(), imaging.PreprocessTF
	}
	if opts.ChannelOrder != "" {
		cfg.ChannelOrder = opts.ChannelOrder
	}
	if opts.Preprocess != "" {
		cfg.Preprocess = opts.Preprocess
	}
	var told modelConfig
	if found.Form == FormModel {
		if told, err = readModelConfig(opts.Keras); err != nil {
			return err
		}
		if err := told.checkVocabularies(); err != nil {
			return err
		}
		if rate, ok := told.dropout(); ok {
			cfg.Dropout = rate
		}
	}
	if opts.Size == 0 {
		if opts.Size, err = told.size(); err != nil {
			return err
		}
	}
	if found.net, err = found.sized(opts, cfg); err != nil && end != cfg.Cut {
		err = fmt.Errorf("%w; the backbone in the file ends at %s, not at %s", err, end, cfg.Cut)
	}
	return err
}

// sharesLayers refuses a file of another network in a few words.
func sharesLayers(file *keras.File, whole *layers.Graph, b *backbone.Backbone) error {
	cut, err := whole.Cut(b.Cuts[0].Layer) // the tops of all networks have names in common
	if err != nil {
		return err
	}
	const most = 3
	var names []string
	for _, t := range file.Tensors {
		if cut.Layer(t.Layer) != nil {
			return nil
		}
		if len(names) < most && !slices.Contains(names, t.Layer) {
			names = append(names, t.Layer)
		}
	}
	if names == nil {
		return errors.New("no layer of the file has weights")
	}
	return fmt.Errorf("it has no weights of %s (its layers start with %s): is it another network?", b.Title, strings.Join(names, ", "))
}

// cutOf finds the layer at which the backbone in the file ends: the one whose
// output goes to no other layer of the backbone in the file. The authors' cut is
// taken where that is not clear.
func cutOf(file *keras.File, whole *layers.Graph, authors string) string {
	consumed := map[string]bool{}
	for _, layer := range whole.Layers() {
		if file.HasLayer(layer.Name) {
			for _, input := range layer.Inputs {
				consumed[input] = true
			}
		}
	}
	var ends []string
	for _, layer := range whole.Layers() {
		if file.HasLayer(layer.Name) && !consumed[layer.Name] {
			ends = append(ends, layer.Name)
		}
	}
	if len(ends) != 1 {
		return authors
	}
	return ends[0]
}

// sized is the network of cfg at the size that the last dense layer's rows
// tell.
func (found *examined) sized(opts ImportOptions, cfg skinattn.Config) (*skinattn.Network, error) {
	dense := weighted(found.file, denseClass)
	if len(dense) == 0 {
		return nil, errors.New("it has no dense layer for the classes")
	}
	tensors := found.file.LayerTensors(dense[len(dense)-1])
	kernel := tensors[max(0, slices.IndexFunc(tensors, func(t keras.Tensor) bool { return t.Weight() == "kernel" }))]
	if len(kernel.Shape) != 2 || kernel.Shape[1] != ham10000.NumClasses {
		return nil, fmt.Errorf("tensor %q has shape %v; the network ends in a dense kernel [features %d]", kernel.Name, kernel.Shape, ham10000.NumClasses)
	}
	rows := kernel.Shape[0]
	if opts.Size != 0 {
		cfg.Size = opts.Size
	}
	net, need, err := rowsAt(cfg)
	if err != nil || need == rows {
		return net, err
	}
	// Sizes are multiples of 32, as every backbone's last map is.
	var fitting []int
	const step, largest = 32, 1024
	for size := step; size <= largest; size += step {
		cfg := cfg
		cfg.Size = size
		if other, need, err := rowsAt(cfg); err == nil && need == rows {
			net, fitting = other, append(fitting, size)
		}
	}
	what := describe(cfg)
	switch {
	case len(fitting) == 0:
		return nil, fmt.Errorf("tensor %q has %d rows, a network %s at %d px has %d, and no other size up to %d px has that many", kernel.Name, rows, what, cfg.Size, need, largest)
	case opts.Size != 0:
		return nil, fmt.Errorf("tensor %q has %d rows, a network %s at %d px has %d; %d px has that many", kernel.Name, rows, what, cfg.Size, need, fitting[len(fitting)-1])
	case len(fitting) > 1:
		opts.logf("warning: %d rows fit images of %s px; the last is taken, --size says otherwise", rows, strings.Trim(fmt.Sprint(fitting), "[]"))
	}
	return net, nil
}

// rowsAt is the network of cfg and the rows of its last dense kernel.
func rowsAt(cfg skinattn.Config) (net *skinattn.Network, rows int, err error) {
	if net, err = skinattn.NewNetwork(cfg); err != nil {
		return nil, 0, err
	}
	for _, v := range net.Graph.Variables() {
		if v.Layer == net.Output && v.Name == "kernel" {
			rows = v.Shape[0]
		}
	}
	return net, rows, nil
}

// describe says which parts a network has.
func describe(cfg skinattn.Config) string {
	part := func(has bool, name string) string {
		if has {
			return "with " + name
		}
		return "without " + name
	}
	return part(cfg.SoftAttention, "Soft-Attention") + " and " + part(cfg.Metadata, "metadata")
}

// negativeVariances finds tensors that would make the network give NaN.
func negativeVariances(file *keras.File) []error {
	var problems []error
	for i := range file.Tensors {
		t := &file.Tensors[i]
		if weight := t.Weight(); weight != "moving_variance" && weight != "variance" {
			continue
		}
		if slices.ContainsFunc(t.Data, func(v float32) bool { return v < 0 }) {
			problems = append(problems, fmt.Errorf("%s: layer %q: tensor %q is a variance with values below 0: the file is damaged", file.Path, t.Layer, t.Name))
		}
	}
	return problems
}
