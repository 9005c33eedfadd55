package run

import (
	"errors"
	"fmt"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
)

// LoadWeights returns the run's network and its best weights. warn gets a line
// about each damaged checkpoint that had to be passed over, and one if there
// are no best weights and those of the last checkpoint are taken.
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
		warn(fmt.Sprintf("warning: %v; taking the last weights", err))
		err = f.LoadCheckpoint(Last, store, &state, warn)
	}
	if errors.Is(err, ErrNoCheckpoint) {
		err = fmt.Errorf("%s: %w; a run has its first after an epoch, 'skinattn train --resume' goes on with it", f.Dir, ErrNoCheckpoint)
	}
	if err == nil {
		err = net.CheckStore(store)
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
