package diagram

import "gonum.org/v1/plot/vg"

const (
	columnShare = 0.3  // width of a column as a share of the drawing's
	gutterShare = 0.04 // space between two columns as a share of the drawing's width
)

// columnMiddles returns the x coordinate at which the boxes of each column are
// centred. A column inside another column shares an edge with it.
func (s *sheet) columnMiddles() map[string]vg.Length {
	width := columnShare * s.style.Width
	step := width + gutterShare*s.style.Width
	left := func(column int) vg.Length { return vg.Length(column) * step }
	middle := func(column int) vg.Length { return left(column) + width/2 }
	half, third := s.pathWidth(), s.inputWidth()
	return map[string]vg.Length{
		"backbone":  middle(0),
		"head":      middle(1),
		"features":  left(1) + half/2,
		"attention": left(1) + width - half/2,
		"metadata":  middle(2),
		"input 0":   left(2) + third/2,
		"input 1":   middle(2),
		"input 2":   left(2) + width - third/2,
	}
}

// pathWidth is the width of a box in one of the two paths of the Soft-Attention
// block, inputWidth the width of a metadata input's box.
func (s *sheet) pathWidth() vg.Length  { return columnShare*s.style.Width/2 - s.gap() }
func (s *sheet) inputWidth() vg.Length { return (columnShare*s.style.Width - 2*s.gap()) / 3 }

// layout places the boxes and routes the arrows. A box stands in the middle of
// its column, one gap below the lowest box that must be above it.
func (s *sheet) layout() {
	above := map[*box][]*box{}
	for _, a := range s.arrows {
		if a.kind != upwards {
			above[a.to] = append(above[a.to], a.from)
		}
	}
	middles := s.columnMiddles()
	for _, b := range s.boxes { // every arrow starts at an earlier box
		var top vg.Length
		for _, a := range above[b] {
			top = max(top, a.bottom()+s.gap())
		}
		b.middle = vg.Point{X: middles[b.column], Y: top + b.height/2}
		s.width, s.height = max(s.width, b.right()), max(s.height, b.bottom())
	}
	for _, a := range s.arrows {
		if a.kind != hidden {
			a.route = s.route(a)
		}
	}
}

// route returns the corners of an arrow, which runs along the axes: straight down
// where one box stands above the other; down and then sideways into the box where
// it comes from a column further right; and up through the gutter where it leads
// to the head of the next column.
func (s *sheet) route(a *arrow) []vg.Point {
	from, to := a.from, a.to
	switch {
	case a.kind == upwards:
		gutter := (from.right() + to.left()) / 2
		return []vg.Point{{X: from.right(), Y: from.middle.Y}, {X: gutter, Y: from.middle.Y},
			{X: gutter, Y: to.middle.Y}, {X: to.left(), Y: to.middle.Y}}
	case from.left() > to.right():
		return []vg.Point{{X: from.middle.X, Y: from.bottom()}, {X: from.middle.X, Y: to.middle.Y}, {X: to.right(), Y: to.middle.Y}}
	}
	x := from.middle.X
	if to.width < from.width {
		x = to.middle.X
	}
	return []vg.Point{{X: x, Y: from.bottom()}, {X: x, Y: to.top()}}
}

func (b *box) left() vg.Length   { return b.middle.X - b.width/2 }
func (b *box) right() vg.Length  { return b.middle.X + b.width/2 }
func (b *box) top() vg.Length    { return b.middle.Y - b.height/2 }
func (b *box) bottom() vg.Length { return b.middle.Y + b.height/2 }
