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

// Classes of Keras layers that only the authors' head has.
const (
	attentionClass     = skinattn.AttentionLayer
	normalizationClass = skinattn.NormalizationLayer
	denseClass         = skinattn.DenseClass
)

// examine reads a Keras file and compares it with the network that it seems to
// hold. The result is never nil: with an error it tells what was known by then.
func examine(opts ImportOptions) (*examined, error) {
	found := &examined{Report: Report{File: opts.Keras, Backbone: opts.Backbone, Unused: []string{}, Problems: []string{}}}
	b, err := backbone.Find(opts.Backbone)
	if err != nil {
		return found, err
	}
	if found.file, err = keras.ReadFile(opts.Keras); err != nil {
		return found, err
	}
	if found.SHA256, err = fileOrFolderSHA256(opts.Keras); err != nil {
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
		found.fit, err = MatchBackbone(found.net, found.file)
	} else {
		found.Network = &found.net.Network
		found.fit, err = MatchNetwork(found.net, found.file)
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
// in the order of the file, which is that of the network: Keras numbers a layer
// when its constructor is called, which can be before that of its input.
func weighted(file *keras.File, class string) []string {
	layers := slices.DeleteFunc(file.Numbered(class), func(layer string) bool { return len(file.LayerTensors(layer)) == 0 })
	slices.SortFunc(layers, func(a, b string) int { return slices.Index(file.Layers, a) - slices.Index(file.Layers, b) })
	return layers
}

// identify finds out which network the file holds.
func (found *examined) identify(opts ImportOptions, b *backbone.Backbone) error {
	whole, err := b.Graph(0)
	if err != nil {
		return err
	}
	if found.Form == FormApplications && b.Weights.URL == "" {
		return fmt.Errorf("%s was built from scratch: there are no ImageNet weights of it", b.Title)
	}
	if found.file.Network != "" && found.Form != FormApplications {
		return found.identifyExport(opts, b)
	}
	name := NamesIn(found.file, b, whole)
	if err := found.sharesLayers(whole, b, name); err != nil {
		return err
	}
	cfg, err := found.regime(b)
	if err != nil {
		return err
	}
	end := cfg.Cut // of the backbone in the file
	if found.Form != FormApplications && !b.HasTail() {
		end = cutOf(found.file, whole, name, cfg.Cut)
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
	if !slices.ContainsFunc(b.Cuts, func(cut backbone.Cut) bool { return cut.Layer == cfg.Cut }) {
		opts.logf("note: the backbone ends at %s; the authors cut %s at %s", cfg.Cut, b.Title, b.Cuts[0].Layer)
	}
	if opts.ChannelOrder != "" {
		cfg.ChannelOrder = opts.ChannelOrder
	}
	if opts.Preprocess != "" {
		cfg.Preprocess = opts.Preprocess
	}
	cfg.AttentionWindow = opts.AttentionWindow
	if !b.HasTail() {
		found.headByNames(&cfg, whole)
	}
	var told modelConfig
	if found.Form == FormModel {
		if told, err = readModelConfig(opts.Keras); err != nil {
			return err
		}
		if err := told.checkVocabularies(); err != nil {
			return err
		}
		told.dropouts(&cfg)
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

// regime is the authors' network on b in the regime that the parts of the file
// show, with the variants of the head that have weights.
func (found *examined) regime(b *backbone.Backbone) (spec.Network, error) {
	if found.Form == FormApplications {
		return skinattn.AuthorsNetwork(b.Name, spec.Metadata)
	}
	shapes := found.kernels(denseClass, "kernel")
	takesMetadata := slices.IndexFunc(shapes, func(shape []int) bool { return len(shape) == 2 && shape[0] == skinattn.MetadataWidth })
	metadata := len(weighted(found.file, normalizationClass)) > 0 || takesMetadata >= 0
	if len(shapes) > 1 && !b.HasTail() && takesMetadata < 0 && !metadata && len(shapes[0]) == 2 && shapes[0][0] < 512 {
		metadata = true // of another width, which is an error that says so
	}
	variant := spec.Augmented
	if metadata {
		variant = spec.Metadata
	}
	cfg, err := skinattn.AuthorsNetwork(b.Name, variant)
	if err != nil {
		return cfg, err
	}
	cfg.Metadata = metadata
	cfg.SoftAttention = len(weighted(found.file, attentionClass)) > 0
	cfg.Gamma = len(found.kernels(attentionClass, "gamma")) > 0
	if takesMetadata >= 0 {
		units := branchUnits(shapes[takesMetadata:])
		cfg.MetadataBatchNorm = found.branchBatchNorm(units)
		if !slices.Equal(units, []int{spec.DefaultMetadataUnits}) {
			copy(cfg.MetadataUnits[:], units)
		}
	}
	if n := len(shapes); n > 1 && len(shapes[n-2]) == 2 && len(shapes[n-1]) == 2 && shapes[n-1][0] == shapes[n-2][1] &&
		n-2 > takesMetadata && !b.HasTail() {
		cfg.ExtendedDense = shapes[n-2][1]
	}
	return cfg, nil
}

// headByNames sets how the features become a vector where the file lists
// Keras's layers for it, which have no weights.
func (found *examined) headByNames(cfg *spec.Network, whole *layers.Graph) {
	count := func(class string) int { return len(found.file.Numbered(class)) }
	switch flattens, pools := count("flatten") > 0, count("global_average_pooling2d") > 0; {
	case pools && !flattens:
		cfg.Head = spec.GAP
	case flattens && !pools:
		cfg.Head = ""
	}
	extra := count("max_pooling2d")
	if cfg.SoftAttention {
		extra -= 2 // those of the block
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

// kernels are the shapes of a weight of the layers of a class, in network order.
func (found *examined) kernels(class, weight string) [][]int {
	var shapes [][]int
	for _, layer := range weighted(found.file, class) {
		for _, t := range found.file.LayerTensors(layer) {
			if t.Weight() == weight {
				shapes = append(shapes, t.Shape)
			}
		}
	}
	return shapes
}

// branchUnits are the widths of the dense layers of the metadata branch, of
// which the first has the first of the given kernels: one takes what the other
// gives. The last two kernels are not the branch's if one takes what the other
// gives: they are the extended layer and that of the classes.
func branchUnits(kernels [][]int) []int {
	units := []int{kernels[0][1]}
	for i := 1; i < len(kernels)-1; i++ {
		if len(kernels[i]) != 2 || kernels[i][0] != units[len(units)-1] {
			break
		}
		units = append(units, kernels[i][1])
	}
	return units
}

// branchBatchNorm says where the metadata branch with the given dense layers
// has batch norms, as Config.MetadataBatchNorm does. No backbone has one as
// narrow as the metadata.
func (found *examined) branchBatchNorm(units []int) string {
	shapes := found.kernels(skinattn.BatchNormClass, "gamma")
	i := slices.IndexFunc(shapes, func(shape []int) bool { return slices.Equal(shape, []int{skinattn.MetadataWidth}) })
	switch {
	case i < 0:
		return ""
	case i+1 < len(shapes) && slices.Equal(shapes[i+1], units[len(units)-1:]):
		return spec.BatchNormBoth
	}
	return spec.BatchNormBefore
}

// sharesLayers refuses a file of another network in a few words.
func (found *examined) sharesLayers(whole *layers.Graph, b *backbone.Backbone, name func(string) string) error {
	cut, err := whole.Cut(b.Cuts[0].Layer) // the tops of all networks have names in common
	if err != nil {
		return err
	}
	ours := map[string]bool{}
	for _, layer := range cut.Layers() {
		ours[name(layer.Name)] = true
	}
	const most = 3
	var names []string
	weights := 0 // layers of the backbone that have some in the file
	for _, t := range found.file.Tensors {
		if ours[t.Layer] {
			weights++
		}
		if len(names) < most && !slices.Contains(names, t.Layer) {
			names = append(names, t.Layer)
		}
	}
	switch {
	case names == nil:
		return errors.New("no layer of the file has weights")
	case weights > 0 || found.Form == FormApplications && found.fitsByOrder(b):
		return nil
	}
	return fmt.Errorf("it has no weights of %s (its layers start with %s): is it another network?", b.Title, strings.Join(names, ", "))
}

// fitsByOrder is whether ImageNet weights under other names fit.
func (found *examined) fitsByOrder(b *backbone.Backbone) bool {
	cfg, err := skinattn.AuthorsNetwork(b.Name, spec.Metadata)
	if err != nil {
		return false
	}
	net, err := skinattn.NewNetwork(cfg)
	if err != nil {
		return false
	}
	fit, err := MatchBackbone(net, found.file)
	return err == nil && fit.Err() == nil
}

// cutOf finds the layer at which the backbone in the file ends: the one whose
// output goes to no other layer of the backbone in the file. The authors' cut is
// taken where that is not clear.
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

// connected is whether the file has the layers that feed the given one. Layers
// of the head can have the name of one in the backbone's top ("dropout").
func connected(file *keras.File, whole *layers.Graph, name func(string) string, layer *layers.Layer) bool {
	for _, input := range layer.Inputs {
		if _, isInput := whole.Layer(input).Op.(layers.Input); !isInput && !file.HasLayer(name(input)) {
			return false
		}
	}
	return true
}

// sized is the network of cfg at the size, and with the head, that the last
// dense layer's rows tell.
func (found *examined) sized(opts ImportOptions, cfg spec.Network) (*skinattn.Network, error) {
	dense := weighted(found.file, denseClass)
	if len(dense) == 0 {
		return nil, errors.New("it has no dense layer for the classes")
	}
	tensors := found.file.LayerTensors(dense[len(dense)-1])
	kernel := tensors[max(0, slices.IndexFunc(tensors, func(t keras.Tensor) bool { return t.Weight() == "kernel" }))]
	if len(kernel.Shape) != 2 || kernel.Shape[1] != ham10000.NumClasses {
		return nil, fmt.Errorf("tensor %q has shape %v; the network ends in a dense kernel [features %d]", kernel.Name, kernel.Shape, ham10000.NumClasses)
	}
	if cfg.ExtendedDense > 0 { // that layer takes the features
		tensors := found.file.LayerTensors(dense[len(dense)-2])
		kernel = tensors[slices.IndexFunc(tensors, func(t keras.Tensor) bool { return t.Weight() == "kernel" })]
	}
	rows := kernel.Shape[0]
	if opts.Size != 0 {
		cfg.Size = opts.Size
	}
	net, need, err := rowsAt(cfg)
	if err != nil || need == rows {
		return net, err
	}
	// A head that makes the features of an image of another size may be one of
	// this size: the poolings of the head are the likelier where the size is sure,
	// or where the branch is as wide as in the authors' network with pooling.
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
		opts.logf("warning: %d rows fit images of %d px, and images of any size with pooled features; the former is taken, --size %d says otherwise", rows, fitting[len(fitting)-1], cfg.Size)
	case len(fitting) > 1:
		opts.logf("warning: %d rows fit images of %s px; the last is taken, --size says otherwise", rows, strings.Trim(fmt.Sprint(fitting), "[]"))
	}
	return net, nil
}

// otherHead looks for a head whose last dense kernel has the given rows: global
// average pooling in place of flattening or the other way round or, where the
// size is sure, poolings before the attention.
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

// rowsAt is the network of cfg and the rows of the dense kernel that takes the
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

// describe says which parts a network has.
func describe(cfg spec.Network) string {
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
