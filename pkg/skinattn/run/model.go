package run

import (
	"errors"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
)

// LoadWeights returns the run's network and its best weights. warn gets a line
// about each damaged checkpoint that had to be passed over.
func (f *Folder) LoadWeights(warn func(line string)) (*skinattn.Network, *model.Store, error) {
	cfg, err := f.Config()
	if err != nil {
		return nil, nil, err
	}
	net, err := skinattn.NewNetwork(cfg.Network)
	if err != nil {
		return nil, nil, err
	}
	store := model.NewStore()
	var state struct{} // what training wants to remember is of no use here
	err = f.LoadCheckpoint(Best, store, &state, warn)
	if errors.Is(err, ErrNoCheckpoint) {
		err = f.LoadCheckpoint(Last, store, &state, warn)
	}
	return net, store, err
}

// LoadModel returns the run's network with its best weights on an engine; see
// LoadWeights.
func (f *Folder) LoadModel(eng *engine.Engine, warn func(line string)) (*skinattn.Model, error) {
	net, store, err := f.LoadWeights(warn)
	if err != nil {
		return nil, err
	}
	return skinattn.NewModel(eng.Backend, net, store, 0)
}
