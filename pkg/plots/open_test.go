package plots

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

var (
	_ plot.DataRanger  = Band{}
	_ plot.Thumbnailer = Band{}
	_ plot.DataRanger  = GroupedBars{}
	_ plot.DataRanger  = CountBars{}
	_ plot.GlyphBoxer  = CountBars{}
	_ plot.DataRanger  = Histogram{}
	_ plot.Thumbnailer = Histogram{}
	_ plot.DataRanger  = IntervalRows{}
	_ plot.GlyphBoxer  = IntervalRows{}
	_ plot.DataRanger  = &Matrix{}
	_ plot.GlyphBoxer  = &Matrix{}
	_ plot.DataRanger  = TradeoffPoints{}
	_ plot.Thumbnailer = VerticalRule{}
	_ plot.Plotter     = Frame{}
)

// Every figure has an example, which runs as a test and is the documentation.
func TestEveryFigureHasAnExample(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	figures, examples := map[string]bool{}, map[string]bool{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			switch {
			case !ok:
			case f.Recv == nil:
				examples[f.Name.Name] = true
			case f.Name.Name == "Data" && !strings.HasSuffix(name, "_test.go"):
				figures[f.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name] = true
			}
		}
	}
	if len(figures) < 15 {
		t.Errorf("figures found: %v", figures)
	}
	for name := range figures {
		if !examples["Example"+name] {
			t.Errorf("%s has no example", name)
		}
	}
}

// Each figure that is one plot draws into a gonum plot that has something in it,
// and its legend's entries come along.
func TestSingleFiguresAddThemselves(t *testing.T) {
	entries := map[string]bool{"f1-bars": true, "roc": true, "pr": true, "distribution-parts": true, "tradeoff": true, "reliability": true}
	for name, f := range studyFigures(t) {
		single, ok := f.(Single)
		if !ok {
			continue
		}
		p := Paper().NewPlot("title", "", "")
		p.Add(Frame{Paper().thin(ink)})
		if err := single.AddTo(p, Paper()); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Title.Text != "title" || !(p.X.Max > p.X.Min) || !(p.Y.Max > p.Y.Min) {
			t.Errorf("%s: title %q, axes from %v to %v and %v to %v", name, p.Title.Text, p.X.Min, p.X.Max, p.Y.Min, p.Y.Max)
		}
		if height := p.Legend.Rectangle(draw.New(vgsvg.New(100, 100))).Size().Y; entries[name] && !(height > 0) {
			t.Errorf("%s: the legend is empty", name)
		}
		if height := p.Legend.Rectangle(draw.New(vgsvg.New(100, 100))).Size().Y; name == "distribution" && height != 0 {
			t.Error("a series without a name is in the legend")
		}
		if _, err := p.WriterTo(8*vg.Centimeter, 8*vg.Centimeter, "svg"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (&ROC{}).AddTo(plot.New(), Paper()); err == nil {
		t.Error("a ROC figure without curves adds itself")
	}
}
