package backbone

import (
	"fmt"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// Keras3Names gives the names that Keras 3 has for the layers of whole, a graph of b, by
// the names here, which are Keras 2.15's. Automatic names are those of a fresh session.
// Layers that are none in Keras 3 are absent: MobileNetV3's hard swish is four layers here
// and one there.
func (b *Backbone) Keras3Names(whole *layers.Graph) map[string]string {
	names := map[string]string{}
	count := map[string]int{} // of the automatic names that Keras 3 numbers in another way
	auto := func(class string) string {
		count[class]++
		if count[class] == 1 {
			return class
		}
		return fmt.Sprintf("%s_%d", class, count[class]-1)
	}
	swish := HardSwishes(whole)
	for _, layer := range whole.Layers() {
		name := layer.Name
		switch part, inSwish := swish[name]; {
		case inSwish && part == name:
			names[name] = auto("activation")
		case inSwish: // a part of that activation
		case AutoNumber(name, "tf.__operators__.add") >= 0, AutoNumber(name, "tf.math.multiply") >= 0: // operations
		case b.keras3Name != nil && AutoNumber(name, "re_lu") >= 0:
			names[name] = auto("re_lu")
		case b.keras3Name != nil:
			names[name] = b.keras3Name(name)
		default:
			names[name] = strings.ReplaceAll(name, "/", "_") // Keras 3 allows no slash in a name
		}
	}
	return names
}

// HardSwishes finds x * ReLU6(x+3)/6, four layers in Keras 2.15. For each of the four it
// has the name of the last, whose output is the result.
func HardSwishes(g *layers.Graph) map[string]string {
	parts := map[string]string{}
	for _, product := range g.Layers() {
		if _, ok := product.Op.(layers.Multiply); !ok || len(product.Inputs) != 2 {
			continue
		}
		chain := []string{product.Name}
		at, ok := g.Layer(product.Inputs[1]), true
		for _, is := range []func(layers.Op) bool{isOp[layers.MulScalar], isOp[layers.ReLU], isOp[layers.AddScalar]} {
			if ok = ok && is(at.Op); ok {
				chain = append(chain, at.Name)
				at = g.Layer(at.Inputs[0])
			}
		}
		if !ok || at.Name != product.Inputs[0] {
			continue // a gate made of something else than x
		}
		for _, name := range chain {
			parts[name] = product.Name
		}
	}
	return parts
}

func isOp[T layers.Op](op layers.Op) bool {
	_, ok := op.(T)
	return ok
}
