package sweep

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxCells keeps a mistyped range from taking all memory; it is also the most that a job of
// Kubernetes may have.
const maxCells = 100_000

// maxFile is above any sweep, in bytes.
const maxFile = 4 << 20

// File is a sweep as its file describes it: one grid, or several.
type File struct {
	// Path is the file's; errors name it.
	Path string
	// Runs is the folder of the run folders.
	Runs string

	grids []grid
}

// grid has the cells of one product of axes.
type grid struct {
	line    int
	set     map[*field]value // of all cells
	axes    []axis           // the first changes slowest
	exclude []*exclusion
}

// axis is a field with the values that it takes.
type axis struct {
	field  *field
	values []value
}

// exclusion leaves out the cells that have one of the values of each of its fields.
type exclusion struct {
	line   int
	fields map[*field][]value
}

// UnknownError says that a key of a sweep's file is none of those that are known there.
type UnknownError struct {
	Key   string
	Known []string

	text string
}

func (e *UnknownError) Error() string { return e.text }

// FileError says what is wrong with a sweep's file. Field and Value are empty where the error
// is about neither.
type FileError struct {
	Path  string
	Line  int    // from 1; 0 if it is about the whole file
	Field string // of the axis or setting
	Value string
	Err   error
}

func (e *FileError) Error() string {
	text := e.Path
	if e.Line > 0 {
		text += fmt.Sprintf(", line %d", e.Line)
	}
	if e.Field != "" {
		text += ", " + e.Field
	}
	if e.Value != "" {
		text += " " + e.Value
	}
	return text + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// ReadFile reads a sweep in YAML or JSON; docs/cluster.md describes it. An error about the
// content is a *FileError. The folder of the runs is relative to the file's.
func ReadFile(path string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, &FileError{Path: path, Err: fmt.Errorf("%d bytes are too many for a sweep", info.Size())}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, err := Parse(text, path)
	if err != nil {
		return nil, err
	}
	if !filepath.IsAbs(f.Runs) {
		f.Runs = filepath.Join(filepath.Dir(path), f.Runs)
	}
	return f, nil
}

// Parse reads the text of a sweep's file. Without a key runs, the folder of the run folders
// is runs/ and the file's name without its ending.
func Parse(text []byte, path string) (*File, error) {
	p := &parser{path: path}
	f := &File{Path: path, Runs: filepath.Join("runs", strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)))}
	documents := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	err := documents.Decode(&document)
	if errors.Is(err, io.EOF) || err == nil && len(document.Content) != 1 {
		return nil, p.wrong(nil, "", "", errors.New("the file is empty"))
	}
	if err == nil {
		if err = p.file(resolve(document.Content[0]), f); err != nil {
			return nil, err
		}
		if err = documents.Decode(&second); errors.Is(err, io.EOF) {
			return f, nil
		}
		if err == nil {
			return nil, p.wrong(&second, "", "", errors.New("a second document begins here; a sweep is one, with 'grids' for its parts"))
		}
	}
	return nil, p.notYAML(text, err)
}

// notYAML is the error of a text that is no YAML; a tab that begins a line is named, since nobody
// sees it.
func (p *parser) notYAML(text []byte, err error) error {
	reason, line := strings.TrimPrefix(err.Error(), "yaml: "), 0
	if rest, ok := strings.CutPrefix(reason, "line "); ok {
		number, fault, _ := strings.Cut(rest, ": ")
		if n, err := strconv.Atoi(number); err == nil {
			line, reason = n, fault
		}
	}
	for i, s := range bytes.Split(text, []byte("\n")) {
		indent := s[:len(s)-len(bytes.TrimLeft(s, " \t"))]
		if bytes.ContainsRune(indent, '\t') && strings.Contains(reason, "cannot start any token") {
			line, reason = i+1, "the line begins with a tab; YAML is indented by spaces"
			break
		}
	}
	return p.wrong(&yaml.Node{Line: line}, "", "", errors.New(reason))
}

// parser reads nodes and knows where they come from.
type parser struct{ path string }

func (p *parser) wrong(node *yaml.Node, field, value string, err error) error {
	line := 0
	if node != nil {
		line = node.Line
	}
	return &FileError{p.path, line, field, value, err}
}

// entry is a key of a mapping with its value.
type entry struct {
	key   *yaml.Node
	value *yaml.Node
}

// mapping lists the entries of a mapping, each key once.
func (p *parser) mapping(node *yaml.Node, what string) ([]entry, error) {
	if node.Kind != yaml.MappingNode {
		return nil, p.wrong(node, "", "", fmt.Errorf("%s is a %s; it must have keys with values", what, kindName(node)))
	}
	var entries []entry
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := resolve(node.Content[i])
		if key.Kind == yaml.ScalarNode && key.Tag == "!!merge" {
			return nil, p.wrong(key, "", "", fmt.Errorf("<< is not read in a sweep; write the keys of %s out", what))
		}
		if key.Kind != yaml.ScalarNode {
			return nil, p.wrong(key, "", "", fmt.Errorf("a key of %s must be a word", what))
		}
		if seen[key.Value] {
			return nil, p.wrong(key, "", "", fmt.Errorf("%s is there twice in %s", key.Value, what))
		}
		seen[key.Value] = true
		entries = append(entries, entry{key, resolve(node.Content[i+1])})
	}
	return entries, nil
}

// file reads the whole file.
func (p *parser) file(node *yaml.Node, f *File) error {
	entries, err := p.mapping(node, "the file")
	if err != nil {
		return err
	}
	whole := grid{line: node.Line, set: map[*field]value{}}
	var grids *yaml.Node
	for _, e := range entries {
		switch e.key.Value {
		case "runs":
			if e.value.Kind != yaml.ScalarNode || e.value.Tag == "!!null" || strings.TrimSpace(e.value.Value) == "" {
				return p.wrong(e.value, "", "", errors.New("runs must name a folder"))
			}
			f.Runs = place(e.value.Value, ".")
		case "grids":
			grids = e.value
		default:
			if err := p.part(&whole, e, "runs, set, axes, exclude, grids"); err != nil {
				return err
			}
		}
	}
	if grids == nil {
		f.grids = []grid{whole}
		return p.axes(f.grids)
	}
	if grids.Kind != yaml.SequenceNode || len(grids.Content) == 0 {
		return p.wrong(grids, "", "", errors.New("grids must be a list"))
	}
	for _, node := range grids.Content {
		entries, err := p.mapping(resolve(node), "a grid")
		if err != nil {
			return err
		}
		g := grid{line: node.Line, set: map[*field]value{}}
		for _, e := range entries {
			if err := p.part(&g, e, "set, axes, exclude"); err != nil {
				return err
			}
		}
		for f, v := range whole.set { // of all grids, unless the grid has its own
			if _, given := g.set[f]; !given && g.axis(f) == nil {
				g.set[f] = v
			}
		}
		for _, a := range whole.axes {
			if _, given := g.set[a.field]; !given && g.axis(a.field) == nil {
				g.axes = append(g.axes, a)
			}
		}
		g.exclude = append(g.exclude, whole.exclude...)
		f.grids = append(f.grids, g)
	}
	return p.axes(f.grids)
}

// part reads a key that a grid has.
func (p *parser) part(g *grid, e entry, keys string) error {
	switch e.key.Value {
	case "set":
		return p.set(g, e.value)
	case "axes":
		return p.grid(g, e.value)
	case "exclude":
		return p.exclusions(g, e.value)
	}
	return p.wrong(e.key, "", "", &UnknownError{e.key.Value, strings.Split(keys, ", "), fmt.Sprintf("key %q is unknown; choose one of %s", e.key.Value, keys)})
}

// field finds the field of a key.
func (p *parser) field(key *yaml.Node) (*field, error) {
	if f := byName()[key.Value]; f != nil {
		return f, nil
	}
	return nil, p.wrong(key, "", "", &UnknownError{key.Value, slices.Sorted(maps.Keys(byName())),
		fmt.Sprintf("%q is nothing that a cell can set; choose one of %s, or a flag of 'skinattn train' or field of config.json for the regime or network",
			key.Value, strings.Join(fieldNames(), ", "))})
}

// set reads the settings that all cells have.
func (p *parser) set(g *grid, node *yaml.Node) error {
	entries, err := p.mapping(node, "set")
	if err != nil {
		return err
	}
	for _, e := range entries {
		f, err := p.field(e.key)
		if err != nil {
			return err
		}
		if _, twice := g.set[f]; twice {
			return p.wrong(e.key, f.name, "", errors.New("it is set twice, under two names"))
		}
		v, err := f.decode(e.value)
		if err != nil {
			return p.wrong(e.value, f.name, e.value.Value, err)
		}
		g.set[f] = v
	}
	return nil
}

// grid reads the axes.
func (p *parser) grid(g *grid, node *yaml.Node) error {
	entries, err := p.mapping(node, "axes")
	if err != nil {
		return err
	}
	for _, e := range entries {
		f, err := p.field(e.key)
		if err != nil {
			return err
		}
		if g.axis(f) != nil {
			return p.wrong(e.key, f.name, "", errors.New("the axis is there twice, under two names"))
		}
		values, err := p.values(f, e.value)
		if err != nil {
			return err
		}
		if len(values) == 0 {
			return p.wrong(e.value, f.name, "", errors.New("the axis has no values"))
		}
		seen := map[string]bool{}
		for _, v := range values {
			if seen[v.String()] {
				return p.wrong(e.value, f.name, v.String(), errors.New("the axis has this value twice"))
			}
			seen[v.String()] = true
		}
		g.axes = append(g.axes, axis{f, values})
	}
	return nil
}

// values reads a list of values, a range, or one value.
func (p *parser) values(f *field, node *yaml.Node) (values []value, err error) {
	if node.Kind == yaml.SequenceNode {
		for _, element := range node.Content {
			element = resolve(element)
			some, err := p.valueOrRange(f, element)
			if err != nil {
				return nil, err
			}
			if values = append(values, some...); len(values) > maxCells {
				return nil, p.wrong(element, f.name, "", fmt.Errorf("there are more than %d values", maxCells))
			}
		}
		return values, nil
	}
	return p.valueOrRange(f, node)
}

// valueOrRange reads one value, or all values of a range.
func (p *parser) valueOrRange(f *field, node *yaml.Node) ([]value, error) {
	values, isRange, err := f.rangeOf(node)
	if !isRange {
		var v value
		v, err = f.decode(node)
		values = []value{v}
	}
	if err != nil {
		return nil, p.wrong(node, f.name, node.Value, err)
	}
	return values, nil
}

// exclusions reads what is left out.
func (p *parser) exclusions(g *grid, node *yaml.Node) error {
	if node.Kind != yaml.SequenceNode {
		return p.wrong(node, "", "", errors.New("exclude must be a list"))
	}
	for _, n := range node.Content {
		entries, err := p.mapping(resolve(n), "an exclusion")
		if err != nil {
			return err
		}
		x := &exclusion{line: n.Line, fields: map[*field][]value{}}
		for _, e := range entries {
			f, err := p.field(e.key)
			if err != nil {
				return err
			}
			values, err := p.values(f, e.value)
			if err != nil {
				return err
			}
			x.fields[f] = append(x.fields[f], values...)
		}
		if len(x.fields) == 0 {
			return p.wrong(n, "", "", errors.New("the exclusion names nothing"))
		}
		g.exclude = append(g.exclude, x)
	}
	return nil
}

// axes checks what the parts of each grid say about the same field.
func (p *parser) axes(grids []grid) error {
	for _, g := range grids {
		cells := 1
		for _, a := range g.axes {
			if v, both := g.set[a.field]; both {
				return p.wrong(&yaml.Node{Line: v.line}, a.field.name, v.String(), errors.New("it is set, and an axis, too"))
			}
			if cells *= len(a.values); cells > maxCells {
				return p.wrong(&yaml.Node{Line: g.line}, "", "", fmt.Errorf("the axes have more than %d cells", maxCells))
			}
		}
		for _, x := range g.exclude {
			for f, values := range x.fields {
				if err := p.known(g, f, values); err != nil && len(grids) == 1 {
					return err
				}
			}
		}
	}
	return nil
}

// known returns an error for a value of an exclusion that no cell has.
func (p *parser) known(g grid, f *field, values []value) error {
	have := []value{g.set[f]}
	if a := g.axis(f); a != nil {
		have = a.values
	}
	for _, v := range values {
		if !slices.ContainsFunc(have, func(h value) bool { return h.String() == v.String() }) {
			return p.wrong(&yaml.Node{Line: v.line}, f.name, v.String(), errors.New("the exclusion names a value that no cell has"))
		}
	}
	return nil
}

// axis finds the axis of a field.
func (g *grid) axis(f *field) *axis {
	for i := range g.axes {
		if g.axes[i].field == f {
			return &g.axes[i]
		}
	}
	return nil
}

// resolve follows an alias to its anchor.
func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func kindName(node *yaml.Node) string {
	return cmp.Or(map[yaml.Kind]string{yaml.MappingNode: "mapping", yaml.SequenceNode: "list", yaml.ScalarNode: "single value"}[node.Kind], "value")
}
