package sweep

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/weights"
)

// Cell is one run of a sweep.
type Cell struct {
	// Name is the name of the run folder: words for people, and a hash of all that decides
	// the run but the data. Cells with equal names are one run.
	Name string
	// Line is where the cell's grid begins in the file.
	Line int

	plan   *prepared
	own    *assignment
	values []value // of the fields of own, in their order
}

// assignment has the fields that the cells of a grid set, in the order of the arguments.
type assignment struct {
	fields []*field
	dir    string // of the file, which relative paths begin at
}

// prepared is what cells have in common that differ in seed and split alone.
type prepared struct {
	options pipeline.TrainOptions
	config  run.Config
	words   []string // of the name: network and regime, before the split
	after   []string // and behind it
	content []byte   // for the hash
	size    networkSize
}

// networkSize is how large a network is.
type networkSize struct {
	values      int   // of all variables
	trained     int   // of those that Adam's moments are kept for: all, or those behind the cut
	macs, after int64 // multiply-adds of an image's way through it, and through what is behind the cut
}

// Expand lists the cells of a sweep, each once, in the order of the file: the first axis
// changes slowest. merged is the number of cells that are another one by another way. Every
// cell is checked as 'train' would; an error is a *FileError with the axis that is wrong.
func (f *File) Expand() (cells []Cell, merged int, err error) {
	e := &expander{file: f, prepared: map[string]*prepared{}, networks: map[spec.Network]*skinattn.Network{}, seen: map[string]bool{}, excluded: map[*exclusion]bool{}}
	for i := range f.grids {
		if err := e.grid(&f.grids[i]); err != nil {
			return nil, 0, err
		}
	}
	for _, g := range f.grids {
		for _, x := range g.exclude {
			if !e.excluded[x] {
				return nil, 0, &FileError{Path: f.Path, Line: x.line, Err: errors.New("the exclusion leaves no cell out")}
			}
		}
	}
	if len(e.cells) == 0 {
		return nil, 0, &FileError{Path: f.Path, Err: errors.New("there are no cells")}
	}
	return e.cells, e.merged, nil
}

// expander expands the grids of a file.
type expander struct {
	file     *File
	cells    []Cell
	merged   int
	prepared map[string]*prepared
	networks map[spec.Network]*skinattn.Network // the last ones that were built
	seen     map[string]bool
	excluded map[*exclusion]bool // those that left a cell out
}

// grid adds the cells of a grid.
func (e *expander) grid(g *grid) error {
	own := &assignment{fields: slices.Collect(maps.Keys(g.set)), dir: filepath.Dir(e.file.Path)}
	for _, a := range g.axes {
		own.fields = append(own.fields, a.field)
	}
	sortFields(own.fields)
	place := map[*field]int{}
	for i, f := range own.fields {
		place[f] = i
	}
	values := make([]value, len(own.fields))
	for f, v := range g.set {
		values[place[f]] = v
	}
	at := make([]int, len(g.axes))
	for {
		for i, a := range g.axes {
			values[place[a.field]] = a.values[at[i]]
		}
		if !e.leftOut(g, own, values) {
			if err := e.cell(g, own, slices.Clone(values)); err != nil {
				return err
			}
		}
		last := len(at) - 1
		for last >= 0 {
			if at[last]++; at[last] < len(g.axes[last].values) {
				break
			}
			at[last] = 0
			last--
		}
		if last < 0 {
			return nil
		}
	}
}

// leftOut reports whether an exclusion leaves a cell out.
func (e *expander) leftOut(g *grid, own *assignment, values []value) bool {
	out := false
	for _, x := range g.exclude {
		matches := true
		for f, list := range x.fields {
			have := value{}
			if i := slices.Index(own.fields, f); i >= 0 {
				have = values[i]
			}
			if !slices.ContainsFunc(list, func(v value) bool { return v.String() == have.String() }) {
				matches = false
				break
			}
		}
		if matches {
			out, e.excluded[x] = true, true
		}
	}
	return out
}

// cell checks and adds one cell.
func (e *expander) cell(g *grid, own *assignment, values []value) error {
	begin, key := pipeline.Begin{Split: split.Options{Seed: 1}}, strings.Builder{}
	for i, f := range own.fields {
		v := values[i]
		if !v.isSet() {
			continue
		}
		switch {
		case f.setting != nil:
			begin.Changes = append(begin.Changes, pipeline.Change{Setting: *f.setting, Value: v.v})
		case f.set != nil:
			f.set(&begin, v.v)
		default:
			continue
		}
		if !ofSplit[f.name] {
			fmt.Fprintf(&key, "%s=%q\n", f.name, v.text)
		}
	}
	if begin.Backbone == "" {
		return &FileError{Path: e.file.Path, Line: g.line, Err: fmt.Errorf("the cells have no backbone; choose of %s", strings.Join(backbone.Names(), ", "))}
	}
	begin.Protocol = cmp.Or(begin.Protocol, split.Grouped)
	p := e.prepared[key.String()]
	var err error
	if p == nil {
		if p, err = e.prepare(begin); err == nil {
			e.prepared[key.String()] = p
		}
	}
	if err == nil {
		err = begin.Split.Check(begin.Protocol)
	}
	if i := slices.IndexFunc(own.fields, func(f *field) bool { return f.name == "test-data" }); err == nil && i >= 0 && values[i].isSet() && !slices.Contains(split.WithOfficialTest(), begin.Protocol) {
		err = fmt.Errorf("the protocol is %s: %w; choose one of %s", begin.Protocol, pipeline.ErrNoTestSet, strings.Join(split.WithOfficialTest(), ", "))
	}
	if err != nil {
		return e.wrong(g, own, values, err)
	}
	c := Cell{Name: p.name(begin), Line: g.line, plan: p, own: own, values: values}
	if e.seen[c.Name] {
		e.merged++
		return nil
	}
	if len(e.cells) == maxCells {
		return &FileError{Path: e.file.Path, Err: fmt.Errorf("there are more than %d cells", maxCells)}
	}
	e.seen[c.Name] = true
	e.cells = append(e.cells, c)
	return nil
}

// ofSplit are the fields that decide about split and seed alone.
var ofSplit = map[string]bool{"protocol": true, "test-share": true, "arm": true, "folds": true, "fold": true, "as-run": true, "seed": true}

// wrong is the error of a cell, with the field that it is about where that can be told.
func (e *expander) wrong(g *grid, own *assignment, values []value, err error) error {
	name, fault := "", err
	if wrong, ok := errors.AsType[*pipeline.ChangeError](err); ok {
		name, fault = wrong.Flag, wrong.Err
	} else if wrong, ok := errors.AsType[*spec.ValueError](err); ok {
		name, fault = cmp.Or(wrong.Flag, wrong.Path), errors.New(wrong.Fault)
	} else if wrong, ok := errors.AsType[*split.OptionError](err); ok {
		name = string(wrong.Option)
	} else if _, ok := errors.AsType[*backbone.SizeError](err); ok {
		name = "size"
	} else if errors.Is(err, errBackbone) || errors.Is(err, weights.ErrNoImageNet) {
		name = "backbone"
	} else if errors.Is(err, errRegime) {
		name = "regime"
	} else if errors.Is(err, errProtocol) {
		name = "protocol"
	} else if errors.Is(err, pipeline.ErrNoTestSet) {
		name = "test-data"
	}
	wrong := &FileError{Path: e.file.Path, Line: g.line, Field: name, Err: fault}
	for i, f := range own.fields {
		if f.name == name && values[i].isSet() {
			wrong.Line, wrong.Value = values[i].line, values[i].text
		}
	}
	if wrong.Value == "" || name == "" { // the cell helps to find it
		wrong.Err = fmt.Errorf("%w (in the cell %s)", fault, describe(own, values))
	}
	return wrong
}

// describe writes the values of a cell that are set.
func describe(own *assignment, values []value) string {
	var texts []string
	for i, f := range own.fields {
		if values[i].isSet() {
			texts = append(texts, f.name+" "+values[i].text)
		}
	}
	return strings.Join(texts, ", ")
}

// Words that a cell can't have.
var (
	errBackbone = errors.New("it is unknown")
	errRegime   = errors.New("it is unknown")
	errProtocol = errors.New("it is unknown")
)

// prepare checks what does not depend on seed and split.
func (e *expander) prepare(begin pipeline.Begin) (*prepared, error) {
	if _, err := backbone.Find(begin.Backbone); err != nil {
		return nil, fmt.Errorf("%w; choose one of %s", errBackbone, strings.Join(backbone.Names(), ", "))
	}
	regime := cmp.Or(begin.Regime, spec.Default)
	if _, err := spec.Find(regime); err != nil {
		return nil, fmt.Errorf("%w; choose one of %s", errRegime, strings.Join(spec.Names(), ", "))
	}
	if _, err := split.Find(begin.Protocol); err != nil {
		return nil, fmt.Errorf("%w; choose one of %s", errProtocol, strings.Join(split.Names(), ", "))
	}
	opts, err := begin.Options()
	if err != nil {
		return nil, err
	}
	if opts.Weights == pipeline.ImageNetWeights {
		if _, err := weights.Path(begin.Backbone); errors.Is(err, weights.ErrNoImageNet) {
			return nil, fmt.Errorf("%w; set weights to %s or to a file", err, pipeline.RandomWeights)
		}
	}
	p := &prepared{options: opts}
	var net *skinattn.Network
	p.config, err = opts.ConfigBy(func(options spec.Network) (built *skinattn.Network, err error) {
		net, err = e.network(options)
		return net, err
	})
	if err != nil {
		return nil, err
	}
	if p.size, err = e.size(net, p.config.FeatureCache); err != nil {
		return nil, err
	}
	p.content = content(p.config, begin.Weights)
	return p, p.describe(begin, regime)
}

// keptNetworks is the number of networks that are kept: the graph of a network is large.
const keptNetworks = 64

// network builds a network, or takes the one that was built for equal options.
func (e *expander) network(options spec.Network) (*skinattn.Network, error) {
	if net := e.networks[options]; net != nil {
		return net, nil
	}
	net, err := skinattn.NewNetwork(options)
	if err == nil {
		if len(e.networks) >= keptNetworks {
			clear(e.networks)
		}
		e.networks[options] = net
	}
	return net, err
}

// size measures a network, and what is behind the cut if that is trained alone.
func (e *expander) size(net *skinattn.Network, features bool) (size networkSize, err error) {
	size.values, _ = net.Graph.Parameters()
	size.trained = size.values
	size.macs = net.Graph.MultiplyAdds()
	if features {
		var after *skinattn.Network
		if after, err = net.AfterCut(); err == nil {
			size.after = after.Graph.MultiplyAdds()
			size.trained, _ = after.Graph.Parameters()
		}
	}
	return size, err
}

// content is the text of all that decides a run but seed and split.
func content(cfg run.Config, weights string) []byte {
	cfg.Format, cfg.Seed, cfg.Data = 0, 0, run.Data{}
	values := cfg.Values()
	delete(values, "format") // another layout of the folder is no other run
	delete(values, "seed")
	var text []byte
	for _, path := range slices.Sorted(maps.Keys(values)) {
		text = fmt.Appendf(text, "%q %s\n", path, values[path])
	}
	if weights != "" && weights != pipeline.ImageNetWeights && weights != pipeline.RandomWeights {
		text = fmt.Appendf(text, "weights %q\n", weights)
	}
	return text
}

// describe fills in the words of the name: what differs from the regime's own.
func (p *prepared) describe(begin pipeline.Begin, regime string) error {
	named, err := spec.For(regime, begin.Backbone)
	if err != nil {
		return err
	}
	variant := named
	variant.Variant = p.config.Regime.Variant
	network, err := skinattn.Resolve(begin.Backbone, variant)
	if err != nil {
		return err
	}
	p.words = []string{begin.Backbone, regime}
	if p.config.Network.Size != network.Size {
		p.after = append(p.after, fmt.Sprintf("%dpx", p.config.Network.Size))
	}
	if p.config.Network.Cut != network.Cut {
		p.after = append(p.after, p.config.Network.Cut)
	}
	if p.config.Init == pipeline.RandomWeights {
		p.after = append(p.after, pipeline.RandomWeights)
	}
	for _, s := range pipeline.Settings() {
		of, from := any(p.config.Regime), any(&named)
		if s.Network {
			of, from = &p.config.Network, &network
		}
		for _, argument := range s.Arguments(of, from) {
			p.after = append(p.after, strings.Replace(strings.TrimPrefix(argument, "--"), "=", "", 1))
		}
	}
	return nil
}

// maxWords is the greatest length of the readable part of a name: with the hash and the names
// of files beside it, it stays below the 255 bytes of a file name, and fits a terminal.
const maxWords = 100

// name is the name of the run folder.
func (p *prepared) name(begin pipeline.Begin) string {
	s := begin.Split
	own, err := json.Marshal(struct { // the order is part of every name
		Protocol    string
		Seed        uint64
		TestShare   float64
		Arm         string
		Folds, Fold int
		AsRun       bool
	}{begin.Protocol, s.Seed, s.TestShare, s.Arm, s.Folds, s.Fold, s.AsRun})
	if err != nil {
		panic(err) // plain values always marshal
	}
	hash := sha256.New()
	hash.Write(p.content)
	hash.Write(own)
	words := slices.Clone(p.words)
	protocol := begin.Protocol
	if s.TestShare != 0 {
		protocol += fmt.Sprint(s.TestShare)
	}
	words = append(words, protocol+s.Arm)
	if s.AsRun {
		words = append(words, "as-run")
	}
	if s.Folds > 0 {
		words = append(words, fmt.Sprintf("fold%dof%d", s.Fold, s.Folds))
	}
	words = append(words, fmt.Sprintf("seed%d", s.Seed))
	text := plain(strings.Join(words, "-"))
	for _, word := range p.after {
		if longer := text + "-" + plain(word); len(longer) <= maxWords {
			text = longer
		}
	}
	return text + "-" + hex.EncodeToString(hash.Sum(nil))[:10]
}

// plain keeps letters, digits, points and underscores; all else becomes a hyphen.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		}
		return '-'
	}, text)
}

// Arguments are the cell's arguments of 'train', without those that name the run folder, the
// data and the engine.
func (c *Cell) Arguments() (args []string) {
	for i, f := range c.own.fields {
		if v := c.values[i]; v.isSet() {
			if argument := f.argument(v, c.own.dir); argument != "" {
				args = append(args, argument)
			}
		}
	}
	return args
}

// Value is the text of a field of the cell, by the name of its flag; empty if the cell does
// not set it.
func (c *Cell) Value(name string) string {
	for i, f := range c.own.fields {
		if f.name == name && c.values[i].isSet() {
			return c.values[i].text
		}
	}
	return ""
}

// Config is the cell's configuration without what data and weights add.
func (c *Cell) Config() run.Config {
	cfg := c.plan.config
	begin := c.begin()
	cfg.Seed = begin.Split.Seed
	cfg.Data = run.Data{Protocol: begin.Protocol, TestShare: begin.Split.TestShare, Arm: begin.Split.Arm}
	return cfg
}

// begin is what the cell begins with, without what the prepared part has.
func (c *Cell) begin() pipeline.Begin {
	begin := pipeline.Begin{Split: split.Options{Seed: 1}}
	for i, f := range c.own.fields {
		if f.set != nil && c.values[i].isSet() {
			f.set(&begin, c.values[i].v)
		}
	}
	begin.Protocol = cmp.Or(begin.Protocol, split.Grouped)
	return begin
}
