package diagram

import (
	"fmt"
	"image/color"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn"
)

// box is a rectangle of text; x and width are shares of the column grid.
type box struct {
	lines  []string // the first in bold ink, the rest muted
	fill   color.Color
	dashed bool
	left   vg.Length // of its left edge
	width  vg.Length
	top    vg.Length // downwards from the top
	height vg.Length
}

// sheet is a drawing in the making.
type sheet struct {
	style  plots.Style
	boxes  []*box
	arrows [][]vg.Point // y downwards from the top
	notes  []note
	bottom vg.Length
}

// note is a line of text outside the boxes.
type note struct {
	at   vg.Point
	text string
}

const textShare = 0.8

func (s *sheet) size() vg.Length { return s.style.FontSize * textShare }
func (s *sheet) gap() vg.Length  { return 1.3 * s.size() }

func (s *sheet) text(c color.Color) text.Style {
	return text.Style{Color: c, Font: font.From(s.style.Font, s.size()), Handler: plot.DefaultTextHandler, XAlign: draw.XCenter, YAlign: draw.YCenter}
}

// add puts a box of lines, broken where they are too wide, at a place.
func (s *sheet) add(left, top, width vg.Length, fill color.Color, lines ...string) *box {
	b := &box{fill: fill, left: left, top: top, width: width}
	room := 0.92 * width // a viewer's font may be wider
	for _, line := range lines {
		b.lines = append(b.lines, wrap(s.text(color.Black), line, room)...)
	}
	b.height = vg.Length(len(b.lines))*1.2*s.size() + 0.6*s.size()
	s.boxes = append(s.boxes, b)
	s.bottom = max(s.bottom, b.top+b.height)
	return b
}

// wrap breaks a line at its spaces, and at underscores where a word alone is too
// wide.
func wrap(style text.Style, line string, room vg.Length) []string {
	var out []string
	now := ""
	for _, word := range strings.SplitAfter(line, " ") {
		if now != "" && style.Width(strings.TrimRight(now+word, " ")) > room {
			out = append(out, strings.TrimRight(now, " "))
			now = ""
		}
		for _, piece := range strings.SplitAfter(word, "_") {
			if now != "" && style.Width(strings.TrimRight(now+piece, " ")) > room {
				out = append(out, strings.TrimRight(now, " "))
				now = ""
			}
			now += piece
		}
	}
	return append(out, strings.TrimRight(now, " "))
}

func (b *box) below() vg.Length  { return b.top + b.height }
func (b *box) middle() vg.Length { return b.left + b.width/2 }

// down draws an arrow from the bottom of a to the top of b, straight if b is
// under a's middle or a under b's, else with two bends.
func (s *sheet) down(a, b *box) {
	x, y := a.middle(), b.middle()
	switch {
	case y > a.left && y < a.left+a.width:
		x = y
	case x > b.left && x < b.left+b.width:
		y = x
	}
	bend := b.top - s.gap()/2
	points := []vg.Point{{X: x, Y: a.below()}}
	if x != y {
		points = append(points, vg.Point{X: x, Y: bend}, vg.Point{X: y, Y: bend})
	}
	s.arrows = append(s.arrows, append(points, vg.Point{X: y, Y: b.top}))
}

// across draws an arrow from a's right side to b's left one.
func (s *sheet) across(a, b *box) {
	x := b.left - s.gap()
	from, to := a.top+a.height/2, b.top+b.height/2
	s.arrows = append(s.arrows, []vg.Point{{X: a.left + a.width, Y: from}, {X: x, Y: from}, {X: x, Y: to}, {X: b.left, Y: to}})
}

// chain stacks a box for each stage under the last one.
func (s *sheet) chain(last *box, stages []Stage, words func(Stage) []string, fill color.Color) *box {
	for _, stage := range stages {
		next := s.add(last.left, last.below()+s.gap(), last.width, fill, words(stage)...)
		s.down(last, next)
		last = next
	}
	return last
}

var (
	inputFill     = color.Gray{0xee}
	backboneFill  = color.RGBA{0xd9, 0xe8, 0xf3, 0xff}
	attentionFill = color.RGBA{0xfb, 0xe3, 0xc0, 0xff}
	metadataFill  = color.RGBA{0xd5, 0xec, 0xe3, 0xff}
	outputFill    = color.RGBA{0xf1, 0xdf, 0xea, 0xff}
	lineInk       = color.Gray{0x40}
	textInk       = color.Gray{0x20}
)

func count(n int) string {
	switch n {
	case 0:
		return "no parameters"
	case 1:
		return "1 parameter"
	}
	return grouped(n) + " parameters"
}

func backboneWords(s Stage) []string {
	return []string{s.Title + ": " + shapeText(s.Shape), fmt.Sprintf("%d layers, %s", s.Layers, count(s.Parameters))}
}

// headWords describe a layer after the cut.
func headWords(s Stage) []string {
	title := s.Title
	if strings.HasPrefix(title, "pool_before_") {
		title = "feature_pool"
	}
	if word, ok := headTitles[title]; ok {
		title = word
	}
	lines := []string{title + ": " + shapeText(s.Shape)}
	if s.Parameters > 0 {
		lines = append(lines, count(s.Parameters))
	}
	return lines
}

// headTitles are words for layers whose names are not Keras's.
var headTitles = map[string]string{
	"feature_pool": "2x2 max pooling", "attention_pool": "2x2 max pooling", "attention_concat": "concatenation",
	"features_relu": "ReLU", "features_flat": "flatten",
	"features_gap": "global average pooling", "features_and_metadata": "concatenation",
	"metadata_relu": "ReLU", "metadata_dense_relu": "ReLU",
	"metadata": "concatenation",
}

// cutWords tell what the cut does to the whole network.
func (d *Network) cutWords() []string {
	if d.Resumes {
		return []string{"cut: the further stages follow the Soft-Attention block"}
	}
	if len(d.Dropped) == 0 {
		return []string{"no cut: the whole network"}
	}
	n, params := sum(d.Dropped)
	var names []string
	for _, stage := range d.Dropped {
		names = append(names, strings.TrimSuffix(stage.Title, " in part"))
	}
	return []string{fmt.Sprintf("cut: %d layers, %s left out", n, count(params)), "of " + strings.Join(names, ", ")}
}

// lay lays the drawing out in three columns: the backbone, what follows it, the
// metadata.
func (d *Network) lay(style plots.Style) *sheet {
	s := &sheet{style: style}
	margin, gutter := 0.5*style.FontSize, 3*s.gap()
	columns := vg.Length(3)
	if len(d.Metadata) == 0 {
		columns = 2
	}
	width := (style.Width - 2*margin - (columns-1)*gutter) / columns
	first := margin + 1.6*style.FontSize
	at := func(column vg.Length) vg.Length { return margin + column*(width+gutter) }

	input := s.add(at(0), first, width, inputFill, "photo: "+shapeText(d.Input))
	last := s.chain(input, d.Backbone, backboneWords, backboneFill)
	dropped := s.add(at(0), last.below()+s.gap(), width, color.White, d.cutWords()...)
	dropped.dashed = true

	cut := s.add(at(1), first, width, backboneFill, d.Cut+": "+shapeText(d.CutShape), fmt.Sprintf("the cut, layer %d of %d", d.Index, d.Of))
	s.across(last, cut)
	last = d.layBlock(s, cut)
	last = s.chain(last, d.Tail, headWords, backboneFill)
	var metadata *box
	if len(d.Metadata) > 0 {
		metadata = d.layMetadata(s, at(2), first, width)
	}
	for i, stage := range d.Output {
		top := last.below() + s.gap()
		if i == 0 && metadata != nil {
			top = max(top, metadata.below()+s.gap())
		}
		words := headWords(stage)
		if i == len(d.Output)-1 {
			words[0] = stage.Title + ", softmax: " + shapeText(stage.Shape)
		}
		next := s.add(last.left, top, width, outputFill, words...)
		s.down(last, next)
		if i == 0 && metadata != nil {
			y := next.top + next.height/2
			s.arrows = append(s.arrows, []vg.Point{{X: metadata.middle(), Y: metadata.below()}, {X: metadata.middle(), Y: y}, {X: next.left + next.width, Y: y}})
		}
		last = next
	}
	s.notes = append(s.notes, note{vg.Point{X: margin, Y: margin + 0.6*style.FontSize},
		fmt.Sprintf("%s with Soft-Attention: %s, %s of them trainable", d.Title, count(d.Total), grouped(d.Trainable))})
	if d.Maps == nil {
		s.notes[0].text = strings.Replace(s.notes[0].text, " with Soft-Attention", "", 1)
	}
	s.bottom += margin
	return s
}

// layBlock lays out the Soft-Attention block under the cut: two paths that are
// pooled and joined (the paper's Figure 7), then ReLU and dropout.
func (d *Network) layBlock(s *sheet, cut *box) *box {
	last := cut
	var attention, attended, pooled *box
	half := (cut.width - s.gap()) / 2
	for _, stage := range d.Block {
		words := headWords(stage)
		switch stage.Title {
		case skinattn.AttentionLayer:
			attention = s.add(cut.left+half+s.gap(), last.below()+s.gap(), half, attentionFill, "Soft-Attention: "+shapeText(stage.Shape),
				fmt.Sprintf("%d maps of %dx%d, summed, times the features", d.Maps[0], d.Maps[1], d.Maps[2]), count(stage.Parameters))
			s.down(last, attention)
		case "attention_pool":
			attended = s.add(attention.left, attention.below()+s.gap(), half, attentionFill, words...)
			s.down(attention, attended)
		case "feature_pool":
			if attended == nil {
				last = s.chain(last, []Stage{stage}, headWords, attentionFill)
				break
			}
			pooled = s.add(cut.left, attended.top, half, attentionFill, words...)
			s.down(last, pooled)
		case "attention_concat":
			next := s.add(cut.left, max(attended.below(), pooled.below())+s.gap(), cut.width, attentionFill, words...)
			s.down(pooled, next)
			s.down(attended, next)
			last = next
		default:
			last = s.chain(last, []Stage{stage}, headWords, attentionFill)
		}
	}
	return last
}

// layMetadata lays out the branch (the paper's Figure 5): three inputs side by side, then the
// rest as a chain.
func (d *Network) layMetadata(s *sheet, left, top, width vg.Length) *box {
	third := (width - s.gap()) / 3
	x := left
	var inputs []*box
	var rest []Stage
	names := map[string]string{"normalization": "age", "sex": "sex", "localization": "body site"}
	for _, stage := range d.Metadata {
		word, ok := names[stage.Title]
		switch {
		case stage.Title == "age": // goes through the normalization
		case ok:
			lines := []string{word + ": " + shapeText(stage.Shape)}
			if stage.Parameters > 0 {
				lines = append(lines, "normalised,", count(stage.Parameters))
			} else {
				lines = append(lines, "one-hot")
			}
			inputs = append(inputs, s.add(x, top, third, metadataFill, lines...))
			x += third + s.gap()/2
		default:
			rest = append(rest, stage)
		}
	}
	below := vg.Length(0)
	for _, b := range inputs {
		below = max(below, b.below())
	}
	for _, b := range inputs {
		b.height = below - b.top
	}
	joint := s.add(left, below+s.gap(), width, metadataFill, headWords(rest[0])...)
	for _, b := range inputs {
		s.down(b, joint)
	}
	return s.chain(joint, rest[1:], headWords, metadataFill)
}

// Height implements [plots.Figure].
func (d *Network) Height(s plots.Style) vg.Length { return d.lay(s).bottom }

// Draw implements [plots.Figure].
func (d *Network) Draw(c draw.Canvas, style plots.Style) error {
	s := d.lay(style)
	flip := func(p vg.Point) vg.Point { return vg.Point{X: c.Min.X + p.X, Y: c.Max.Y - p.Y} }
	line := draw.LineStyle{Color: lineInk, Width: style.LineWidth * 0.6}
	for _, arrow := range s.arrows {
		points := make([]vg.Point, len(arrow))
		for i, p := range arrow {
			points[i] = flip(p)
		}
		c.StrokeLines(line, points)
		c.FillPolygon(lineInk, head(points[len(points)-2], points[len(points)-1], 0.45*s.size()))
	}
	for _, b := range s.boxes {
		low, high := flip(vg.Point{X: b.left, Y: b.below()}), flip(vg.Point{X: b.left + b.width, Y: b.top})
		outline := []vg.Point{low, {X: high.X, Y: low.Y}, high, {X: low.X, Y: high.Y}}
		c.FillPolygon(b.fill, outline)
		border := line
		if b.dashed {
			border.Dashes = []vg.Length{2 * style.LineWidth, 2 * style.LineWidth}
		}
		c.StrokeLines(border, append(outline, low))
		middle := (b.height - vg.Length(len(b.lines))*1.2*s.size()) / 2
		for i, words := range b.lines {
			c.FillText(s.text(textInk), flip(vg.Point{X: b.middle(), Y: b.top + middle + (vg.Length(i)+0.5)*1.2*s.size()}), words)
		}
	}
	for _, n := range s.notes {
		title := s.text(textInk)
		title.Font, title.XAlign = font.From(style.Font, style.FontSize), draw.XLeft
		c.FillText(title, flip(n.at), n.text)
	}
	return nil
}

// head is the triangle at the end of an arrow that runs along an axis.
func head(from, to vg.Point, size vg.Length) []vg.Point {
	along := to.Sub(from)
	length := max(along.X, -along.X) + max(along.Y, -along.Y)
	if length == 0 {
		return []vg.Point{to, to, to}
	}
	along = along.Scale(size / length)
	side := vg.Point{X: -along.Y / 2, Y: along.X / 2}
	base := to.Sub(along.Scale(1.5))
	return []vg.Point{to, base.Add(side), base.Sub(side)}
}
