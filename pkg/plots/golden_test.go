package plots

import (
	"bytes"
	"flag"
	"image/color"
	"path/filepath"
	"testing"

	"github.com/skinattn/skinattn/internal/testgolden"
)

var (
	update  = flag.Bool("update", false, "write the golden figures anew")
	gallery = flag.String("gallery", "", "also write the figures at print size, in every format and style, to this folder")
)

// goldenStyle keeps the golden files small.
func goldenStyle(f Figure) Style {
	s := Paper()
	s.DPI = 100
	switch f := f.(type) {
	case *ContactSheet:
		return f.Style(s)
	case *SaliencyForest, *SaliencyCurves:
		s = PaperWide()
		s.DPI = 72
	}
	return s
}

func encodeGolden(t *testing.T, f Figure) []byte {
	t.Helper()
	var got bytes.Buffer
	if err := Encode(&got, "png", f, goldenStyle(f)); err != nil {
		t.Fatal(err)
	}
	return got.Bytes()
}

func goldenPath(name string) string { return filepath.Join("testdata", name+".png") }

func TestGoldenFigures(t *testing.T) {
	figures := studyFigures(t)
	for name, f := range figures {
		t.Run(name, func(t *testing.T) {
			testgolden.Check(t, goldenPath(name), encodeGolden(t, f), *update)
			if *gallery != "" {
				writeGallery(t, name, f)
			}
		})
	}
	testgolden.CheckNames(t, "testdata", func(name string) bool { return figures[name] != nil })
}

// TestGoldenFiguresHoldFaintElements draws the figures without their faintest
// elements, grid lines and the fill of a band: the comparison must see it.
func TestGoldenFiguresHoldFaintElements(t *testing.T) {
	figures := studyFigures(t)
	differs := func(what, name string) {
		t.Helper()
		if testgolden.Equal(t, goldenPath(name), encodeGolden(t, figures[name])) {
			t.Errorf("%s without %s passes for the golden figure", name, what)
		}
	}
	before := faintInk
	faintInk = color.Gray{0xff}
	defer func() { faintInk = before }()
	for name, f := range figures {
		switch f.(type) {
		case *ConfusionMatrix, *Crosstab, *ClassSamples, *Gallery, *AttentionOverlay: // have no grid
		default:
			differs("its grid", name)
		}
	}
	faintInk = before
	for i := range figures["roc-band"].(*ROC).Curves {
		figures["roc-band"].(*ROC).Curves[i].Band = nil
	}
	for i := range figures["roc-panels"].(*ROCPanels).Curves {
		figures["roc-panels"].(*ROCPanels).Curves[i].Band = nil
	}
	differs("its band", "roc-band")
	differs("its bands", "roc-panels")
}

func writeGallery(t *testing.T, name string, f Figure) {
	if sheet, ok := f.(*ContactSheet); ok {
		if err := Save(filepath.Join(*gallery, name+".png"), sheet, sheet.Style(Paper())); err != nil {
			t.Error(err)
		}
		return
	}
	for styleName, style := range map[string]Style{"paper": Paper(), "talk": Talk(), "paper-wide": PaperWide()} {
		for _, format := range []string{"png", "svg", "pdf"} {
			if err := SaveWithData(filepath.Join(*gallery, styleName+"-"+name+"."+format), f, style); err != nil {
				t.Error(err)
			}
		}
	}
}
