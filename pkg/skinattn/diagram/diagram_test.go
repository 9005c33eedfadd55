package diagram

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"

	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

var update = flag.Bool("update", false, "write the drawings in docs/img/networks anew")

func describe(t *testing.T, name string) *Network {
	t.Helper()
	cfg, err := skinattn.AuthorsNetwork(name, spec.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Every parameter of the built network stands in one box, every layer of the
// whole backbone in one stage, and the drawing fits A4 with margins.
func TestEveryNetworkAddsUp(t *testing.T) {
	for _, b := range backbone.Table {
		d := describe(t, b.Name)
		total := 0
		for _, part := range [][]Stage{d.Backbone, d.Block, d.Tail, d.Metadata, d.Output} {
			_, n := sum(part)
			total += n
		}
		if total != d.Total {
			t.Errorf("%s: stages have %d parameters, the network %d", b.Name, total, d.Total)
		}
		kept, _ := sum(d.Backbone)
		dropped, _ := sum(d.Dropped)
		if kept+dropped+1 != d.Of { // 1 is the input
			t.Errorf("%s: %d layers kept and %d dropped of %d", b.Name, kept, dropped, d.Of)
		}
		if d.Index != b.Cuts[0].Index && d.Cut == b.Cuts[0].Layer {
			t.Errorf("%s: cut at %d, the table has %d", b.Name, d.Index, b.Cuts[0].Index)
		}
		style := plots.PaperWide()
		s := d.lay(style)
		if h := d.Height(style); s.width > style.Width || h > 257*vg.Millimeter {
			t.Errorf("%s is %.0f mm wide and %.0f mm high", b.Name, float64(s.width/vg.Millimeter), float64(h/vg.Millimeter))
		}
		noOverlap(t, b.Name, s)
	}
}

// noOverlap wants every box apart from the others, and every arrow to run from the
// edge of its first box to the edge of its second in steps along the axes, through
// no box.
func noOverlap(t *testing.T, name string, s *sheet) {
	t.Helper()
	for i, a := range s.boxes {
		for _, b := range s.boxes[:i] {
			grown := &box{middle: b.middle, width: a.width + b.width, height: a.height + b.height}
			if outside(grown, a.middle) < 0 {
				t.Errorf("%s: %q and %q overlap", name, a.lines, b.lines)
			}
		}
	}
	for _, a := range s.arrows {
		if a.kind == hidden {
			continue
		}
		if len(a.route) < 2 {
			t.Fatalf("%s: no arrow from %q to %q", name, a.from.lines, a.to.lines)
		}
		for i, p := range a.route[1:] {
			q := a.route[i]
			if max(p.X-q.X, q.X-p.X) > .01 && max(p.Y-q.Y, q.Y-p.Y) > .01 {
				t.Errorf("%s: the arrow from %q to %q runs askew", name, a.from.lines, a.to.lines)
			}
			const steps = 1000
			for k := range steps + 1 {
				for _, b := range s.boxes {
					if at := q.Add(p.Sub(q).Scale(vg.Length(k) / steps)); outside(b, at) < -.01 {
						t.Fatalf("%s: the arrow from %q to %q runs through %q", name, a.from.lines, a.to.lines, b.lines)
					}
				}
			}
		}
		for b, at := range map[*box]vg.Point{a.from: a.route[0], a.to: a.route[len(a.route)-1]} {
			if d := outside(b, at); d < -.01 || d > .01 {
				t.Errorf("%s: the arrow from %q to %q ends %.1f points off the edge of %q", name, a.from.lines, a.to.lines, d, b.lines)
			}
		}
	}
}

// outside returns the distance of a point from a box, negative within it.
func outside(b *box, p vg.Point) vg.Length {
	across, along := p.X-b.middle.X, p.Y-b.middle.Y
	return max(max(across, -across)-b.width/2, max(along, -along)-b.height/2)
}

// The stages of ResNet152 follow its paper (He et al., Table 1): 3, 8, 36
// and 3 blocks, of which the authors' cut keeps one of the last three.
func TestStagesOfResNet152(t *testing.T) {
	var titles []string
	for _, s := range describe(t, "resnet152").Backbone {
		titles = append(titles, s.Title)
	}
	if got, want := strings.Join(titles, "; "), "stem; pool1; conv2_block 1-3; conv3_block 1-8; conv4_block 1-36; conv5_block 1"; got != want {
		t.Errorf("stages %s, not %s", got, want)
	}
}

// The documentation's drawings are the golden files.
func TestGoldenDrawings(t *testing.T) {
	for _, name := range backbone.Names() {
		var got bytes.Buffer
		if err := plots.Encode(&got, "svg", describe(t, name), plots.PaperWide()); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("..", "..", "..", "docs", "img", "networks", name+".svg")
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s differs; -update if it is as it should be", path)
		}
	}
}

// Variants of the head and networks without some of its parts draw too, and add up.
func TestVariants(t *testing.T) {
	for name, change := range map[string]func(*spec.Network){
		"no attention": func(c *spec.Network) { c.SoftAttention = false },
		"no metadata":  func(c *spec.Network) { c.Metadata = false },
		"everything": func(c *spec.Network) {
			c.Head, c.MetadataBatchNorm, c.MetadataUnits = spec.GAP, spec.BatchNormBoth, [3]int{64, 32}
			c.MetadataDropout, c.ExtendedDense, c.PoolsBefore = .4, 128, 1
		},
		"neither": func(c *spec.Network) { c.SoftAttention, c.Metadata = false, false },
	} {
		cfg, err := skinattn.AuthorsNetwork("mobilenet_v2", spec.Metadata)
		if err != nil {
			t.Fatal(err)
		}
		change(&cfg)
		d, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, part := range [][]Stage{d.Backbone, d.Block, d.Tail, d.Metadata, d.Output} {
			_, n := sum(part)
			total += n
		}
		if total != d.Total {
			t.Errorf("%s: stages have %d parameters, the network %d", name, total, d.Total)
		}
		noOverlap(t, name, d.lay(plots.PaperWide()))
		var svg bytes.Buffer
		if err := plots.Encode(&svg, "svg", d, plots.PaperWide()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if has := strings.Contains(svg.String(), "Soft-Attention"); has != cfg.SoftAttention {
			t.Errorf("%s: Soft-Attention is drawn: %v", name, has)
		}
		if dir := os.Getenv("DIAGRAMS"); dir != "" {
			plots.Save(filepath.Join(dir, name+".png"), d, plots.PaperWide())
		}
	}
	if _, err := New(spec.Network{Backbone: "lenet"}); err == nil || !strings.Contains(err.Error(), "lenet") {
		t.Errorf("an unknown backbone: %v", err)
	}
}
