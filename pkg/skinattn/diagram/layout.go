package diagram

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/goccy/go-graphviz"
	"gonum.org/v1/plot/vg"
)

// oneDrawing holds a second drawing back: the module's state is the process's.
var oneDrawing sync.Mutex

// layout has Graphviz place the boxes and route the arrows. Boxes keep the sizes
// that their texts ask for.
func (s *sheet) layout() error {
	oneDrawing.Lock()
	defer oneDrawing.Unlock()
	ctx := context.Background()
	gv, err := graphviz.New(ctx)
	if err != nil {
		return fmt.Errorf("starting Graphviz: %w", err)
	}
	defer gv.Close()
	graph, err := graphviz.ParseBytes(s.dot())
	if err != nil {
		return fmt.Errorf("handing the drawing to Graphviz: %w", err)
	}
	defer graph.Close()
	var plain bytes.Buffer
	if err := gv.Render(ctx, graph, "plain", &plain); err != nil {
		return fmt.Errorf("laying the drawing out: %w", err)
	}
	return s.place(plain.String())
}

// dot writes the drawing in Graphviz's language. A row becomes a rank, which
// invisible arrows keep in order; boxes of one column stand straight under each
// other.
func (s *sheet) dot() []byte {
	inches := func(x vg.Length) float64 { return float64(x / vg.Inch) }
	var text bytes.Buffer
	fmt.Fprintf(&text, "digraph {\nsplines=ortho nodesep=%.4f ranksep=%.4f\n", inches(s.gap()), inches(s.gap()))
	text.WriteString("node [shape=box fixedsize=true label=\"\"]\nedge [arrowhead=none weight=4]\n")
	for _, b := range s.boxes {
		fmt.Fprintf(&text, "%s [width=%.4f height=%.4f group=%q]\n", b.name, inches(b.width), inches(b.height), b.column)
	}
	for _, row := range s.rows {
		text.WriteString("{rank=same")
		for _, b := range row {
			fmt.Fprintf(&text, " %s", b.name)
		}
		text.WriteString("}\n")
		for i, b := range row[1:] {
			fmt.Fprintf(&text, "%s -> %s [style=invis]\n", row[i].name, b.name)
		}
	}
	for _, a := range s.arrows {
		attributes := map[arrowKind]string{hidden: " [style=invis]", upwards: " [constraint=false]"}[a.kind]
		fmt.Fprintf(&text, "%s -> %s%s\n", a.from.name, a.to.name, attributes)
	}
	text.WriteString("}\n")
	return text.Bytes()
}

// place reads Graphviz's plain format: a line for the graph, each node and each
// edge, in inches, y upwards.
func (s *sheet) place(plain string) error {
	point := func(x, y string) (vg.Point, error) {
		px, err := strconv.ParseFloat(x, 64)
		if err != nil {
			return vg.Point{}, err
		}
		py, err := strconv.ParseFloat(y, 64)
		return vg.Point{X: vg.Length(px) * vg.Inch, Y: s.height - vg.Length(py)*vg.Inch}, err
	}
	boxes := map[string]*box{}
	for _, b := range s.boxes {
		boxes[b.name] = b
	}
	arrows := map[[2]string]*arrow{}
	for _, a := range s.arrows {
		arrows[[2]string{a.from.name, a.to.name}] = a
	}
	for line := range strings.Lines(plain) {
		f := strings.Fields(line)
		var err error
		switch {
		case len(f) == 4 && f[0] == "graph":
			var corner vg.Point
			corner, err = point(f[2], f[3])
			s.width, s.height = corner.X, -corner.Y // its y is measured from a height of 0
		case len(f) > 4 && f[0] == "node":
			if b := boxes[f[1]]; b != nil {
				b.middle, err = point(f[2], f[3])
			}
		case len(f) > 4 && f[0] == "edge":
			a := arrows[[2]string{f[1], f[2]}]
			var n int
			if n, err = strconv.Atoi(f[3]); err != nil || a == nil || len(f) < 4+2*n {
				break // an invisible one
			}
			for i := 0; i < n && err == nil; i += 3 { // ends of Bézier curves that are straight lines
				var p vg.Point
				p, err = point(f[4+2*i], f[5+2*i])
				a.route = append(a.route, p)
			}
		}
		if err != nil {
			return fmt.Errorf("reading Graphviz's line %q: %w", line, err)
		}
	}
	for _, a := range s.arrows {
		if a.kind != hidden && len(a.route) < 2 {
			return fmt.Errorf("no arrow came back from %q to %q", a.from.lines, a.to.lines)
		}
	}
	return nil
}
