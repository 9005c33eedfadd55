package backbone

import (
	"math"
	"strings"
	"testing"
)

// Multiply-adds of the whole networks at their own size, in millions, as their papers and authors
// print them: ResNet (He et al. 2015, table 1, whose first 1x1 of a stage has the stride as here), MobileNet (Howard et
// al. 2017, table 8), MobileNetV2 (Sandler et al. 2018, table 4), MobileNetV3 (Howard et al. 2019, table 3), NASNet
// (Zoph et al. 2017, table 2 and 3). vgg16 and resnet34 are the authors' own forms.
var printedMultiplyAdds = map[string]float64{
	"resnet50": 3800, "resnet152": 11300, "mobilenet": 569, "mobilenet_v2": 300, "mobilenet_v3_large": 219, "mobilenet_v3_small": 56,
	"nasnet_large": 23800, "nasnet_mobile": 564,
}

func TestMultiplyAddsAreThePapers(t *testing.T) {
	for name, want := range printedMultiplyAdds {
		b, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		g, err := b.Graph(0)
		if err != nil {
			t.Fatal(err)
		}
		if got := float64(g.MultiplyAdds()) / 1e6; math.Abs(got/want-1) > .05 {
			t.Errorf("%s: %.0f million multiply-adds, its paper has %.0f", name, got, want)
		} else {
			t.Logf("%s: %.0f million, its paper has %.0f", name, got, want)
		}
	}
}

// Each layer with a kernel counts: alone, it has as many multiply-adds as its kernel has scalars, or more.
func TestEveryKernelMultiplies(t *testing.T) {
	for _, b := range Table {
		g, err := b.Graph(64)
		if b.CheckSize(64, "") != nil {
			g, err = b.Graph(0)
		}
		if err != nil {
			t.Fatal(err)
		}
		least := 0
		for _, v := range g.Variables() {
			if strings.HasSuffix(v.Name, "kernel") {
				least += v.Shape.Size()
			}
		}
		if n := g.MultiplyAdds(); n < int64(least) {
			t.Errorf("%s: %d multiply-adds, and %d scalars in its kernels", b.Name, n, least)
		}
	}
}
