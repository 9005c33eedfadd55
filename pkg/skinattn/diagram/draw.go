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

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn"
)

// box is a rectangle of text.
type box struct {
	lines         []string
	fill          color.Color
	dashed        bool
	column        string // a key of columnMiddles
	width, height vg.Length
	middle        vg.Point // y grows downwards, as everywhere in this package
}

// arrow joins two boxes.
type arrow struct {
	from, to *box
	kind     arrowKind
	route    []vg.Point
}

type arrowKind int

const (
	down    arrowKind = iota // the second box stands below the first
	upwards                  // the second box stands at the top of the next column
	hidden                   // the second box stands below the first, and no arrow is drawn
)

// sheet is an unfinished drawing: boxes and arrows, placed by layout.
type sheet struct {
	style         plots.Style
	title         string
	boxes         []*box
	arrows        []*arrow
	width, height vg.Length
}

const textShare = 0.8 // font size of the boxes as a share of the style's

func (s *sheet) size() vg.Length { return s.style.FontSize * textShare }
func (s *sheet) gap() vg.Length  { return 1.3 * s.size() }

func (s *sheet) text() text.Style {
	return text.Style{Color: textInk, Font: font.From(s.style.Font, s.size()), Handler: plot.DefaultTextHandler, XAlign: draw.XCenter, YAlign: draw.YCenter}
}

// add makes a box of lines of text and breaks the lines that are too wide.
func (s *sheet) add(column string, width vg.Length, fill color.Color, lines ...string) *box {
	b := &box{fill: fill, column: column, width: width}
	room := 0.92 * width // a viewer's font may be wider
	for _, line := range lines {
		b.lines = append(b.lines, wrap(s.text(), line, room)...)
	}
	b.height = vg.Length(len(b.lines))*1.2*s.size() + 0.6*s.size()
	s.boxes = append(s.boxes, b)
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

func (s *sheet) join(from, to *box, kind arrowKind) {
	s.arrows = append(s.arrows, &arrow{from: from, to: to, kind: kind})
}

// chain stacks a box for each stage under the box last and returns the lowest box.
func (s *sheet) chain(last *box, width vg.Length, stages []Stage, words func(Stage) []string, fill color.Color) *box {
	for _, stage := range stages {
		next := s.add(last.column, width, fill, words(stage)...)
		s.join(last, next, down)
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
	return eval.FormatThousands(n) + " parameters"
}

func backboneWords(s Stage) []string {
	return []string{s.Title + ": " + shapeText(s.Shape), fmt.Sprintf("%d layers, %s", s.Layers, count(s.Parameters))}
}

// headWords returns the text of a box for a layer after the cut.
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

// headTitles has the titles of layers that Keras does not name.
var headTitles = map[string]string{
	"feature_pool": "2x2 max pooling", "attention_pool": "2x2 max pooling", "attention_concat": "concatenation",
	"features_relu": "ReLU", "features_flat": "flatten",
	"features_gap": "global average pooling", "features_and_metadata": "concatenation",
	"metadata_relu": "ReLU", "metadata_dense_relu": "ReLU",
	"metadata": "concatenation",
}

// cutWords returns the text of the box that describes the layers left out by the cut.
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

// lay lays the drawing out in three columns: the backbone, the layers after the
// cut, the metadata branch.
func (d *Network) lay(style plots.Style) *sheet {
	s := &sheet{style: style, title: fmt.Sprintf("%s with Soft-Attention: %s, %s of them trainable", d.Title, count(d.Total), eval.FormatThousands(d.Trainable))}
	if d.Maps == nil {
		s.title = strings.Replace(s.title, " with Soft-Attention", "", 1)
	}
	width := columnShare * style.Width
	input := s.add("backbone", width, inputFill, "photo: "+shapeText(d.Input))
	last := s.chain(input, width, d.Backbone, backboneWords, backboneFill)
	dropped := s.add("backbone", width, color.White, d.cutWords()...)
	dropped.dashed = true
	s.join(last, dropped, hidden)

	cut := s.add("head", width, backboneFill, d.Cut+": "+shapeText(d.CutShape), fmt.Sprintf("the cut, layer %d of %d", d.Index, d.Of))
	s.join(last, cut, upwards)
	last = s.chain(d.layBlock(s, cut), width, d.Tail, headWords, backboneFill)
	var metadata *box
	if len(d.Metadata) > 0 {
		metadata = d.layMetadata(s)
	}
	for i, stage := range d.Output {
		words := headWords(stage)
		if i == len(d.Output)-1 {
			words[0] = stage.Title + ", softmax: " + shapeText(stage.Shape)
		}
		next := s.add("head", width, outputFill, words...)
		s.join(last, next, down)
		if i == 0 && metadata != nil {
			s.join(metadata, next, down)
		}
		last = next
	}
	s.layout()
	return s
}

// layBlock lays out the Soft-Attention block under the cut: two paths that are
// pooled and joined (the paper's Figure 7), then ReLU and dropout.
func (d *Network) layBlock(s *sheet, cut *box) *box {
	last, half := cut, s.pathWidth()
	var attention, attended, pooled *box
	for _, stage := range d.Block {
		words := headWords(stage)
		switch {
		case stage.Title == skinattn.AttentionLayer:
			attention = s.add("attention", half, attentionFill, "Soft-Attention: "+shapeText(stage.Shape),
				fmt.Sprintf("%d maps of %dx%d, summed, times the features", d.Maps[0], d.Maps[1], d.Maps[2]), count(stage.Parameters))
			s.join(last, attention, down)
		case stage.Title == "attention_pool":
			attended = s.add("attention", half, attentionFill, words...)
			s.join(attention, attended, down)
		case stage.Title == "feature_pool" && attended != nil:
			pooled = s.add("features", half, attentionFill, words...)
			s.join(last, pooled, down)
			s.join(attention, pooled, hidden) // beside attended
		case stage.Title == "attention_concat":
			next := s.add("head", cut.width, attentionFill, words...)
			s.join(pooled, next, down)
			s.join(attended, next, down)
			last = next
		default:
			last = s.chain(last, cut.width, []Stage{stage}, headWords, attentionFill)
		}
	}
	return last
}

// layMetadata lays out the metadata branch (the paper's Figure 5): three inputs,
// then the other layers as a chain. It returns the last box of the chain.
func (d *Network) layMetadata(s *sheet) *box {
	width := columnShare * s.style.Width
	var inputs []*box
	var rest []Stage
	names := map[string]string{"normalization": "age", "sex": "sex", "localization": "body site"}
	height := vg.Length(0)
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
			b := s.add(fmt.Sprintf("input %d", len(inputs)), s.inputWidth(), metadataFill, lines...)
			inputs, height = append(inputs, b), max(height, b.height)
		default:
			rest = append(rest, stage)
		}
	}
	joint := s.add("metadata", width, metadataFill, headWords(rest[0])...)
	for _, b := range inputs {
		b.height = height
		s.join(b, joint, down)
	}
	return s.chain(joint, width, rest[1:], headWords, metadataFill)
}

// margin is the free space around the boxes; heading is the height of the title
// with its margin.
func (s *sheet) margin() vg.Length  { return 0.5 * s.style.FontSize }
func (s *sheet) heading() vg.Length { return s.margin() + 1.9*s.style.FontSize }

// Height implements [plots.Figure].
func (d *Network) Height(style plots.Style) vg.Length {
	s := d.lay(style)
	return s.heading() + s.height + s.margin()
}

// Draw implements [plots.Figure].
func (d *Network) Draw(c draw.Canvas, style plots.Style) error {
	s := d.lay(style)
	corner := vg.Point{X: c.Min.X + (style.Width-s.width)/2, Y: c.Max.Y - s.heading()}
	at := func(x, y vg.Length) vg.Point { return vg.Point{X: corner.X + x, Y: corner.Y - y} }
	line := draw.LineStyle{Color: lineInk, Width: style.LineWidth * 0.6}
	for _, arrow := range s.arrows {
		if arrow.kind == hidden {
			continue
		}
		points := make([]vg.Point, len(arrow.route))
		for i, p := range arrow.route {
			points[i] = at(p.X, p.Y)
		}
		c.StrokeLines(line, points)
		c.FillPolygon(lineInk, head(points[len(points)-2], points[len(points)-1], 0.45*s.size()))
	}
	for _, b := range s.boxes {
		outline := []vg.Point{at(b.left(), b.top()), at(b.right(), b.top()), at(b.right(), b.bottom()), at(b.left(), b.bottom())}
		c.FillPolygon(b.fill, outline)
		border := line
		if b.dashed {
			border.Dashes = []vg.Length{2 * style.LineWidth, 2 * style.LineWidth}
		}
		c.StrokeLines(border, append(outline, outline[0]))
		first := b.middle.Y - vg.Length(len(b.lines)-1)*0.6*s.size()
		for i, words := range b.lines {
			c.FillText(s.text(), at(b.middle.X, first+vg.Length(i)*1.2*s.size()), words)
		}
	}
	title := s.text()
	title.Font, title.XAlign = font.From(style.Font, style.FontSize), draw.XLeft
	c.FillText(title, vg.Point{X: c.Min.X + s.margin(), Y: c.Max.Y - s.margin() - 0.6*style.FontSize}, s.title)
	return nil
}

// head returns the triangle at the end of an arrow that runs along an axis.
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
