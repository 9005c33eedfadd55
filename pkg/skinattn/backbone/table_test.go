package backbone

import "testing"

// Totals of the whole networks that were documented elsewhere: keras.applications'
// documentation; of vgg16 and resnet34, which have no ImageNet top, the model
// summaries of paper [14] ("without Soft-Attention"). TestLayersAreKeras holds every
// network of Keras against Keras itself.
var documentedTotals = map[string]int{
	"densenet201":         20242984,
	"inception_resnet_v2": 55873736,
	"resnet50":            25636712,
	"resnet152":           60419944,
	"nasnet_large":        88949818,
	"nasnet_mobile":       5326716,
	"mobilenet":           4253864,
	"mobilenet_v2":        3538984,
	"mobilenet_v3_small":  2554968,
	"mobilenet_v3_large":  5507432,
	"vgg16":               60217671,
	"resnet34":            30805895,
}

// Keras's numbers of layers, from which the authors' negative indices count.
var documentedLayers = map[string]int{
	"densenet201": 709, "resnet50": 177, "resnet152": 517, "mobilenet": 91, "mobilenet_v2": 156,
	"mobilenet_v3_small": 239, "mobilenet_v3_large": 273, "vgg16": 36, "resnet34": 148,
	"inception_resnet_v2": 782, "nasnet_large": 1041, "nasnet_mobile": 771,
}

// The cut's index is from the authors' code, its name is Keras's for the layer there.
func TestTableMatchesKeras(t *testing.T) {
	for _, b := range Table {
		t.Run(b.Name, func(t *testing.T) {
			g, err := b.Graph(0)
			if err != nil {
				t.Fatal(err)
			}
			if want, ok := documentedLayers[b.Name]; ok && len(g.Layers()) != want {
				t.Errorf("%d layers, Keras has %d", len(g.Layers()), want)
			}
			if want, ok := documentedTotals[b.Name]; ok {
				if total, _ := g.Parameters(); total != want {
					t.Errorf("%d parameters in all, Keras has %d", total, want)
				}
			}
			for _, cut := range b.Cuts {
				layer := g.At(cut.Index)
				if layer.Name != cut.Layer {
					t.Errorf("cut %q: layer %d is %s, the table says %s", cut.Name, cut.Index, layer.Name, cut.Layer)
				}
				if layer.Out.String() != cut.Shape.String() {
					t.Errorf("cut %q: shape %v, the table says %v", cut.Name, layer.Out, cut.Shape)
				}
			}
			if _, err := b.Cut(b.AugmentedCut); err != nil {
				t.Error(err)
			}
		})
	}
}
