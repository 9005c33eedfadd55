package diagram

import (
	"fmt"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// Network is a network of the paper's family as a [plots.Figure].
type Network struct {
	Title string
	Input layers.Shape
	// Backbone has the stages up to the cut.
	Backbone []Stage
	// Cut is the layer at which the backbone ends. Keras's whole network has Of
	// layers; Index is the position of Cut among them, from 0.
	Cut       string
	CutShape  layers.Shape
	Index, Of int
	// Dropped has the stages, or parts of stages, that the cut leaves out of the whole
	// network.
	Dropped []Stage
	// Resumes reports that the stages after the cut are not left out: they follow the
	// Soft-Attention block, in Tail, with the input channels that the block gives.
	Resumes bool
	// Block has the layers of the Soft-Attention block, the attention layer first; it
	// is empty if the network has no block. Maps is the shape of the attention maps,
	// [heads H W].
	Block []Stage
	Maps  layers.Shape
	// Tail has the layers between the block and Output: flattening and, if Resumes,
	// the rest of the backbone's stages.
	Tail []Stage
	// Metadata is the branch for age, sex and localization, empty without it.
	Metadata []Stage
	// Output has the last layers: the concatenation with the metadata, if any,
	// and the softmax.
	Output           []Stage
	Total, Trainable int // parameters of the network
}

// New builds the graph of the network that cfg describes and divides it into stages.
func New(cfg spec.Network) (*Network, error) {
	net, err := skinattn.NewNetwork(cfg)
	if err != nil {
		return nil, err
	}
	row, err := backbone.Find(cfg.Backbone)
	if err != nil {
		return nil, err
	}
	whole, err := row.Graph(net.Size)
	if err != nil {
		return nil, err
	}
	part, err := whole.Cut(net.Cut)
	if err != nil {
		return nil, fmt.Errorf("cutting %s: %w", row.Title, err)
	}
	keys := blockKeys(whole)
	kept := func(l *layers.Layer) bool { return part.Layer(l.Name) != nil }
	d := &Network{Title: row.Title, Input: part.At(0).Out, Cut: net.Cut, CutShape: part.Last().Out, Of: len(whole.Layers()), Resumes: row.HasTail()}
	d.Index = slices.IndexFunc(whole.Layers(), func(l *layers.Layer) bool { return l.Name == net.Cut })
	d.Backbone = group(part, keys, kept)
	d.Dropped = group(whole, keys, func(l *layers.Layer) bool { return !kept(l) })
	d.addHead(net, kept)
	d.Total, d.Trainable = net.Graph.Parameters()
	return d, nil
}

// addHead adds a stage for every layer after the cut.
func (d *Network) addHead(net *skinattn.Network, kept func(*layers.Layer) bool) {
	g := net.Graph
	metadata := map[string]bool{}
	if joint := g.Layer("features_and_metadata"); joint != nil {
		mark(g, joint.Inputs[1], metadata)
	}
	inBlock := true
	for _, l := range g.Layers() {
		if kept(l) {
			continue
		}
		stage := Stage{Title: l.Name, Shape: l.Out, Layers: 1, Parameters: parameters(g, l)}
		if op, ok := l.Op.(layers.Dropout); ok {
			stage.Title = fmt.Sprintf("dropout %g", op.Rate)
		}
		switch {
		case metadata[l.Name]:
			d.Metadata = append(d.Metadata, stage)
		case l.Name == net.Output || l.Name == "features_and_metadata" || len(d.Output) > 0:
			d.Output = append(d.Output, stage)
		case inBlock:
			d.Block = append(d.Block, stage)
			inBlock = l.Name != "features_dropout"
			if l.Name == skinattn.AttentionLayer {
				if op, ok := l.Op.(layers.SoftAttention); ok {
					d.Maps = layers.Shape{op.Heads, l.Out[0], l.Out[1]}
				}
			}
		default:
			d.addTail(stage)
		}
	}
}

// addTail adds a stage to Tail, or joins it with the last stage if both are maps of
// one resolution.
func (d *Network) addTail(s Stage) {
	if n := len(d.Tail); n > 0 && sameResolution(d.Tail[n-1].Shape, s.Shape) {
		last := &d.Tail[n-1]
		last.join(s)
		if last.Parameters > 0 {
			last.Title = "convolutions"
		}
		return
	}
	if len(s.Shape) == 3 {
		if s.Title = "convolutions"; s.Parameters == 0 {
			s.Title = "pooling"
		}
	}
	d.Tail = append(d.Tail, s)
}

// mark adds the layer called name, and all layers that it depends on, to into.
func mark(g *layers.Graph, name string, into map[string]bool) {
	into[name] = true
	for _, input := range g.Layer(name).Inputs {
		mark(g, input, into)
	}
}

// Data implements [plots.Figure]: the stages, their shapes and parameters.
func (d *Network) Data() [][]string {
	rows := [][]string{{"part", "stage", "shape", "layers", "parameters"}}
	for _, part := range []struct {
		name   string
		stages []Stage
	}{{"backbone", d.Backbone}, {"dropped", d.Dropped}, {"soft_attention", d.Block}, {"features", d.Tail}, {"metadata", d.Metadata}, {"output", d.Output}} {
		for _, s := range part.stages {
			rows = append(rows, []string{part.name, s.Title, shapeText(s.Shape), fmt.Sprint(s.Layers), fmt.Sprint(s.Parameters)})
		}
	}
	return rows
}

func shapeText(s layers.Shape) string {
	text := make([]string, len(s))
	for i, n := range s {
		text[i] = fmt.Sprint(n)
	}
	return strings.Join(text, "x")
}

func sum(stages []Stage) (layerCount, parameterCount int) {
	for _, s := range stages {
		layerCount += s.Layers
		parameterCount += s.Parameters
	}
	return layerCount, parameterCount
}
