package reproduce

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/eval/paper"
	"github.com/skinattn/skinattn/pkg/skinattn/reproduce/internal/render"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// BuiltNetwork is a network that this project builds, with its parameter counts.
type BuiltNetwork struct {
	Name, Title string
	ImageNet    int // parameters of the whole ImageNet network with top; 0: unknown
	Trained     int // parameters of the authors' network, which is cut and has Soft-Attention and metadata; 0: unknown
}

// Report compares every table of the paper with the runs.
type Report struct {
	Runs   []*Run // those of studies left out
	Tables []*Table

	studies  []*Run                      // the runs of studies
	measured func() (experiments, error) // of all runs, measured once
	ctx      context.Context             // of New
	networks map[string]BuiltNetwork     // by name; nil: unknown
	paper    []paper.Network
}

// Table is a printed table with the values of the runs.
type Table struct {
	*paper.Table
	Cells []Cell
}

// Cell is a printed cell with the values of the runs.
type Cell struct {
	paper.Cell
	// Built is counted in the built network, NaN if it is not a count.
	Built float64
	Ours  map[string]Ours // by protocol
}

// Ours are the values of one protocol for a cell.
type Ours struct {
	Values []Value
	// Repeated has the settings with more than one run.
	Repeated []Repetitions
	// NotRun is set if a training run would provide this value and none was found.
	NotRun bool
}

// Value is the value of one run.
type Value struct {
	Run   *Run
	Value float64 // NaN if undefined
	CI    eval.Interval
	Note  string // beside the value, such as a seed
}

// Repetitions summarise the runs of one setting.
type Repetitions struct {
	First    *Run
	N        int
	Mean, SD float64
}

// New compares the runs with the paper. The networks are all networks that can be
// trained here, as BuiltNetworks lists them; nil means unknown. If ctx is done before
// the comparison, its error is returned; [Report.Write] heeds ctx too.
func New(ctx context.Context, runs []*Run, networks []BuiltNetwork) (*Report, error) {
	for _, run := range runs {
		if err := run.addMacroSpecificity(ctx); err != nil {
			return nil, err
		}
	}
	r := &Report{ctx: ctx, paper: paper.Networks()}
	for _, run := range runs {
		if run.Study == "" {
			r.Runs = append(r.Runs, run)
		} else {
			r.studies = append(r.studies, run)
		}
	}
	r.measured = sync.OnceValues(r.experiments)
	if networks != nil {
		r.networks = map[string]BuiltNetwork{}
	}
	for _, n := range networks {
		r.networks[n.Name] = n
	}
	for _, t := range paper.Tables() {
		table := &Table{Table: t}
		for _, c := range t.Cells {
			cell, err := r.cell(c)
			if err != nil {
				return nil, fmt.Errorf("table %s, %s, %s: %w", t.ID, c.Row, c.Column, err)
			}
			table.Cells = append(table.Cells, cell)
		}
		r.Tables = append(r.Tables, table)
	}
	return r, nil
}

// cell fills one cell.
func (r *Report) cell(c paper.Cell) (Cell, error) {
	cell := Cell{Cell: c, Built: math.NaN(), Ours: map[string]Ours{}}
	counts := map[string]int{"parameters": r.networks[c.Backbone].Trained, "parameters_imagenet": r.networks[c.Backbone].ImageNet}
	if n := counts[c.Metric]; n > 0 {
		cell.Built = float64(n)
	}
	for _, column := range split.Columns() {
		protocol := column.Name
		switch class, isCount := strings.CutPrefix(c.Metric, "images."); {
		case isCount:
			cell.Ours[protocol] = r.imageCounts(protocol, class)
		case c.Backbone != "" && isMeasured(c.Metric):
			ours, err := r.valuesOf(protocol, c)
			if err != nil {
				return cell, err
			}
			cell.Ours[protocol] = ours
		}
	}
	return cell, nil
}

// isMeasured reports whether a training run gives the metric.
func isMeasured(metric string) bool {
	return !slices.Contains([]string{"", "parameters", "parameters_imagenet", "depth", "megabytes"}, metric)
}

// valuesOf finds the values of a protocol's runs for a cell.
func (r *Report) valuesOf(protocol string, c paper.Cell) (Ours, error) {
	var ours Ours
	for _, run := range r.Runs {
		if run.config.Data.Protocol != protocol || !run.fills(c.Backbone, c.Regime) {
			continue
		}
		v := Value{Run: run, Note: run.repetition()}
		var err error
		if v.Value, v.CI, err = run.value(c.Metric); err != nil {
			return ours, err
		}
		ours.Values = append(ours.Values, v)
	}
	ours.NotRun = len(ours.Values) == 0
	settings := grouped(ours.Values, func(v Value) string { return v.Run.setting() })
	if len(settings) > 1 {
		cuts := grouped(ours.Values, func(v Value) string { return v.Run.config.Network.Cut })
		for i, v := range ours.Values {
			if len(cuts) > 1 {
				ours.Values[i].Note += ", cut at " + render.Code(v.Run.config.Network.Cut)
			}
			ours.Values[i].Note += ", " + render.Code(v.Run.Name)
		}
	}
	var err error
	ours.Repeated, err = repetitions(settings)
	return ours, err
}

// grouped puts items with the same key together, in the order of each key's first
// item.
func grouped[T any](items []T, key func(T) string) (groups [][]T) {
	at := map[string]int{}
	for _, item := range items {
		k := key(item)
		if _, ok := at[k]; !ok {
			at[k] = len(groups)
			groups = append(groups, nil)
		}
		groups[at[k]] = append(groups[at[k]], item)
	}
	return groups
}

// repetitions summarises the settings in which more than one run has a value.
func repetitions(settings [][]Value) ([]Repetitions, error) {
	var out []Repetitions
	for _, same := range settings {
		same = slices.DeleteFunc(same, func(v Value) bool { return math.IsNaN(v.Value) })
		if len(same) < 2 {
			continue
		}
		var numbers []float64
		for _, v := range same {
			numbers = append(numbers, v.Value)
		}
		s, err := eval.Summarize(numbers, 0.95)
		if err != nil {
			return nil, err
		}
		out = append(out, Repetitions{First: same[0].Run, N: s.N, Mean: s.Mean, SD: s.SD})
	}
	return out, nil
}

// imageCounts counts the images of a class (or "total") in the splits of a
// protocol; equal counts are listed once.
func (r *Report) imageCounts(protocol, class string) Ours {
	var ours Ours
	for _, run := range r.Runs {
		if run.config.Data.Protocol != protocol {
			continue
		}
		count := 0
		for _, row := range run.split.Rows {
			if class == "total" || row.Dx == class {
				count++
			}
		}
		same := func(v Value) bool { return v.Value == float64(count) }
		if !slices.ContainsFunc(ours.Values, same) {
			ours.Values = append(ours.Values, Value{Run: run, Value: float64(count), CI: noInterval, Note: "all parts"})
		}
	}
	ours.NotRun = len(ours.Values) == 0
	return ours
}

// paperNetwork is the paper's entry of a network.
func (r *Report) paperNetwork(name string) paper.Network {
	for _, n := range r.paper {
		if n.Name == name {
			return n
		}
	}
	return paper.Network{Name: name, Title: name}
}

// title is a network's name in tables.
func (r *Report) title(name string) string {
	return cmp.Or(r.networks[name].Title, r.paperNetwork(name).Title)
}

// need is a row without a run: its name, its needs and the command that would train
// it. The needs have code in backticks.
type need struct{ what, needs, command string }

// need describes a row without a run of a protocol.
func (r *Report) need(backbone, family, protocol string) need {
	n := r.paperNetwork(backbone)
	title := r.title(backbone)
	out := need{what: title + ", " + strings.ToUpper(family)}
	if n.ImageNet {
		out.needs = "ImageNet weights of " + title + " (" + render.Code("skinattn weights fetch "+backbone) + ")"
	} else {
		out.needs = "no ImageNet weights (trained from scratch)"
	}
	if _, ok := r.networks[backbone]; r.networks != nil && !ok {
		out.needs += ", and the network itself, which this version does not build"
	}
	out.command = r.trainCommand(backbone, family, protocol)
	return out
}

// trainCommand is the command that makes a run folder for a row and protocol.
func (r *Report) trainCommand(backbone, family, protocol string) string {
	n := r.paperNetwork(backbone)
	name := backbone
	if family == paper.Augmented {
		name += "-ad"
	}
	command := fmt.Sprintf("skinattn train --backbone %s --regime %s/as-run --protocol %s --run results/%s-%[3]s-%[5]dpx-seed1",
		backbone, family, protocol, name, n.Input)
	if !n.ImageNet {
		command += " --weights random"
	}
	if protocol == split.Paper && family == paper.Augmented { // the authors' other hold-out
		command += " --test-share .15"
	}
	if p, err := split.Find(protocol); err == nil && p.OfficialTest {
		command += " --test-data DIR"
	}
	return command
}
