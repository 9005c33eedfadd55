package skinattn

import (
	"slices"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// The two sides of the cut have all variables of the network, each once, and
// the second one's input is the features.
func TestAfterCutHasWhatIsLeft(t *testing.T) {
	for _, name := range backbone.Names() {
		cfg, err := AuthorsNetwork(name, spec.Metadata)
		if err != nil {
			t.Fatal(err)
		}
		net, err := NewNetwork(cfg)
		if err != nil {
			t.Fatal(err)
		}
		before, err := net.UpToCut()
		if err != nil {
			t.Fatal(err)
		}
		after, err := net.AfterCut()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		paths := func(variables []layers.Variable) (all []string) {
			for _, v := range variables {
				all = append(all, v.Path())
			}
			slices.Sort(all)
			return all
		}
		if got := paths(append(before.Variables(), after.Graph.Variables()...)); !slices.Equal(got, paths(net.Graph.Variables())) {
			t.Errorf("%s: the sides of the cut have %d variables, the network %d", name, len(got), len(net.Graph.Variables()))
		}
		if got := after.InputShape(); !slices.Equal(got, net.FeatureShape()) {
			t.Errorf("%s: takes %v, the features are %v", name, got, net.FeatureShape())
		}
		if out := after.Graph.Layer(net.Output).Out; !slices.Equal(out, net.Graph.Layer(net.Output).Out) {
			t.Errorf("%s: ends with %v", name, out)
		}
	}
}
