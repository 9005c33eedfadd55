package backbone

import "testing"

// The cut's index is the one the authors' code takes; the name is what Keras
// calls the layer there; the total is that of the ImageNet network with top
// (keras.applications documentation).
func TestTableMatchesKeras(t *testing.T) {
	totals := map[string]int{
		"mobilenet_v2": 3538984, "inception_resnet_v2": 55873736, "nasnet_large": 88949818, "nasnet_mobile": 5326716,
	}
	for _, b := range Table {
		t.Run(b.Name, func(t *testing.T) {
			g, err := b.Graph(0)
			if err != nil {
				t.Fatal(err)
			}
			for _, cut := range b.Cuts {
				if got := g.At(cut.Index).Name; got != cut.Layer {
					t.Errorf("layer %d is %s, the table says %s", cut.Index, got, cut.Layer)
				}
			}
			if total, _ := g.Parameters(); total != totals[b.Name] {
				t.Errorf("%d parameters with top, Keras has %d", total, totals[b.Name])
			}
		})
	}
}
