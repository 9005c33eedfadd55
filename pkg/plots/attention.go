package plots

import (
	"cmp"
	"errors"
	"fmt"
	"image"
	"math"
	"slices"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// AttentionOverlay shows where a network looks: in each row a photo and then,
// panel by panel, maps laid over it. Each panel scales its colours to its own
// values and has their range beneath it; a bar at the right shows the colours.
type AttentionOverlay struct {
	Rows []OverlayRow
	Heat HeatStyle
	// PhotoTitle stands above the photos; the default is "Photo".
	PhotoTitle string
	// Low and High name the ends of the colour bar; the defaults are "lowest"
	// and "highest", or "0" for Low if the colours begin there.
	Low, High string
	Title     string
}

// OverlayRow is a photo and the maps over it.
type OverlayRow struct {
	// Name identifies the photo; it stands at its left, turned, and in the
	// data.
	Name  string
	Photo image.Image
	// View is the part of the photo that the maps cover, in the photo's pixels: a
	// network that crops sees no more. All panels show this part; the zero value is
	// the whole photo.
	View image.Rectangle
	// Mask is light (over half) inside the lesion and of the photo's shape, in
	// any resolution; its outline is drawn on every panel. Nil draws none.
	Mask image.Image
	Maps []HeatMap
}

// NewAttentionOverlay returns a figure of rows of photos with their maps.
func NewAttentionOverlay(rows ...OverlayRow) *AttentionOverlay {
	return &AttentionOverlay{Rows: rows}
}

func (r OverlayRow) view() image.Rectangle {
	if r.View == (image.Rectangle{}) && r.Photo != nil {
		return r.Photo.Bounds()
	}
	return r.View
}

func (f *AttentionOverlay) validate() error {
	if len(f.Rows) == 0 {
		return errors.New("attention overlay: there is no row to draw")
	}
	for i, r := range f.Rows {
		switch {
		case r.Photo == nil || r.Photo.Bounds().Empty():
			return fmt.Errorf("attention overlay: the photo of row %d (%s) is empty", i+1, r.Name)
		case r.view().Empty() || !r.view().In(r.Photo.Bounds()):
			return fmt.Errorf("attention overlay: row %d (%s) shows %v of a photo of %v", i+1, r.Name, r.View, r.Photo.Bounds())
		case len(r.Maps) == 0:
			return fmt.Errorf("attention overlay: row %d (%s) has no map", i+1, r.Name)
		}
	}
	return nil
}

// overlayLayout has the sizes of an overlay's parts.
type overlayLayout struct {
	columns        int
	panel          vg.Length   // width of a panel
	heights        []vg.Length // of the panels of each row
	name, bar      vg.Length   // room for names at the left, for the colour bar with its texts at the right
	barWide        vg.Length   // width of the colour bar alone
	above, beneath vg.Length   // room for titles and ranges
	gap            vg.Length
	titled         []bool // rows whose titles differ from the row's above
	titleShare     float64
}

func (f *AttentionOverlay) layout(s Style) overlayLayout {
	l := overlayLayout{gap: s.FontSize * 0.5, above: 1.3 * s.FontSize, beneath: 1.3 * s.FontSize, barWide: s.FontSize}
	for _, end := range f.ends() {
		l.bar = max(l.bar, l.barWide, s.text(smallText).Width(end))
	}
	l.bar += 1.5 * l.gap
	for i, r := range f.Rows {
		l.columns = max(l.columns, 1+len(r.Maps))
		l.titled = append(l.titled, i == 0 || !sameTitles(r.Maps, f.Rows[i-1].Maps))
		if r.Name != "" {
			l.name = 1.4 * s.FontSize
		}
	}
	l.panel = (s.Width - 2*s.edge() - l.name - l.bar - l.gap*vg.Length(l.columns-1)) / vg.Length(max(1, l.columns))
	for _, r := range f.Rows {
		view := r.view()
		l.heights = append(l.heights, l.panel*vg.Length(view.Dy())/vg.Length(max(1, view.Dx())))
	}
	l.titleShare = f.titleShare(s, l.panel)
	return l
}

func (f *AttentionOverlay) photoTitle() string { return cmp.Or(f.PhotoTitle, "Photo") }

// titleShare returns the font size, as a share of the style's, at which all titles
// have room above their panels. Below the least size titles are cut instead.
func (f *AttentionOverlay) titleShare(s Style, panel vg.Length) float64 {
	const least = 0.7
	widest := s.text(1).Width(f.photoTitle())
	for _, r := range f.Rows {
		for _, m := range r.Maps {
			widest = max(widest, s.text(1).Width(m.Title))
		}
	}
	return min(1, max(least, float64(panel/widest)))
}

func sameTitles(a, b []HeatMap) bool {
	return slices.EqualFunc(a, b, func(a, b HeatMap) bool { return a.Title == b.Title })
}

// ends returns the texts at the lower and the upper end of the colour bar.
func (f *AttentionOverlay) ends() [2]string {
	low := "lowest"
	if f.Heat.FromZero {
		low = "0"
	}
	return [2]string{cmp.Or(f.Low, low), cmp.Or(f.High, "highest")}
}

// Height implements [Figure].
func (f *AttentionOverlay) Height(s Style) vg.Length {
	l := f.layout(s)
	height := 2*s.edge() + titleHeight(s, f.Title) + l.gap*vg.Length(max(0, len(f.Rows)-1))
	for i, h := range l.heights {
		height += h + l.beneath
		if l.titled[i] {
			height += l.above
		}
	}
	return height
}

// Draw implements [Figure].
func (f *AttentionOverlay) Draw(c draw.Canvas, s Style) error {
	if err := f.validate(); err != nil {
		return err
	}
	l := f.layout(s)
	if !(l.panel > s.FontSize) {
		return fmt.Errorf("attention overlay: %d panels in a row have no room in %.0f mm", l.columns, float64(s.Width/vg.Millimeter))
	}
	c = s.addTitle(s.margin(c), f.Title)
	y := c.Max.Y
	for i, r := range f.Rows {
		if err := f.drawRow(c, s, l, i, y); err != nil {
			return fmt.Errorf("attention overlay: row %d (%s): %w", i+1, r.Name, err)
		}
		if l.titled[i] {
			y -= l.above
		}
		y -= l.heights[i] + l.beneath + l.gap
	}
	bottom := y + l.gap + l.beneath
	top := c.Max.Y
	if l.titled[0] {
		top -= l.above
	}
	f.drawBar(c, s, l, max(bottom, top-16*s.FontSize), top)
	return nil
}

// drawRow draws row i beneath y.
func (f *AttentionOverlay) drawRow(c draw.Canvas, s Style, l overlayLayout, i int, y vg.Length) error {
	r := f.Rows[i]
	w, h := pixels(l.panel, s.DPI), pixels(l.heights[i], s.DPI)
	if l.titled[i] {
		y -= l.above
	}
	if r.Name != "" {
		name := s.textAt(smallText, draw.XCenter, draw.YCenter)
		name.Rotation = math.Pi / 2
		c.FillText(name, vg.Point{X: c.Min.X + l.name/2, Y: y - l.heights[i]/2}, fitText(name, r.Name, l.heights[i]))
	}
	for k := range 1 + len(r.Maps) {
		x := c.Min.X + l.name + vg.Length(k)*(l.panel+l.gap)
		box := rect(x, y-l.heights[i], x+l.panel, y)
		var m *HeatMap
		if k > 0 {
			m = &r.Maps[k-1]
		}
		picture, err := overlay(r.Photo, m, r.Mask, f.Heat.at(s), r.view(), w, h)
		if err != nil {
			return err
		}
		title, caption := f.photoTitle(), ""
		if m != nil {
			low, high := m.limits(false) // the colour bar says where colours begin
			title, caption = m.Title, rangeText(low, high)
			if low == 0 && high == 0 {
				caption = "0 everywhere"
			}
		}
		c.DrawImage(box, picture)
		if l.titled[i] {
			above := s.textAt(l.titleShare, draw.XCenter, draw.YBottom)
			c.FillText(above, vg.Point{X: x + l.panel/2, Y: y + 0.25*s.FontSize}, fitText(above, title, l.panel))
		}
		beneath := s.textAt(smallText, draw.XCenter, draw.YTop)
		beneath.Color = muted
		c.FillText(beneath, vg.Point{X: x + l.panel/2, Y: y - l.heights[i] - 0.1*s.FontSize}, fitText(beneath, caption, l.panel+l.gap))
	}
	return nil
}

// at returns h with an outline as wide as the style's lines, if h leaves it open.
func (h HeatStyle) at(s Style) HeatStyle {
	if h.OutlineWidth == 0 {
		h.OutlineWidth = max(2, (1.3 * s.LineWidth).Dots(float64(s.DPI)))
	}
	return h
}

// drawBar draws the colour bar from bottom to top along the right edge, in the
// map's own colours: panels mix them with the photo.
func (f *AttentionOverlay) drawBar(c draw.Canvas, s Style, l overlayLayout, bottom, top vg.Length) {
	colors := f.Heat.colors()
	line := 1.3 * s.FontSize * smallText
	right := c.Max.X - (l.bar-1.5*l.gap-l.barWide)/2
	box := rect(right-l.barWide, bottom+line, right, top-line)
	// As wide for its height as the box: an SVG shows pictures in their own aspect ratio.
	strip := image.NewRGBA(image.Rect(0, 0, max(1, int(float64(len(colors))*float64(l.barWide/(box.Max.Y-box.Min.Y))+0.5)), len(colors)))
	for i, at := range colors {
		for x := range strip.Rect.Dx() {
			strip.SetRGBA(x, len(colors)-1-i, at)
		}
	}
	c.DrawImage(box, strip)
	strokeBox(c, s.thin(axisInk), box)
	ends := f.ends()
	c.FillText(s.textAt(smallText, draw.XCenter, draw.YTop), vg.Point{X: right - l.barWide/2, Y: box.Min.Y - 0.2*s.FontSize}, ends[0])
	c.FillText(s.textAt(smallText, draw.XCenter, draw.YBottom), vg.Point{X: right - l.barWide/2, Y: box.Max.Y + 0.2*s.FontSize}, ends[1])
}

// fitText cuts a text that is wider than the room, with an ellipsis.
func fitText(style text.Style, label string, room vg.Length) string {
	runes := []rune(label)
	for n := len(runes); n > 0 && style.Width(label) > room; n-- {
		label = string(runes[:n-1]) + "…"
	}
	return label
}

// Data implements [Figure]: the maps' values before they are interpolated, row
// and column counted from 0 at the upper left.
func (f *AttentionOverlay) Data() [][]string {
	out := table{{"image", "map", "row", "column", "value"}}
	for _, r := range f.Rows {
		for _, m := range r.Maps {
			for i, v := range m.Values {
				out.add(r.Name, m.Title, i/max(1, m.Cols), i%max(1, m.Cols), v)
			}
		}
	}
	return out
}
