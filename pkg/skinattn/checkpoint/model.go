package checkpoint

import (
	"errors"
	"fmt"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// LoadWeights returns the run's network and its best weights, or its last weights if it
// has no best. log, which may be nil, gets a line about each damaged checkpoint, about
// missing best weights and about a config.json that was edited. A run without an intact checkpoint is an ErrNone.
func LoadWeights(f *run.Folder, log func(line string)) (*skinattn.Network, *model.Store, error) {
	cfg, err := f.Config()
	if err != nil {
		return nil, nil, err
	}
	if _, err := f.CheckFingerprint(); err != nil {
		say(log, "warning: %v", err)
	}
	net, err := skinattn.NewNetwork(cfg.Network)
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w", f.Path(run.ConfigFile), err)
	}
	store := model.NewStore()
	var state struct{} // inference needs no training state
	err = Load(f, Best, store, &state, log)
	if errors.Is(err, ErrNone) {
		say(log, "warning: %v; taking the last weights", err)
		err = Load(f, Last, store, &state, log)
	}
	if errors.Is(err, ErrNone) {
		err = fmt.Errorf("%s: %w", f.Dir, ErrNone)
	}
	if err == nil {
		if err = net.CheckStore(store); err != nil {
			err = fmt.Errorf("%s: the checkpoint does not fit %s: %w", f.Dir, run.ConfigFile, err)
		}
	}
	return net, store, err
}

// LoadModel returns the run's network with its best weights on an engine; see
// LoadWeights. The caller closes the model.
func LoadModel(f *run.Folder, eng *engine.Engine, log func(line string)) (*skinattn.Model, error) {
	net, store, err := LoadWeights(f, log)
	if err != nil {
		return nil, err
	}
	return skinattn.NewModel(eng.Backend, net, store, 0)
}
