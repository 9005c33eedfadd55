package layers

import (
	"slices"
	"testing"
)

// TestKerasOrder has the order of model.layers in Keras 2.15 for its connections; tests of package backbone compare whole
// networks with Keras.
func TestKerasOrder(t *testing.T) {
	inputs := map[string][]string{
		"short": {"in"}, "long1": {"in"}, "long2": {"long1"}, "join": {"short", "long2"},
		"other": {"second"}, "out": {"join", "other"}, "unused": {"in"},
	}
	got := KerasOrder("out", func(layer string) []string { return inputs[layer] })
	// "in" is four steps from the end; of "short" and "long2", one step before
	// "join", the walk meets "short" first; "second" has only two steps to go.
	if want := []string{"in", "long1", "short", "long2", "second", "join", "other", "out"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}

	g := &Graph{}
	g.Add("in", Input{Dims: Shape{2}})
	g.Add("short", ReLU{}, "in")
	g.Add("long1", ReLU{}, "in")
	g.Add("long2", ReLU{}, "long1")
	g.Add("join", Add{}, "long2", "short")
	g.SortAsKeras()
	var names []string
	for _, layer := range g.Layers() {
		names = append(names, layer.Name)
	}
	if want := []string{"in", "long1", "long2", "short", "join"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
}
