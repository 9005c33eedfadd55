package plots

import (
	"image"
	"image/color"
	"math"
	"strings"
	"testing"

	"gonum.org/v1/plot/palette"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"
)

// greys is a colour map whose i-th of 256 colours is grey level i.
type greys struct{ palette.ColorMap }

func (greys) Palette(n int) palette.Palette { return greyPalette(n) }

type greyPalette int

func (n greyPalette) Colors() []color.Color {
	colors := make([]color.Color, n)
	for i := range colors {
		colors[i] = color.Gray{uint8(i)}
	}
	return colors
}

func even(w, h int, c color.Color) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.Set(x, y, c)
		}
	}
	return img
}

// TestOverlayInterpolates: tf.image.resize([[0, 2], [2, 4]], [4, 4]) is, by hand
// from its half-pixel centres, the rows 0 .5 1.5 2, .5 1 2 2.5, 1.5 2 3 3.5 and
// 2 2.5 3.5 4; as shares of 4, times 255, rounded, they are these grey levels.
func TestOverlayInterpolates(t *testing.T) {
	m := HeatMap{Rows: 2, Cols: 2, Values: []float64{0, 2, 2, 4}}
	got, err := Overlay(even(4, 4, color.White), m, nil, HeatStyle{Opacity: 1, Colors: greys{}})
	if err != nil {
		t.Fatal(err)
	}
	want := [4][4]uint8{{0, 32, 96, 128}, {32, 64, 128, 159}, {96, 128, 191, 223}, {128, 159, 223, 255}}
	for y, row := range want {
		for x, v := range row {
			if c := got.RGBAAt(x, y); c != (color.RGBA{v, v, v, 255}) {
				t.Errorf("(%d, %d) is %v, not %d", x, y, c, v)
			}
		}
	}
}

func TestOverlayBlendsAndScales(t *testing.T) {
	one := func(v ...float64) HeatMap { return HeatMap{Rows: 1, Cols: len(v), Values: v} }
	for _, tt := range []struct {
		name  string
		m     HeatMap
		style HeatStyle
		want  []uint8 // left and right pixel over a ground of 100
	}{
		{"half of 100 and 0 or 255", one(1, 3), HeatStyle{}, []uint8{50, 178}},
		{"a quarter", one(1, 3), HeatStyle{Opacity: .25}, []uint8{75, 139}},
		{"none", one(1, 3), HeatStyle{Opacity: -1}, []uint8{100, 100}},
		{"colours from 0: 1/2 of 255 is 128", one(1, 2), HeatStyle{Opacity: 1, FromZero: true}, []uint8{128, 255}},
		{"colours to 0", one(-2, -1), HeatStyle{Opacity: 1, FromZero: true}, []uint8{0, 128}},
		{"an even map", one(5, 5), HeatStyle{Opacity: 1}, []uint8{128, 128}},
		{"an even map from 0", one(5, 5), HeatStyle{Opacity: 1, FromZero: true}, []uint8{255, 255}},
	} {
		tt.style.Colors = greys{}
		got, err := Overlay(even(2, 1, color.Gray{100}), tt.m, nil, tt.style)
		if err != nil {
			t.Fatal(err)
		}
		for x, want := range tt.want {
			if c := got.RGBAAt(x, 0); c.R != want {
				t.Errorf("%s: pixel %d is %d, not %d", tt.name, x, c.R, want)
			}
		}
	}
}

// The default colours grow lighter step by step: so they can be read in grey and by
// the colour-blind.
func TestHeatColorsGrowLighter(t *testing.T) {
	last := -1.0
	for i, c := range (HeatStyle{}).colors() {
		linear := func(v uint8) float64 { // sRGB, IEC 61966-2-1
			s := float64(v) / 255
			if s <= 0.04045 {
				return s / 12.92
			}
			return math.Pow((s+0.055)/1.055, 2.4)
		}
		luminance := 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
		if luminance < last-1e-3 { // 8-bit levels round
			t.Errorf("colour %d has luminance %.4f after %.4f", i, luminance, last)
		}
		last = max(last, luminance)
	}
	if last < 0.7 {
		t.Errorf("the lightest colour has luminance %.2f", last)
	}
}

// The outline's place does not depend on the mask's resolution.
func TestOutlineOfACoarseMask(t *testing.T) {
	mask := image.NewGray(image.Rect(0, 0, 10, 5)) // a quarter of 40 x 20
	for y := range 5 {
		for x := range 5 {
			mask.SetGray(x, y, color.Gray{255})
		}
	}
	m := HeatMap{Rows: 1, Cols: 1, Values: []float64{1}}
	// The view's left border is at x = 10, so the line stands at 10 of 30, in
	// 60 pixels at 20.
	got, err := overlay(even(40, 20, color.Gray{99}), &m, mask, HeatStyle{Opacity: -1, OutlineWidth: 4}, image.Rect(10, 0, 40, 20), 60, 40)
	if err != nil {
		t.Fatal(err)
	}
	for x, want := range map[int]uint8{10: 99, 16: 99, 19: 255, 20: 255, 23: 99, 59: 99} {
		if c := got.RGBAAt(x, 20); c.R != want {
			t.Errorf("pixel %d is %d, not %d", x, c.R, want)
		}
	}
}

// TestOutline: the mask is the left half of a picture, so the line stands at
// x = 20, 8 pixels wide in all, 4 of them white.
func TestOutline(t *testing.T) {
	mask := image.NewGray(image.Rect(7, 9, 47, 29)) // bounds need not begin at 0
	for y := range 20 {
		for x := range 20 {
			mask.SetGray(7+x, 9+y, color.Gray{255})
		}
	}
	ground := color.RGBA{200, 100, 50, 255}
	m := HeatMap{Rows: 1, Cols: 1, Values: []float64{1}}
	got, err := Overlay(even(40, 20, ground), m, mask, HeatStyle{Opacity: -1, OutlineWidth: 8})
	if err != nil {
		t.Fatal(err)
	}
	for x, want := range map[int]color.RGBA{
		5: ground, 14: ground, 25: ground, 39: ground, // the photo's edges are no border
		16: {A: 255}, 17: {A: 255}, 22: {A: 255}, 23: {A: 255},
		19: {255, 255, 255, 255}, 20: {255, 255, 255, 255},
	} {
		for _, y := range []int{0, 10, 19} {
			if c := got.RGBAAt(x, y); c != want {
				t.Errorf("(%d, %d) is %v, not %v", x, y, c, want)
			}
		}
	}
}

func TestOverlayErrors(t *testing.T) {
	photo := even(4, 4, color.White)
	good := HeatMap{Title: "CAM", Rows: 1, Cols: 2, Values: []float64{0, 1}}
	for _, tt := range []struct {
		name, says string
		photo      image.Image
		m          HeatMap
		mask       image.Image
		style      HeatStyle
	}{
		{"no photo", "photo is empty", nil, good, nil, HeatStyle{}},
		{"an empty photo", "photo is empty", image.NewGray(image.Rectangle{}), good, nil, HeatStyle{}},
		{"too few values", `map "CAM": 2 values`, photo, HeatMap{"CAM", 2, 2, []float64{0, 1}}, nil, HeatStyle{}},
		{"no values", "0 values", photo, HeatMap{}, nil, HeatStyle{}},
		{"not a number", "row 1, column 2 is NaN", photo, HeatMap{"CAM", 1, 2, []float64{0, math.NaN()}}, nil, HeatStyle{}},
		{"a mask of another shape", "does not fit", photo, good, image.NewGray(image.Rect(0, 0, 4, 3)), HeatStyle{}},
		{"opacity", "opacity", photo, good, nil, HeatStyle{Opacity: 1.5}},
	} {
		if _, err := Overlay(tt.photo, tt.m, tt.mask, tt.style); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: error %v does not say %q", tt.name, err, tt.says)
		}
	}
	row := func(change func(*OverlayRow)) *AttentionOverlay {
		r := OverlayRow{Name: "ISIC_1", Photo: photo, Maps: []HeatMap{good}}
		change(&r)
		return NewAttentionOverlay(OverlayRow{Photo: photo, Maps: []HeatMap{good}}, r)
	}
	for name, f := range map[string]*AttentionOverlay{
		"no row to draw":         NewAttentionOverlay(),
		"row 2 (ISIC_1)":         row(func(r *OverlayRow) { r.Photo = nil }),
		"row 2 (ISIC_1) shows":   row(func(r *OverlayRow) { r.View = image.Rect(0, 0, 5, 4) }),
		"row 2 (ISIC_1) has no":  row(func(r *OverlayRow) { r.Maps = nil }),
		`row 2 (ISIC_1): map ""`: row(func(r *OverlayRow) { r.Maps = []HeatMap{{}} }),
		"no room":                row(func(r *OverlayRow) { r.Maps = make([]HeatMap, 40); fill(r.Maps, good) }),
	} {
		if err := Encode(new(strings.Builder), "png", f, Paper()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v does not say %q", err, name)
		}
	}
}

func fill(maps []HeatMap, m HeatMap) {
	for i := range maps {
		maps[i] = m
	}
}

// studyAttention is two photos with maps of two sizes, one with a mask and cropped.
func studyAttention() *AttentionOverlay {
	spot := func(title string, n int, cx, cy float64) HeatMap {
		m := HeatMap{Title: title, Rows: n, Cols: n}
		for i := range n * n {
			x, y := (float64(i%n)+.5)/float64(n), (float64(i/n)+.5)/float64(n)
			m.Values = append(m.Values, math.Exp(-((x-cx)*(x-cx)+(y-cy)*(y-cy))/0.08))
		}
		return m
	}
	photo, mask := blob(1, 120, 90), image.NewGray(image.Rect(0, 0, 120, 90))
	for y := range 90 {
		for x := range 120 {
			if r, _, _, _ := photo.At(x, y).RGBA(); r>>8 < 200 { // the spot is darker than its ground
				mask.SetGray(x, y, color.Gray{255})
			}
		}
	}
	return NewAttentionOverlay(
		OverlayRow{Name: "ISIC_0000001", Photo: photo, View: image.Rect(15, 0, 105, 90), Mask: mask,
			Maps: []HeatMap{spot("Soft-Attention", 4, .5, .5), spot("Grad-CAM, mel", 7, .6, .4)}},
		OverlayRow{Name: "ISIC_0000002", Photo: blob(2, 120, 90), View: image.Rect(15, 0, 105, 90),
			Maps: []HeatMap{spot("Soft-Attention", 4, .2, .3), spot("Grad-CAM, mel", 7, .4, .6)}},
	)
}

func TestRangeText(t *testing.T) {
	for _, tt := range []struct {
		low, high float64
		want      string
	}{
		{0.0297, 0.677, "0.03 to 0.68"},
		{0, 0.955, "0 to 0.95"},
		{0.06241, 0.06262, "0.06241 to 0.06262"},
		{-3, 1234.5, "-3 to 1234"},
		{1, 1, "1.00 to 1.00"},
		{0, 2e-9, "0 to 2e-09"},
	} {
		if got := rangeText(tt.low, tt.high); got != tt.want {
			t.Errorf("%v to %v reads %q, not %q", tt.low, tt.high, got, tt.want)
		}
	}
}

// Beneath a panel stands the range of its map, not that of its colours: a map of weights
// from 0.97 to 1.07 is nearly even, which "0 to 1.1" would hide.
func TestPanelSaysTheRangeOfItsMap(t *testing.T) {
	f := &AttentionOverlay{Rows: []OverlayRow{{Photo: blob(1, 60, 60),
		Maps: []HeatMap{{Title: "Soft-Attention", Rows: 1, Cols: 2, Values: []float64{.9673, 1.0748}}}}}}
	f.Heat.FromZero = true
	var texts recorder.Canvas
	if err := f.Draw(draw.NewCanvas(&texts, 300, 200), Paper()); err != nil {
		t.Fatal(err)
	}
	for _, action := range texts.Actions {
		if text, is := action.(*recorder.FillString); is && text.String == "0.97 to 1.07" {
			return
		}
	}
	t.Error("the range is not drawn")
}
