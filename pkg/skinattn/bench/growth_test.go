package bench

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/testgolden"
	"github.com/skinattn/skinattn/pkg/plots"
)

var update = flag.Bool("update", false, "write docs/img/growth.svg and its part of docs/performance.md anew")

// growth is what bench/growth.py measures, which leaves it in bench/measured/growth.json.
type growth struct {
	Machine struct {
		CPU   string
		Cores int
	}
	AtRest       growthSetting `json:"at_rest"` // what does not vary has these values
	Measurements []growthPoint
}

type growthSetting struct{ Batch, Size, Cores int }

type growthPoint struct {
	Contestant, Mode, Engine, When string
	growthSetting
	ImagesPerSecond float64 `json:"images_per_second"`
	OthersCores     float64 `json:"others_cores"` // that other processes kept busy
}

// The axes of the figure, and its series.
var (
	growthModes   = []struct{ mode, label, name string }{{Train, "Training, images/s", "Training"}, {Infer, "Prediction, images/s", "Prediction"}}
	growthColumns = []struct {
		label  string
		of     func(*growthSetting) *int // what varies
		words  string                    // before the factors from the first value to the last
		slower bool                      // the factors are of the time
	}{
		{"Batch", func(s *growthSetting) *int { return &s.Batch }, "From batch %d to %d, images/s are multiplied by", false},
		{"Size of the photos, px", func(s *growthSetting) *int { return &s.Size }, "from %d to %d px, the time of a photo is multiplied by", true},
		{"Cores", func(s *growthSetting) *int { return &s.Cores }, "from %d core to %d, images/s are multiplied by", false},
	}
	growthTitles = []struct{ contestant, title string }{{"skinattn", "skinattn"}, {"keras", "Keras"}, {"torch", "PyTorch"}, {"onnxruntime", "ONNX Runtime"}, {"openvino", "OpenVINO"}}
)

// line is a contestant's points over what a column varies, by rising value.
func (g *growth) line(contestant, mode string, column int) (line []growthPoint) {
	of := growthColumns[column].of
	for _, p := range g.Measurements {
		others := p.growthSetting
		*of(&others) = *of(&g.AtRest)
		if p.Contestant == contestant && p.Mode == mode && others == g.AtRest {
			line = append(line, p)
		}
	}
	slices.SortFunc(line, func(a, b growthPoint) int { return cmp.Compare(*of(&a.growthSetting), *of(&b.growthSetting)) })
	return line
}

// figure draws all lines.
func (g *growth) figure() *plots.Growth {
	f := &plots.Growth{}
	for _, mode := range growthModes {
		f.Rows = append(f.Rows, mode.label)
	}
	for _, title := range growthTitles {
		f.Series = append(f.Series, title.title)
	}
	for column, c := range growthColumns {
		f.Columns = append(f.Columns, c.label)
		for row, mode := range growthModes {
			for series, title := range growthTitles {
				line := plots.GrowthLine{Row: row, Column: column, Series: series}
				for _, p := range g.line(title.contestant, mode.mode, column) {
					line.X, line.Y = append(line.X, float64(*c.of(&p.growthSetting))), append(line.Y, p.ImagesPerSecond)
				}
				if len(line.X) > 0 {
					f.Lines = append(f.Lines, line)
				}
			}
		}
	}
	return f
}

// busy is the number of cores that other programs may take without a word about it.
const busy = .3

// text is what the document says of the measurements.
func (g *growth) text() string {
	var days, engines []string
	others := 0.0
	for _, p := range g.Measurements {
		days = append(days, p.When[:len("2006-01-02")])
		if p.Contestant != growthTitles[0].contestant && !slices.Contains(engines, p.Engine) {
			engines = append(engines, p.Engine)
		}
		others = max(others, p.OthersCores)
	}
	slices.Sort(days)
	days = slices.Compact(days)
	when := days[0]
	if len(days) > 1 {
		when += " to " + days[len(days)-1]
	}
	around := "nothing else running"
	if others > busy {
		around = fmt.Sprintf("on a busy machine: other programs took up to %.1f cores, and single points are off", others)
	}
	return fmt.Sprintf(`![images/s by batch, size of the photos and cores](img/growth.svg)

What does not vary is a batch of %d, photos of %d px and all cores. Float32; %s, %d cores; %s, %s; skinattn, %s. Raw values: [bench/measured/growth.json](../bench/measured/growth.json).

%s

%s
`, g.AtRest.Batch, g.AtRest.Size, g.Machine.CPU, g.Machine.Cores, when, around, strings.Join(engines, ", "), g.sentence(0), g.sentence(1))
}

// sentence says how the speed of a mode grows, and how skinattn stands beside its peers.
func (g *growth) sentence(mode int) string {
	m := growthModes[mode]
	var said []string
	for column, c := range growthColumns {
		var factors []string
		var first, last int
		for _, title := range growthTitles {
			line := g.line(title.contestant, m.mode, column)
			if len(line) < 2 {
				continue
			}
			a, b := line[0], line[len(line)-1]
			first, last = *c.of(&a.growthSetting), *c.of(&b.growthSetting)
			factor := b.ImagesPerSecond / a.ImagesPerSecond
			if c.slower {
				factor = 1 / factor
			}
			factors = append(factors, fmt.Sprintf("%.3g (%s)", factor, title.title))
		}
		if factors == nil {
			return m.name + " is not measured yet."
		}
		said = append(said, fmt.Sprintf(c.words, first, last)+" "+strings.Join(factors, ", "))
	}
	least, most := g.beside(m.mode)
	return fmt.Sprintf("%s: at equal settings, skinattn has %.2f to %.2f times the images/s of the faster peer. %s.", m.name, least, most, strings.Join(said, "; "))
}

// beside returns the least and the greatest ratio of skinattn's speed to the faster peer's.
func (g *growth) beside(mode string) (least, most float64) {
	best := map[growthSetting]float64{}
	for _, p := range g.Measurements {
		if p.Mode == mode && p.Contestant != growthTitles[0].contestant {
			best[p.growthSetting] = max(best[p.growthSetting], p.ImagesPerSecond)
		}
	}
	least = math.Inf(1)
	for _, p := range g.Measurements {
		if peer := best[p.growthSetting]; p.Mode == mode && p.Contestant == growthTitles[0].contestant && peer > 0 {
			least, most = min(least, p.ImagesPerSecond/peer), max(most, p.ImagesPerSecond/peer)
		}
	}
	return least, most
}

// The figure and the words of docs/performance.md are made of the committed measurements.
func TestGrowth(t *testing.T) {
	const root = "../../../"
	text, err := os.ReadFile(root + "bench/measured/growth.json")
	if err != nil {
		t.Fatal(err)
	}
	var g growth
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "docs/img/growth.svg")
	made := filepath.Join(t.TempDir(), "growth.svg")
	if *update {
		made = path
	}
	if err := plots.Save(made, g.figure(), plots.PaperWide()); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	if want, err := os.ReadFile(path); err != nil || string(got) != string(want) {
		t.Errorf("%s is not what bench/measured/growth.json gives (%v); -update writes it anew", path, err)
	}
	testgolden.Generated(t, root+"docs/performance.md", "go test ./pkg/skinattn/bench -run Growth -update", g.text(), *update)
}
