package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/diagram"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

type backbonesCommand struct {
	Draw string `help:"Draw a network as the authors trained it, by name, or all." placeholder:"NAME"`
	Out  string `help:"Drawing (.svg, .pdf or .png; default NAME.svg); with --draw all, a folder for SVG files (default: this one)." placeholder:"FILE"`
}

// backboneRow is an entry of the JSON answer. The totals are counted in the
// built graphs.
type backboneRow struct {
	Name         string           `json:"name"`
	Title        string           `json:"title"`
	Paper        string           `json:"paper"`
	PaperTitle   string           `json:"paper_title"`
	Input        int              `json:"input"`
	CutLayer     string           `json:"cut_layer"`
	CutIndex     int              `json:"cut_index"`
	CutShape     []int            `json:"cut_shape"`
	ToCut        int              `json:"params_backbone_to_cut"`
	Total        int              `json:"params_total"`
	Trainable    int              `json:"params_trainable"`
	Preprocess   string           `json:"preprocess"`
	ChannelOrder string           `json:"channel_order"`
	Weights      backbone.Weights `json:"weights"`

	Cuts          []cutRow          `json:"cuts"`
	Preprocessing map[string]string `json:"preprocessing"` // scaling and channel order, by source
	Heads         map[string]string `json:"heads"`         // by regime
	BatchNorm     batchNormRow      `json:"batch_norm"`
	PaperRows     []string          `json:"paper_rows"` // rows of the paper's tables that the network stands in
	TrainedOnCPU  bool              `json:"trained_on_cpu"`
	AugmentedOnly bool              `json:"augmented_only"`
	Deviations    string            `json:"ours,omitempty"`
	Differs       string            `json:"differs,omitempty"`
}

// cutRow is a place where the authors cut a network, with parameter counts.
type cutRow struct {
	Name      string    `json:"name"` // empty for the cut of the paper's row
	Layer     string    `json:"layer"`
	Index     int       `json:"index"`
	Shape     []int     `json:"shape"`
	Note      string    `json:"note"`
	ToCut     int       `json:"params_backbone_to_cut"`
	Metadata  *countRow `json:"with_metadata"` // null where the authors had none
	Augmented *countRow `json:"without_metadata"`
}

// countRow counts the parameters of a whole network.
type countRow struct {
	Total     int `json:"params_total"`
	Trainable int `json:"params_trainable"`
}

type batchNormRow struct {
	Epsilon  float64 `json:"epsilon"`
	Momentum float64 `json:"momentum"`
	Scale    bool    `json:"scale"`
}

// Run lists the networks or draws some.
func (c backbonesCommand) Run(s *session) error {
	if c.Draw != "" {
		return c.draw(s)
	}
	if c.Out != "" {
		return usageError{errors.New("--out is for drawings; add --draw NAME")}
	}
	rows, err := backboneRows()
	if err != nil {
		return err
	}
	if s.JSON {
		return s.answer(rows)
	}
	table := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "name\tinput\tcut layer\tcut shape\tto the cut\tin all\ttrainable")
	for _, r := range rows {
		fmt.Fprintf(table, "%s\t%d\t%s\t%dx%dx%d\t%d\t%d\t%d\n", r.Name, r.Input, r.CutLayer,
			r.CutShape[0], r.CutShape[1], r.CutShape[2], r.ToCut, r.Total, r.Trainable)
	}
	return table.Flush()
}

// backboneRows describes all networks.
func backboneRows() ([]backboneRow, error) {
	var rows []backboneRow
	for _, b := range backbone.Table {
		row, err := describeBackbone(b)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func describeBackbone(b *backbone.Backbone) (backboneRow, error) {
	cfg, err := skinattn.AuthorsNetwork(b.Name, spec.Metadata)
	if err != nil {
		return backboneRow{}, err
	}
	main, err := count(cfg)
	if err != nil {
		return backboneRow{}, err
	}
	row := backboneRow{
		Name: b.Name, Title: b.Title, Paper: b.Paper.URL, PaperTitle: b.Paper.Title, Input: b.Input,
		CutLayer: b.Cuts[0].Layer, CutIndex: b.Cuts[0].Index,
		Total: main.Total, Trainable: main.Trainable,
		Preprocess: string(cfg.Preprocess), ChannelOrder: string(cfg.ChannelOrder), Weights: b.Weights,
		Preprocessing: map[string]string{
			"metadata": b.Preprocessing.Metadata.String(), "augmented": b.Preprocessing.Augmented.String(),
			"printed": b.Preprocessing.Printed.String(), "keras": b.Preprocessing.Keras.String()},
		Heads:         map[string]string{"metadata": string(b.Pooling.Metadata), "augmented": string(b.Pooling.Augmented)},
		BatchNorm:     batchNormRow{b.BatchNorm.Epsilon, b.BatchNorm.Momentum, !b.BatchNorm.NoScale},
		PaperRows:     append([]string{}, b.Rows...),
		TrainedOnCPU:  b.TrainedOnCPU,
		AugmentedOnly: b.AugmentedOnly,
		Deviations:    b.Deviations, Differs: b.Differs,
	}
	whole, err := b.Graph(0)
	if err != nil {
		return row, err
	}
	for _, cut := range b.Cuts {
		part, err := whole.Cut(cut.Layer)
		if err != nil {
			return row, err
		}
		c := cutRow{Name: cut.Name, Layer: cut.Layer, Index: cut.Index, Shape: part.Last().Out, Note: cut.Note}
		c.ToCut, _ = part.Parameters()
		if c.Metadata, err = countAt(b.Name, spec.Metadata, cut.Layer, cut.Metadata.Total != 0); err != nil {
			return row, err
		}
		if c.Augmented, err = countAt(b.Name, spec.Augmented, cut.Layer, cut.Augmented.Total != 0); err != nil {
			return row, err
		}
		row.Cuts = append(row.Cuts, c)
	}
	row.CutShape, row.ToCut = row.Cuts[0].Shape, row.Cuts[0].ToCut
	return row, nil
}

// countAt counts the parameters of the authors' network with another cut; it returns nil
// if they had none.
func countAt(name string, variant spec.Variant, cut string, had bool) (*countRow, error) {
	if !had {
		return nil, nil
	}
	cfg, err := skinattn.AuthorsNetwork(name, variant)
	if err != nil {
		return nil, err
	}
	cfg.Cut = cut
	return count(cfg)
}

// count counts the parameters of a network.
func count(cfg spec.Network) (*countRow, error) {
	net, err := skinattn.NewNetwork(cfg)
	if err != nil {
		return nil, err
	}
	c := &countRow{}
	c.Total, c.Trainable = net.Graph.Parameters()
	return c, nil
}

// draw draws one network or all, and answers with the files' paths.
func (c backbonesCommand) draw(s *session) error {
	names := []string{c.Draw}
	path := func(name string) string { return cmp.Or(c.Out, name+".svg") }
	if c.Draw == "all" {
		names = backbone.Names()
		path = func(name string) string { return filepath.Join(c.Out, name+".svg") }
		if err := os.MkdirAll(cmp.Or(c.Out, "."), 0o755); err != nil {
			return fmt.Errorf("making the folder for the drawings: %w", err)
		}
	} else if _, err := backbone.Find(c.Draw); err != nil {
		return usageError{err}
	}
	var paths []string
	for _, name := range names {
		cfg, err := skinattn.AuthorsNetwork(name, spec.Metadata)
		if err != nil {
			return err
		}
		network, err := diagram.New(cfg)
		if err != nil {
			return err
		}
		if err := plots.Save(path(name), network, plots.PaperWide()); err != nil {
			return err
		}
		paths = append(paths, path(name))
	}
	return s.answerPaths(paths)
}
