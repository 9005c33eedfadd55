package reproduce

import (
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// BuiltNetworks counts the parameters of every network of backbone.Table, for New.
func BuiltNetworks() ([]BuiltNetwork, error) {
	networks := []BuiltNetwork{}
	for _, b := range backbone.Table {
		whole, err := b.Graph(0)
		if err != nil {
			return nil, err
		}
		cfg, err := skinattn.AuthorsNetwork(b.Name, spec.Metadata)
		if err != nil {
			return nil, err
		}
		trained, err := skinattn.NewNetwork(cfg)
		if err != nil {
			return nil, err
		}
		n := BuiltNetwork{Name: b.Name, Title: b.Title}
		n.ImageNet, _ = whole.Parameters()
		n.Trained, _ = trained.Graph.Parameters()
		networks = append(networks, n)
	}
	return networks, nil
}
