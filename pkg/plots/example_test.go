package plots_test

import (
	"fmt"
	"image"
	"io"
	"log"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/eval/saliency"
	"github.com/skinattn/skinattn/pkg/plots"
)

// table has four images each of mel and nv; one image of each class is missed.
// By hand: of the 16 pairs of a mel and an nv, 12 are in order and 2 are ties,
// hence the AUROC is 13/16.
func table() *eval.Table {
	p := &eval.Predictions{Classes: []string{"mel", "nv"}}
	for i, mel := range []float32{0.875, 0.75, 0.625, 0.25, 0.125, 0.25, 0.375, 0.625} {
		p.ImageIDs = append(p.ImageIDs, fmt.Sprintf("ISIC_%d", i))
		p.LesionIDs = append(p.LesionIDs, fmt.Sprintf("HAM_%d", i/2))
		p.Truth = append(p.Truth, i/4)
		p.Probs = append(p.Probs, []float32{mel, 1 - mel})
	}
	t, err := eval.NewTable(p)
	check(err)
	return t
}

func metrics() *eval.Metrics {
	m, err := table().Score(nil, nil)
	check(err)
	return m
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// show draws a figure and prints the header and some rows of its numbers.
func show(f plots.Figure, rows ...int) {
	check(plots.Encode(io.Discard, "svg", f, plots.Paper()))
	data := f.Data()
	for _, i := range append([]int{0}, rows...) {
		fmt.Println(strings.Join(data[i], ","))
	}
}

// A figure that is one plot draws into any gonum plot, beside gonum's plotters
// and this package's.
func Example() {
	style := plots.Paper()
	p := style.NewPlot("Two networks", "", "")

	roc, err := plots.NewROC(table())
	check(err)
	roc.Curves = roc.Curves[:1]
	check(roc.AddTo(p, style))

	other, err := plotter.NewLine(plotter.XYs{{X: 0, Y: 0}, {X: 0.25, Y: 0.5}, {X: 1, Y: 1}})
	check(err)
	band := plots.Band{X: []float64{0, 0.25, 1}, Low: []float64{0, 0.25, 1}, High: []float64{0, 0.75, 1}, Color: plots.SkyBlue}
	p.Add(band, other, plots.VerticalRule{X: 0.25, LineStyle: other.LineStyle})
	p.Legend.Add("another network", other)
	p.Legend.Add("its band", band)

	w, err := p.WriterTo(8*vg.Centimeter, 8*vg.Centimeter, "svg")
	check(err)
	_, err = w.WriteTo(io.Discard)
	check(err)
	fmt.Printf("%s against %s, from %g to %g\n", p.Y.Label.Text, p.X.Label.Text, p.X.Min, p.X.Max)
	// Output: True positive rate against False positive rate, from 0 to 1
}

// The plotters work with a plain gonum plot.
func ExampleIntervalRows() {
	rows := plots.IntervalRows{
		Values:    []float64{0.75, 0.5},
		Intervals: []eval.Interval{{Low: 0.5, High: 1}, {Low: math.NaN(), High: math.NaN()}},
		Marks:     []plots.IntervalMark{{Glyph: plotter.DefaultGlyphStyle, Line: plotter.DefaultLineStyle, Cap: 2}},
	}
	p := plot.New()
	p.Add(rows)
	p.NominalY("second", "first")
	fmt.Println(p.X.Min, p.X.Max)
	// Output: 0.5 1
}

func ExampleConfusionMatrix() {
	f := plots.NewConfusionMatrix(metrics())
	f.Normalize = plots.NormalizeByTruth
	show(f, 1, 2)
	// Output:
	// true,predicted,count,share_of_true,share_of_predicted
	// mel,mel,3,0.75,0.75
	// mel,nv,1,0.25,0.25
}

func ExampleROC() {
	f, err := plots.NewROC(table())
	check(err)
	show(f, 1, 2)
	// Output:
	// curve,fpr,tpr,threshold,auroc
	// mel,0,0,+Inf,0.8125
	// mel,0,0.5,0.75,0.8125
}

func ExamplePR() {
	f, err := plots.NewPR(table())
	check(err)
	show(f, 1)
	// Output:
	// curve,recall,precision,threshold,ap
	// mel,0,1,+Inf,0.8303571428571428
}

func ExampleROCPanels() {
	bands := &eval.ROCBands{FPR: []float64{0, 1}}
	band := eval.ROCBand{Low: []float64{0.25, 1}, High: []float64{0.75, 1}}
	bands.Classes, bands.Macro, bands.Weighted, bands.Micro = []eval.ROCBand{band, band}, band, band, band
	f, err := plots.NewROCPanels(table(), metrics(), bands)
	check(err)
	show(f, len(f.Data())-2)
	// Output:
	// curve,fpr,tpr,threshold,auroc,low,high
	// micro,0,,,0.8125,0.25,0.75
}

func ExampleBars() {
	f, err := plots.NewMetricBars("recall", "macro_recall", "Recall", plots.Run{Name: "one", Metrics: metrics()})
	check(err)
	show(f, 1, 3)
	// Output:
	// series,group,value,low,high
	// one,mel,0.75,,
	// one,macro,0.75,,
}

func ExampleNewLeakBars() {
	audit, err := eval.AuditLeakage([]eval.SplitImage{
		{ImageID: "1", LesionID: "a", Class: "mel", Part: "train"},
		{ImageID: "2", LesionID: "a", Class: "mel", Part: "test"},
		{ImageID: "3", LesionID: "b", Class: "mel", Part: "test"},
	}, "train")
	check(err)
	f, err := plots.NewLeakBars([]string{"mel"}, plots.NamedAudit{Name: "by image", Audit: audit})
	check(err)
	show(f, 1)
	// Output:
	// series,group,value,low,high
	// by image,mel,0.5,,
}

func ExampleDistribution() {
	f := plots.NewDistribution([]string{"mel", "nv"}, []int{1113, 6705})
	show(f, 1, 2)
	// Output:
	// series,category,count
	// ,mel,1113
	// ,nv,6705
}

func ExampleCrosstab() {
	show(&plots.Crosstab{Rows: []string{"back", "face"}, Columns: []string{"mel", "nv"}, Counts: [][]int{{3, 4}, {1, 0}}}, 1, 2)
	// Output:
	// column,row,count,share_of_column
	// mel,back,3,0.75
	// mel,face,1,0.25
}

func ExampleHistograms() {
	show(&plots.Histograms{Width: 5, XLabel: "Age (years)", Groups: []plots.HistogramGroup{{Name: "mel", Counts: []int{1, 3}, Missing: 2}}}, 1, 2, 3)
	// Output:
	// group,from,to,count,share
	// mel,0,5,1,0.25
	// mel,5,10,3,0.75
	// mel,,,2,
}

func ExampleForest() {
	f, err := plots.NewForest([]string{"accuracy", "mcc"}, plots.Run{Name: "one", Metrics: metrics()})
	check(err)
	show(f, 1, 2)
	// Output:
	// metric,row,value,low,high
	// Value,Accuracy,0.75,,
	// Value,MCC,0.5,,
}

func ExampleReliability() {
	f := plots.NewReliability(table())
	show(f, 1)
	fmt.Printf("ECE %.3f\n", f.ECE)
	// Output:
	// bin,images,confidence,accuracy,low,high
	// 0,1,0.625,0.6666666666666666,0.625,0.625
	// ECE 0.078
}

func ExampleLearningCurves() {
	f := plots.NewLearningCurves([]string{"epoch", "train_loss", "val_loss"},
		map[string][]float64{"epoch": {1, 2}, "train_loss": {1.5, 1}, "val_loss": {1.75, 1.25}})
	f.Best = 2
	show(f, 1, 2)
	// Output:
	// epoch,train_loss,val_loss
	// 1,1.5,1.75
	// 2,1,1.25
}

func ExampleRateRange() {
	show(&plots.RateRange{Rates: []float64{1e-4, 1e-3, 1e-2}, Losses: []float64{2, 1, 3}, Smooth: []float64{2, 1.5, 2}, Marked: 1e-3}, 2)
	// Output:
	// learning_rate,loss,smooth
	// 0.001,1,1.5
}

func ExampleTradeoff() {
	show(&plots.Tradeoff{XLabel: "Parameters", YLabel: "Accuracy", CostName: "parameters", Series: []plots.TradeoffSeries{{Name: "ours", Points: []plots.TradeoffPoint{
		{Name: "small", Label: "small", Cost: 1e6, Value: 0.75, CI: eval.Interval{Low: 0.5, High: 0.875}},
		{Name: "large", Label: "large", Cost: 2e7, Value: 0.875},
	}}}}, 1, 2)
	// Output:
	// series,name,parameters,value,low,high
	// ours,small,1e+06,0.75,0.5,0.875
	// ours,large,2e+07,0.875,,
}

func ExampleGrowth() {
	show(&plots.Growth{
		Rows: []string{"Images/s"}, Columns: []string{"Cores"}, Series: []string{"here"},
		Lines: []plots.GrowthLine{{X: []float64{1, 2}, Y: []float64{40, 75}}},
	}, 1, 2)
	// Output:
	// measured,varied,series,x,y
	// Images/s,Cores,here,1,40
	// Images/s,Cores,here,2,75
}

func ExampleClassSamples() {
	photo := image.NewGray(image.Rect(0, 0, 8, 6))
	show(plots.NewClassSamples([]string{"mel", "nv"}, [][]image.Image{{photo}, {photo}}), 1, 2)
	// Output:
	// class,image,width,height
	// mel,0,8,6
	// nv,0,8,6
}

func ExampleGallery() {
	f, err := plots.NewGallery(table(), "mel", "nv", 2, func(string) (image.Image, error) { return image.NewGray(image.Rect(0, 0, 8, 6)), nil })
	check(err)
	show(f, 1, 5)
	fmt.Println(f.Rows[0].Count, "of", f.Rows[0].Total)
	// Output:
	// truth,predicted,rank,image_id,mel,nv
	// mel,mel,1,ISIC_0,0.875,0.125
	// mel,nv,1,ISIC_3,0.25,0.75
	// 3 of 4
}

func ExampleAttentionOverlay() {
	attention := plots.HeatMap{Title: "attention", Rows: 1, Cols: 2, Values: []float64{0.25, 0.75}}
	show(plots.NewAttentionOverlay(plots.OverlayRow{Name: "ISIC_0", Photo: image.NewGray(image.Rect(0, 0, 8, 6)), Maps: []plots.HeatMap{attention}}), 1, 2)
	// Output:
	// image,map,row,column,value
	// ISIC_0,attention,0,0,0.25
	// ISIC_0,attention,0,1,0.75
}

func ExampleSaliencyForest() {
	inside := saliency.Estimate{Value: 0.5, CI: eval.Interval{Low: 0.25, High: 0.75}}
	f := &plots.SaliencyForest{Methods: []string{"grad-cam"}, Metrics: []saliency.Metric{saliency.MassInside}, Means: make([]saliency.Means, 1)}
	f.Means[0][saliency.MassInside] = inside
	show(f, 1)
	// Output:
	// method,metric,value,low,high
	// grad-cam,mass_inside,0.5,0.25,0.75
}

func ExampleSaliencyCurves() {
	c := saliency.NewCurves([]string{"grad-cam"}, 2)
	c.Add([][]float64{{1, 0.5, 0}}, [][]float64{{0, 0.75, 1}})
	show(plots.NewSaliencyCurves(c), 2, 5)
	// Output:
	// curve,method,share,probability
	// deletion,grad-cam,0.5,0.5
	// insertion,grad-cam,0.5,0.75
}

func ExampleContactSheet() {
	f := &plots.ContactSheet{Figures: []plots.NamedFigure{{Name: "confusion", Figure: plots.NewConfusionMatrix(metrics())}}}
	check(plots.Encode(io.Discard, "svg", f, f.Style(plots.Paper())))
	fmt.Println(f.Data()[1][0])
	// Output: confusion
}
