package plots

import (
	"bytes"
	"flag"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/plot/cmpimg"
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

// goldenTolerance is the colour distance of package cmpimg for two greys 4 of
// 255 levels apart, one of the 64 shades of a PNG. A build with fused
// multiply-add (GOAMD64=v3) differs by that in one pixel of two figures, and in
// none elsewhere. The lines of a grid are 24 levels off the white ground.
const goldenTolerance = 0.016

func encodeGolden(t *testing.T, f Figure) []byte {
	t.Helper()
	var got bytes.Buffer
	if err := Encode(&got, "png", f, goldenStyle(f)); err != nil {
		t.Fatal(err)
	}
	return got.Bytes()
}

func goldenPath(name string) string { return filepath.Join("testdata", name+".png") }

func equalsGolden(t *testing.T, name string, got []byte) bool {
	t.Helper()
	want, err := os.ReadFile(goldenPath(name))
	if err != nil {
		t.Fatal(err)
	}
	same, err := cmpimg.EqualApprox("png", got, want, goldenTolerance)
	if err != nil {
		t.Fatal(err)
	}
	return same
}

func TestGoldenFigures(t *testing.T) {
	figures := studyFigures(t)
	for name, f := range figures {
		t.Run(name, func(t *testing.T) {
			got := encodeGolden(t, f)
			if *update {
				if err := os.WriteFile(goldenPath(name), got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if !equalsGolden(t, name, got) {
				failed := filepath.Join(os.TempDir(), "plots-"+name+".png")
				os.WriteFile(failed, got, 0o644)
				t.Errorf("differs from %s; see %s, and -update if it is as it should be", goldenPath(name), failed)
			}
			if *gallery != "" {
				writeGallery(t, name, f)
			}
		})
	}
	files, err := filepath.Glob(goldenPath("*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if name := strings.TrimSuffix(filepath.Base(path), ".png"); figures[name] == nil {
			t.Errorf("%s belongs to no figure", path)
		}
	}
}

// TestGoldenFiguresHoldFaintElements draws the figures without their faintest
// elements, grid lines and the fill of a band: the comparison must see it.
func TestGoldenFiguresHoldFaintElements(t *testing.T) {
	figures := studyFigures(t)
	differs := func(what, name string) {
		t.Helper()
		if equalsGolden(t, name, encodeGolden(t, figures[name])) {
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
