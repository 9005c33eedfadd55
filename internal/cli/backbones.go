package cli

import (
	"fmt"
	"text/tabwriter"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
)

type backbonesCommand struct{}

// backboneRow is an entry of the JSON answer. The totals are counted in the
// built graph.
type backboneRow struct {
	Name         string           `json:"name"`
	Title        string           `json:"title"`
	Paper        string           `json:"paper"`
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
}

// Run lists the networks.
func (backbonesCommand) Run(s *session) error {
	var rows []backboneRow
	for _, b := range backbone.Table {
		cfg, err := skinattn.DefaultConfig(b.Name)
		if err != nil {
			return err
		}
		net, err := skinattn.NewNetwork(cfg)
		if err != nil {
			return err
		}
		cut, err := b.CutGraph(0)
		if err != nil {
			return err
		}
		row := backboneRow{
			Name: b.Name, Title: b.Title, Paper: b.Paper.URL, Input: b.Input,
			CutLayer: b.Cuts[0].Layer, CutIndex: b.Cuts[0].Index, CutShape: cut.Last().Out,
			Preprocess: string(b.Preprocessing.Metadata.Preprocess), ChannelOrder: b.Preprocessing.Metadata.Order.String(), Weights: b.Weights,
		}
		row.ToCut, _ = cut.Parameters()
		row.Total, row.Trainable = net.Graph.Parameters()
		rows = append(rows, row)
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
