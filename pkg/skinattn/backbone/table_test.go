package backbone

import "testing"

// The cut's index is the one the authors' code takes; the name is what Keras
// calls the layer there; the total is that of the ImageNet network with top
// (keras.applications documentation).
func TestTableMatchesKeras(t *testing.T) {
	totals := map[string]int{"mobilenet_v2": 3538984}
	for _, b := range Table {
		t.Run(b.Name, func(t *testing.T) {
			g, err := b.Graph(0)
			if err != nil {
				t.Fatal(err)
			}
			if got := g.At(b.CutIndex).Name; got != b.Cut {
				t.Errorf("layer %d is %s, the table says %s", b.CutIndex, got, b.Cut)
			}
			if total, _ := g.Parameters(); total != totals[b.Name] {
				t.Errorf("%d parameters with top, Keras has %d", total, totals[b.Name])
			}
		})
	}
}
