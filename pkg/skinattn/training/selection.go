package training

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// selection knows which layers a regime trains, and how fast.
type selection struct {
	rates  map[string]float64 // factors by layer, where not 1
	freeze []spec.Freeze
	layers []map[string]bool // of each freeze
}

// Check returns an error for settings of a regime that do not fit a network, or do not fit
// features that are computed once. It needs no run folder.
func Check(net *skinattn.Network, reg *spec.Regime, featureCache bool) (err error) {
	if featureCache {
		if err := allowsFeatures(reg); err != nil {
			return err
		}
		if net, err = net.AfterCut(); err != nil {
			return err
		}
	}
	_, err = newSelection(net, reg)
	return err
}

func newSelection(net *skinattn.Network, reg *spec.Regime) (selection, error) {
	s := selection{rates: map[string]float64{}, freeze: reg.Freeze}
	for _, r := range reg.LayerRates {
		names, err := layersOf(net, r.Layers)
		if err != nil {
			return s, fmt.Errorf("layer rate: %w", err)
		}
		for name := range names {
			s.rates[name] = r.Factor
		}
	}
	for _, f := range reg.Freeze {
		names, err := layersOf(net, f.Layers)
		if err != nil {
			return s, fmt.Errorf("freeze: %w", err)
		}
		s.layers = append(s.layers, names)
	}
	return s, nil
}

// layersOf lists the layers whose names begin with prefix, or all up to the cut
// for spec.Backbone.
func layersOf(net *skinattn.Network, prefix string) (map[string]bool, error) {
	names := map[string]bool{}
	upToCut := true
	for _, layer := range net.Graph.Layers() {
		if prefix == spec.Backbone && upToCut || strings.HasPrefix(layer.Name, prefix) {
			names[layer.Name] = true
		}
		upToCut = upToCut && layer.Name != net.Cut
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no layer of the network has a name that begins with %q; %q is all up to the cut", prefix, spec.Backbone)
	}
	return names, nil
}

// rate returns the factor by which a layer's learning rate is multiplied.
func (s selection) rate(layer string) float64 {
	if factor, ok := s.rates[layer]; ok {
		return factor
	}
	return 1
}

// frozen returns the layers that are not trained in an epoch, and a key that identifies
// this set.
func (s selection) frozen(epoch int) (names map[string]bool, key string) {
	names = map[string]bool{}
	for i, f := range s.freeze {
		if f.Frozen(epoch) {
			key += strconv.Itoa(i) + " "
			for name := range s.layers[i] {
				names[name] = true
			}
		}
	}
	return names, key
}
