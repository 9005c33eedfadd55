package weights

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// inspection is a Keras file with the network that the file holds.
type inspection struct {
	Report
	file  *keras.File
	net   *skinattn.Network
	match *Match
}

// inspect reads a Keras file, recognises the network in it and compares both. The result
// is never nil: beside an error it has what was known before.
func inspect(opts ImportOptions) (*inspection, error) {
	ins := &inspection{Report: Report{File: opts.Keras, Backbone: opts.Backbone, Unused: []string{}, Problems: []string{}}}
	b, err := backbone.Find(opts.Backbone)
	if err != nil {
		return ins, err
	}
	if ins.file, err = readFile(opts.Keras, b); err != nil {
		return ins, err
	}
	if ins.SHA256, err = fileOrFolderSHA256(opts.Keras); err != nil {
		return ins, fmt.Errorf("reading Keras weights %s: %w", opts.Keras, err)
	}
	ins.KerasVersion, ins.Layout, ins.Tensors = ins.file.KerasVersion, string(ins.file.Layout), len(ins.file.Tensors)
	for _, t := range ins.file.Tensors {
		ins.Parameters += len(t.Data)
	}
	ins.Form = form(ins.file)
	if err := ins.identify(opts, b); err != nil {
		return ins, fmt.Errorf("%s: %w", opts.Keras, err)
	}
	if ins.Form == FormApplications {
		ins.match, err = MatchBackbone(ins.net, ins.file)
	} else {
		ins.Network = &ins.net.Network
		ins.match, err = MatchNetwork(ins.net, ins.file)
	}
	if err != nil {
		return ins, err
	}
	ins.match.Problems = append(ins.match.Problems, negativeVariances(ins.file)...)
	ins.Variables, ins.Used, ins.Unused = ins.match.Variables, ins.match.Used, append(ins.Unused, ins.match.Unused...)
	ins.Fits = ins.match.Err() == nil
	return ins, nil
}

// isH5 reports whether the file lists layers and weights as Keras's own ImageNet files do.
func (ins *inspection) isH5() bool { return ins.file.Layout == keras.LayoutH5 }

// form recognises the form of a file: the authors' head has layers of three classes that
// no backbone has up to its cut.
func form(file *keras.File) string {
	head := slices.ContainsFunc([]string{skinattn.AttentionLayer, skinattn.NormalizationLayer, skinattn.DenseClass}, func(class string) bool {
		return len(weighted(file, file.Numbered(class))) > 0
	})
	switch {
	case !head:
		return FormApplications
	case file.Model:
		return FormModel
	}
	return FormSaveWeights
}

// weighted leaves those of the given layers that have weights in the file.
func weighted(file *keras.File, layers []string) []string {
	return slices.DeleteFunc(layers, func(layer string) bool { return len(file.LayerTensors(layer)) == 0 })
}

// inFileOrder sorts layers as the file lists them, from input to output. The numbers in
// their names can have another order: Keras numbers a layer when its constructor is
// called, and dense(a)(dense(b)(x)) calls the outer first.
func inFileOrder(file *keras.File, layers []string) []string {
	slices.SortFunc(layers, func(a, b string) int { return slices.Index(file.Layers, a) - slices.Index(file.Layers, b) })
	return layers
}

// identify recognises the network in the file.
func (ins *inspection) identify(opts ImportOptions, b *backbone.Backbone) error {
	whole, err := b.Graph(0)
	if err != nil {
		return err
	}
	if ins.Form == FormApplications && b.Weights.URL == "" {
		return fmt.Errorf("%s was built from scratch: there are no ImageNet weights of it", b.Title)
	}
	if ins.file.Network != "" && ins.Form != FormApplications {
		return ins.identifyExport(opts, b)
	}
	name := namesIn(ins.file, b, whole)
	if err := ins.sharesLayers(whole, b, name); err != nil {
		return err
	}
	cfg, err := ins.variant(b)
	if err != nil {
		return err
	}
	end := cfg.Cut // the last layer of the backbone in the file
	if ins.Form != FormApplications && !b.HasTail() {
		end = cutOf(ins.file, whole, name, cfg.Cut)
	}
	cfg.Cut = cmp.Or(opts.Cut, end)
	ins.Cut = cfg.Cut
	if whole.Layer(cfg.Cut) == nil {
		return fmt.Errorf("%s has no layer %q to cut at", b.Title, cfg.Cut)
	}
	if ins.Form == FormApplications {
		ins.net, err = skinattn.NewNetwork(cfg)
		return err
	}
	if !slices.ContainsFunc(b.Cuts, func(cut backbone.Cut) bool { return cut.Layer == cfg.Cut }) {
		opts.logf("note: the backbone ends at %s; the authors cut %s at %s", cfg.Cut, b.Title, b.Cuts[0].Layer)
	}
	cfg.ChannelOrder = cmp.Or(opts.ChannelOrder, cfg.ChannelOrder)
	cfg.Preprocess = cmp.Or(opts.Preprocess, cfg.Preprocess)
	window, known, because := shownWindow(opts, ins.file)
	cfg.AttentionWindow = window
	if !b.HasTail() {
		ins.headByNames(&cfg, whole)
	}
	config, err := parseModelConfig(ins.file.ModelConfig)
	if err != nil {
		return err
	}
	if err := config.checkVocabularies(); err != nil {
		return err
	}
	config.dropouts(&cfg)
	if opts.Size == 0 {
		if opts.Size, err = config.size(); err != nil {
			return err
		}
	}
	if ins.net, err = ins.sized(opts, cfg); err != nil && end != cfg.Cut {
		err = fmt.Errorf("%w; the backbone in the file ends at %s, not at %s", err, end, cfg.Cut)
	}
	if err == nil {
		ins.AttentionWindow = windowOf(ins.net, known, because)
	}
	return err
}

// variant is the authors' network on b in the variant that the file's layers show, with
// those options of the head that have weights.
func (ins *inspection) variant(b *backbone.Backbone) (spec.Network, error) {
	if ins.Form == FormApplications {
		return skinattn.AuthorsNetwork(b.Name, spec.Metadata)
	}
	kernels := ins.weights(skinattn.DenseClass, "kernel")
	branch := slices.IndexFunc(kernels, func(t keras.Tensor) bool { return len(t.Shape) == 2 && t.Shape[0] == skinattn.MetadataWidth })
	// A first kernel with few rows takes metadata of another width; matching then says so.
	few := len(kernels) > 1 && !b.HasTail() && len(kernels[0].Shape) == 2 && kernels[0].Shape[0] < 512
	variant := spec.Augmented
	if branch >= 0 || few || len(weighted(ins.file, ins.file.Numbered(skinattn.NormalizationLayer))) > 0 {
		variant = spec.Metadata
	}
	cfg, err := skinattn.AuthorsNetwork(b.Name, variant)
	if err != nil {
		return cfg, err
	}
	cfg.Metadata = variant == spec.Metadata
	cfg.SoftAttention = len(weighted(ins.file, ins.file.Numbered(skinattn.AttentionLayer))) > 0
	cfg.Gamma = len(ins.weights(skinattn.AttentionLayer, "gamma")) > 0
	if branch >= 0 {
		units := branchUnits(kernels[branch:])
		cfg.MetadataBatchNorm = ins.branchBatchNorm(units)
		if !slices.Equal(units, []int{spec.DefaultMetadataUnits}) {
			copy(cfg.MetadataUnits[:], units)
		}
	}
	if n := len(kernels); n-2 > branch && !b.HasTail() {
		last, before := kernels[n-1].Shape, kernels[n-2].Shape
		if len(last) == 2 && len(before) == 2 && last[0] == before[1] {
			cfg.ExtendedDense = before[1]
		}
	}
	return cfg, nil
}

// headByNames sets how the features become a vector, if the file lists Keras's layers
// for it: they have no weights.
func (ins *inspection) headByNames(cfg *spec.Network, whole *layers.Graph) {
	count := func(class string) int { return len(ins.file.Numbered(class)) }
	switch flattens, pools := count("flatten") > 0, count("global_average_pooling2d") > 0; {
	case pools && !flattens:
		cfg.Head = spec.GAP
	case flattens && !pools:
		cfg.Head = ""
	}
	extra := count("max_pooling2d")
	if cfg.SoftAttention {
		extra -= 2 // Soft-Attention has two
	}
	part, err := whole.Cut(cfg.Cut)
	if err != nil {
		return
	}
	for _, layer := range part.Layers() {
		if backbone.AutoNumber(layer.Name, "max_pooling2d") >= 0 {
			extra--
		}
	}
	cfg.PoolsBefore = max(0, extra)
}

// weights are the tensors of a class of layers for one weight, in network order.
func (ins *inspection) weights(class, weight string) []keras.Tensor {
	var tensors []keras.Tensor
	for _, layer := range inFileOrder(ins.file, ins.file.Numbered(class)) {
		for _, t := range ins.file.LayerTensors(layer) {
			if t.Weight() == weight {
				tensors = append(tensors, t)
			}
		}
	}
	return tensors
}

// branchUnits are the widths of the metadata branch's dense layers. kernels begins with
// the branch's first kernel, and each further kernel of the branch takes the values that
// the kernel before gives. The last kernel, for the classes, is never the branch's.
func branchUnits(kernels []keras.Tensor) []int {
	units := []int{kernels[0].Shape[1]}
	for _, kernel := range kernels[1:max(len(kernels)-1, 1)] {
		if len(kernel.Shape) != 2 || kernel.Shape[0] != units[len(units)-1] {
			break
		}
		units = append(units, kernel.Shape[1])
	}
	return units
}

// branchBatchNorm says where the metadata branch with the given dense layers has batch
// norms, in the words of spec.Network.MetadataBatchNorm. No backbone has a batch norm as
// narrow as the metadata.
func (ins *inspection) branchBatchNorm(units []int) string {
	gammas := ins.weights(skinattn.BatchNormClass, "gamma")
	i := slices.IndexFunc(gammas, func(t keras.Tensor) bool { return slices.Equal(t.Shape, []int{skinattn.MetadataWidth}) })
	switch {
	case i < 0:
		return ""
	case i+1 < len(gammas) && slices.Equal(gammas[i+1].Shape, units[len(units)-1:]):
		return spec.BatchNormBoth
	}
	return spec.BatchNormBefore
}

// sharesLayers refuses a file without weights of the backbone in a few words.
func (ins *inspection) sharesLayers(whole *layers.Graph, b *backbone.Backbone, name func(string) string) error {
	cut, err := whole.Cut(b.Cuts[0].Layer) // layers of the tops have the same names in all networks
	if err != nil {
		return err
	}
	ours := map[string]bool{}
	for _, layer := range cut.Layers() {
		ours[name(layer.Name)] = true
	}
	const most = 3
	var names []string
	shared := 0 // tensors of the file in layers of the backbone
	for _, t := range ins.file.Tensors {
		if ours[t.Layer] {
			shared++
		}
		if len(names) < most && !slices.Contains(names, t.Layer) {
			names = append(names, t.Layer)
		}
	}
	switch {
	case names == nil:
		return errors.New("no layer of the file has weights")
	case shared > 0 || ins.Form == FormApplications && ins.fitsByOrder(b):
		return nil
	}
	return fmt.Errorf("it has no weights of %s (its layers start with %s): is it another network?", b.Title, strings.Join(names, ", "))
}

// fitsByOrder reports whether ImageNet weights fit whose layers have other names.
func (ins *inspection) fitsByOrder(b *backbone.Backbone) bool {
	cfg, err := skinattn.AuthorsNetwork(b.Name, spec.Metadata)
	if err != nil {
		return false
	}
	net, err := skinattn.NewNetwork(cfg)
	if err != nil {
		return false
	}
	match, err := MatchBackbone(net, ins.file)
	return err == nil && match.Err() == nil
}

// cutOf finds the last layer of the backbone in the file: the only layer whose output
// goes to no other layer of the backbone in the file. If there are several, it returns
// the authors' cut.
func cutOf(file *keras.File, whole *layers.Graph, name func(string) string, authors string) string {
	consumed := map[string]bool{}
	for _, layer := range whole.Layers() {
		if file.HasLayer(name(layer.Name)) {
			for _, input := range layer.Inputs {
				consumed[input] = true
			}
		}
	}
	var ends []string
	for _, layer := range whole.Layers() {
		if file.HasLayer(name(layer.Name)) && !consumed[layer.Name] && connected(file, whole, name, layer) {
			ends = append(ends, layer.Name)
		}
	}
	if len(ends) != 1 {
		return authors
	}
	return ends[0]
}

// connected reports whether the file has the layers that feed the given layer. A layer of
// the head can have the name of a layer in the backbone's top ("dropout").
func connected(file *keras.File, whole *layers.Graph, name func(string) string, layer *layers.Layer) bool {
	for _, input := range layer.Inputs {
		if _, isInput := whole.Layer(input).Op.(layers.Input); !isInput && !file.HasLayer(name(input)) {
			return false
		}
	}
	return true
}

// sized is the network of cfg with the size, and the head, that give the features as many
// values as the last dense layer has rows.
func (ins *inspection) sized(opts ImportOptions, cfg spec.Network) (*skinattn.Network, error) {
	kernels := ins.weights(skinattn.DenseClass, "kernel")
	if len(kernels) == 0 {
		return nil, errors.New("it has no dense layer for the classes")
	}
	kernel := kernels[len(kernels)-1]
	if len(kernel.Shape) != 2 || kernel.Shape[1] != ham10000.NumClasses {
		return nil, fmt.Errorf("tensor %q has shape %v; the network ends in a dense kernel [features %d]", kernel.Name, kernel.Shape, ham10000.NumClasses)
	}
	if cfg.ExtendedDense > 0 { // the layer before takes the features
		kernel = kernels[len(kernels)-2]
	}
	rows := kernel.Shape[0]
	cfg.Size = cmp.Or(opts.Size, cfg.Size)
	net, need, err := rowsAt(cfg)
	if err != nil || need == rows {
		return net, err
	}
	// Another size gives another number of features, and so does another head. The head
	// differs more likely if the caller gives the size, or if the metadata branch has not
	// the authors' usual width.
	other, fits := otherHead(cfg, rows, opts.Size != 0)
	if fits && (opts.Size != 0 || cfg.MetadataUnits[0] != 0) {
		return other, nil
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
	case len(fitting) == 0 && fits:
		return other, nil
	case len(fitting) == 0:
		return nil, fmt.Errorf("tensor %q has %d rows, a network %s at %d px has %d, and no other size up to %d px has that many", kernel.Name, rows, what, cfg.Size, need, largest)
	case opts.Size != 0:
		return nil, fmt.Errorf("tensor %q has %d rows, a network %s at %d px has %d; %d px has that many", kernel.Name, rows, what, cfg.Size, need, fitting[len(fitting)-1])
	case fits:
		opts.logf("warning: %d rows fit images of %d px, and images of any size with pooled features; the former is taken; give the size %d for the latter", rows, fitting[len(fitting)-1], cfg.Size)
	case len(fitting) > 1:
		opts.logf("warning: %d rows fit images of %s px; the last is taken; give the size for another", rows, strings.Trim(fmt.Sprint(fitting), "[]"))
	}
	return net, nil
}

// otherHead looks for a head whose last dense kernel has the given rows: global average
// pooling in place of flattening, flattening in place of the pooling, or, if the caller
// is sure of the size, poolings before the attention.
func otherHead(cfg spec.Network, rows int, sizeSure bool) (*skinattn.Network, bool) {
	other := cfg
	if cfg.Head == spec.GAP {
		other.Head = ""
	} else {
		other.Head = spec.GAP
	}
	tries := []spec.Network{other}
	for pools := 1; sizeSure && pools <= 3; pools++ {
		pooled := cfg
		pooled.PoolsBefore = pools
		tries = append(tries, pooled)
	}
	for _, try := range tries {
		if net, need, err := rowsAt(try); err == nil && need == rows {
			return net, true
		}
	}
	return nil, false
}

// rowsAt returns the network of cfg and the rows of the dense kernel that takes the
// features.
func rowsAt(cfg spec.Network) (net *skinattn.Network, rows int, err error) {
	if net, err = skinattn.NewNetwork(cfg); err != nil {
		return nil, 0, err
	}
	layer := net.Graph.Layer(net.Output)
	if cfg.ExtendedDense > 0 {
		layer = net.Graph.Layer(layer.Inputs[0])
	}
	return net, net.Graph.InputShapes(layer)[0].Size(), nil
}

// describe names the parts that a network has or lacks.
func describe(cfg spec.Network) string {
	part := func(has bool, name string) string {
		if has {
			return "with " + name
		}
		return "without " + name
	}
	return part(cfg.SoftAttention, "Soft-Attention") + " and " + part(cfg.Metadata, "metadata")
}

// negativeVariances lists variances below 0, with which the network would compute NaN.
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
