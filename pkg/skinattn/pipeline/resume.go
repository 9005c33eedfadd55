package pipeline

import (
	"errors"
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
)

// EpochsError says why a run can't have another number of epochs.
type EpochsError struct {
	Dir        string
	Have, Want int
	Reason     string
}

func (e *EpochsError) Error() string {
	return fmt.Sprintf("the epochs of %s can't be changed from %d to %d: %s", e.Dir, e.Have, e.Want, e.Reason)
}

// resumed is what a comparison of a run with the options finds.
type resumed struct {
	sealed   bool // config.json has a fingerprint
	finished bool // nothing is left to do
	epochs   int  // the number that the run is to have; 0: it stays
}

// compare compares the options with the run in folder, whose config.json must be as it was
// when the run began. It completes cfg, the configuration by the options, by what they
// leave open; epochs that are changed stay as they were in cfg until change.
func (o TrainOptions) compare(folder *run.Folder, cfg *run.Config) (r resumed, err error) {
	have, err := folder.Config()
	if err != nil {
		return r, err
	}
	if r.sealed, err = folder.CheckFingerprint(); err != nil {
		if edited, ok := errors.AsType[*run.EditedError](err); ok {
			if saved, fault := training.ReadSaved(folder); fault == nil && saved.Config != nil {
				edited.Fields = run.Changed(*saved.Config, have)
			}
		}
		return r, err
	}
	if !r.sealed {
		o.log("the run was begun by an older version, which recorded no fingerprint: changes of its settings and of the photos' metadata would go unnoticed")
	}
	if err := o.comparable(have, cfg); err != nil {
		return r, err
	}
	if o.ChangeEpochs && have.Regime != nil && cfg.Regime.Epochs != have.Regime.Epochs {
		r.epochs = cfg.Regime.Epochs
		cfg.Regime = withEpochs(cfg.Regime, have.Regime.Epochs)
	}
	if err := folder.RequireConfig(*cfg); err != nil {
		return r, err
	}
	cfg.Format, cfg.Fingerprint = have.Format, have.Fingerprint
	if r.epochs > 0 {
		return r, mayChange(folder, have, r.epochs)
	}
	r.finished, err = finished(folder, have)
	return r, err
}

// withEpochs is a copy of a regime with another number of epochs.
func withEpochs(reg *spec.Regime, epochs int) *spec.Regime {
	changed := *reg
	changed.Epochs = epochs
	return &changed
}

// mayChange returns an *EpochsError if the run would not be the same as one that began with
// that many epochs.
func mayChange(folder *run.Folder, have run.Config, epochs int) error {
	refused := &EpochsError{Dir: folder.Dir, Have: have.Regime.Epochs, Want: epochs}
	if have.Regime.Schedule == spec.Cosine {
		refused.Reason = "its cosine schedule lets the learning rate fall over all epochs, so the steps already made would have had other rates"
		return refused
	}
	saved, err := training.ReadSaved(folder)
	switch {
	case errors.Is(err, checkpoint.ErrNone) && folder.HasResults():
		refused.Reason = "its checkpoints are gone, so it would be trained from the beginning"
		return refused
	case errors.Is(err, checkpoint.ErrNone):
		return nil
	case err != nil:
		return err
	case saved.Stopped && epochs > have.Regime.Epochs:
		refused.Reason = fmt.Sprintf("its stopping rule has ended the training after epoch %d", saved.Epoch)
		return refused
	}
	begun := saved.Epoch
	if saved.Within {
		begun++
	}
	if begun > epochs {
		refused.Reason = fmt.Sprintf("it has begun epoch %d", begun)
		return refused
	}
	return nil
}

// change writes the changed number of epochs into config.json and cfg.
func (r resumed) change(folder *run.Folder, cfg *run.Config) error {
	if err := folder.RemoveResults(); err != nil { // they are of another number
		return err
	}
	cfg.Regime = withEpochs(cfg.Regime, r.epochs)
	if r.sealed {
		*cfg = cfg.Sealed()
	}
	return folder.WriteConfig(*cfg)
}

// finished reports whether the run is at its end, with predictions and metrics. The
// epochs in the config.json of an older run may have been raised by hand after that.
func finished(folder *run.Folder, have run.Config) (bool, error) {
	if !folder.HasResults() {
		return false, nil
	}
	if have.Fingerprint != "" {
		return true, nil
	}
	saved, err := training.ReadSaved(folder)
	if errors.Is(err, checkpoint.ErrNone) { // the committed form of a run
		return true, nil
	}
	return saved.Stopped || have.Regime == nil || saved.Epoch >= have.Regime.Epochs, err
}
