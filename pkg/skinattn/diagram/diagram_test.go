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
)

var update = flag.Bool("update", false, "write the golden drawings anew")

func describe(t *testing.T, name string) *Network {
	t.Helper()
	cfg, err := skinattn.DefaultConfig(name)
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
		if h := d.Height(plots.PaperWide()); h > 257*vg.Millimeter {
			t.Errorf("%s is %.0f mm high", b.Name, float64(h/vg.Millimeter))
		}
	}
}

// The stages of ResNet152 are those of its paper (He et al., Table 1): 3, 8, 36
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

func TestGoldenDrawings(t *testing.T) {
	for _, name := range []string{"mobilenet_v2", "resnet34"} {
		var got bytes.Buffer
		if err := plots.Encode(&got, "svg", describe(t, name), plots.PaperWide()); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name+".svg")
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
