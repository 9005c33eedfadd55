package pipeline

import (
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/reproduce"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// ReproducibleNetworks counts the parameters of every network that is built here,
// for package reproduce.
func ReproducibleNetworks() ([]reproduce.Network, error) {
	networks := []reproduce.Network{}
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
		n := reproduce.Network{Name: b.Name, Title: b.Title}
		n.ImageNet, _ = whole.Parameters()
		n.Trained, _ = trained.Graph.Parameters()
		networks = append(networks, n)
	}
	return networks, nil
}
