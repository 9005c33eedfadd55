package layers

import "slices"

// SortAsKeras puts the layers in the order of Keras's Model.layers, in which
// Keras counts and saves them, for a model whose output is the last layer: by
// decreasing length of the longest path to the output; layers of equal length in
// the order in which a walk from the output, depth first along the inputs, meets
// them (keras/src/engine/functional.py, _map_graph_network). Every layer must
// feed the output.
//
// The order depends on the output: a network that ends at an earlier layer can
// have its layers in another order.
func (g *Graph) SortAsKeras() {
	met := map[string]int{}
	var finished []string // every layer after its inputs
	var walk func(name string)
	walk = func(name string) {
		if _, again := met[name]; again {
			return
		}
		met[name] = len(met)
		for _, input := range g.byName[name].Inputs {
			walk(input)
		}
		finished = append(finished, name)
	}
	walk(g.Last().Name)

	depth := map[string]int{}
	for _, name := range slices.Backward(finished) {
		for _, input := range g.byName[name].Inputs {
			depth[input] = max(depth[input], depth[name]+1)
		}
	}
	slices.SortFunc(g.layers, func(a, b *Layer) int {
		if d := depth[b.Name] - depth[a.Name]; d != 0 {
			return d
		}
		return met[a.Name] - met[b.Name]
	})
}
