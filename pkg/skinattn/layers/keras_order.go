package layers

import "slices"

// KerasOrder lists the layers that output depends on in the order of Keras's Model.layers, in which Keras counts and
// saves them: by decreasing length of the longest path to the output, then in the order of a depth-first walk from the
// output along the inputs (keras/src/engine/functional.py, _map_graph_network). For another output the same layers can
// have another order.
func KerasOrder(output string, inputs func(layer string) []string) []string {
	met := map[string]int{}
	var order []string // until it is sorted: every layer after its inputs
	var walk func(name string)
	walk = func(name string) {
		if _, again := met[name]; again {
			return
		}
		met[name] = len(met)
		for _, input := range inputs(name) {
			walk(input)
		}
		order = append(order, name)
	}
	walk(output)

	depth := map[string]int{}
	for _, name := range slices.Backward(order) {
		for _, input := range inputs(name) {
			depth[input] = max(depth[input], depth[name]+1)
		}
	}
	slices.SortFunc(order, func(a, b string) int {
		if d := depth[b] - depth[a]; d != 0 {
			return d
		}
		return met[a] - met[b]
	})
	return order
}

// SortAsKeras puts the layers in Keras's order for a model whose output is the last layer, which all others must feed;
// see KerasOrder.
func (g *Graph) SortAsKeras() {
	order := KerasOrder(g.Last().Name, func(layer string) []string { return g.byName[layer].Inputs })
	for i, name := range order {
		g.layers[i] = g.byName[name]
	}
}
