package figures

import (
	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/eval/paper"
	"github.com/skinattn/skinattn/pkg/plots"
)

// CostPoint is a run in [CostFigures]. A cost of 0 or NaN is not known.
type CostPoint struct {
	Name       string
	Accuracy   float64
	CI         eval.Interval
	Parameters int     // of the network as trained
	Seconds    float64 // of a training epoch, median
}

// CostFigures returns Table 6 as a picture, with runs in it: accuracy against
// parameters, and against the training time of an epoch. The printed points are
// the table's (with the parameters of the uncut ImageNet networks); the logged
// points are the authors' metadata runs of Table 5 with the parameters of the
// network as trained. The authors trained some networks on a CPU, whose times
// have a colour of their own. Times of different machines and image sizes can't
// be compared.
func CostFigures(ours []CostPoint) (parameters, seconds *plots.Tradeoff) {
	parameters = &plots.Tradeoff{XLabel: "Parameters", YLabel: "Accuracy", CostName: "parameters"}
	seconds = &plots.Tradeoff{XLabel: "Seconds per training epoch", YLabel: "Accuracy", CostName: "seconds_per_epoch"}
	titles := map[string]string{}
	for _, n := range paper.Networks() {
		titles[n.Name] = n.Title
	}

	printed := paper.FindTable("6")
	byParameters := plots.TradeoffSeries{Name: "Table 6, as printed", Color: plots.Orange, Hollow: true}
	bySeconds := byParameters
	for _, column := range printed.Columns {
		accuracy, _ := printed.Cell("Accuracy", column.Name)
		cost, _ := printed.Cell("No. Parameters", column.Name)
		point := plots.TradeoffPoint{Name: titles[column.Backbone], Value: accuracy.Printed.Value(), Cost: cost.Printed.Value()}
		byParameters.Points = append(byParameters.Points, point)
		cost, _ = printed.Cell("Time Prediction(s/epochs)", column.Name)
		point.Cost = cost.Printed.Value()
		bySeconds.Points = append(bySeconds.Points, point)
	}

	// add appends a point to the series in which it has a cost.
	add := func(byParameters, bySeconds *plots.TradeoffSeries, p plots.TradeoffPoint, parameters int, seconds float64) {
		if p.Cost = float64(parameters); parameters > 0 {
			byParameters.Points = append(byParameters.Points, p)
		}
		if p.Cost = seconds; seconds > 0 {
			bySeconds.Points = append(bySeconds.Points, p)
		}
	}
	logged := plots.TradeoffSeries{Name: "as logged", Color: plots.Blue}
	gpu := plots.TradeoffSeries{Name: "as logged, GPU", Color: plots.Blue}
	cpu := plots.TradeoffSeries{Name: "as logged, CPU", Color: plots.Purple}
	for _, c := range paper.FindTable("5").Cells {
		run, ok := paper.FindRun(c.Run)
		if !ok || c.Regime != paper.Metadata {
			continue
		}
		device := &gpu
		if run.Device == "CPU" {
			device = &cpu
		}
		title := titles[c.Backbone]
		add(&logged, device, plots.TradeoffPoint{Name: title, Label: title, Value: c.Logged.Value()}, run.Parameters, run.SecondsPerEpoch)
	}

	here := plots.TradeoffSeries{Name: "ours", Color: plots.Green}
	hereSeconds := here
	for _, run := range ours {
		point := plots.TradeoffPoint{Name: run.Name, Label: run.Name, Value: run.Accuracy, CI: run.CI}
		add(&here, &hereSeconds, point, run.Parameters, run.Seconds)
	}
	parameters.Series = []plots.TradeoffSeries{logged, byParameters, here}
	seconds.Series = []plots.TradeoffSeries{gpu, cpu, bySeconds, hereSeconds}
	return parameters, seconds
}
