package training

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// Run is the input of Train.
type Run struct {
	Engine *engine.Engine
	Folder *run.Folder // locked; its config.json is Config
	Config run.Config  // Config.Regime is set
	// Network is the network that Config describes; nil: Train builds it.
	Network *skinattn.Network
	Train   *Examples
	Val     *Examples
	// Weights fills the first weights of a new run, such as the backbone's. It may
	// leave variables unset: they are drawn from the seed. nil: all are drawn.
	Weights func(net *skinattn.Network, store *model.Store) error
	// Photos are those of Train and Val and the others of the data set. They are used if
	// Config.FeatureCache is set.
	Photos Photos
	// SaveEvery is the time between checkpoints within an epoch; 0: only its end has one.
	// It does not change the weights.
	SaveEvery time.Duration
	// Resumed is set for a run that goes on: environment.json gets it, completed by the
	// place where the run goes on and by what was lost.
	Resumed *run.Resumption
	// Watch follows the run; nil: nobody does.
	Watch Watcher
}

// Watcher follows the progress of a run.
type Watcher interface {
	// Log gets a line for people.
	Log(line string)
	// StartEpoch, Step and EndEpoch follow an epoch; done and total count images.
	StartEpoch(epoch, epochs, total int)
	Step(done int, loss, accuracy float64)
	EndEpoch(row run.Epoch, best bool)
}

// state is kept in a checkpoint beside the weights and Adam's moments.
type state struct {
	Epoch        int         `json:"epoch"` // epochs finished
	Step         int         `json:"step"`  // updates made
	LearningRate float64     `json:"learning_rate"`
	Plateau      patience    `json:"plateau"`
	EarlyStop    patience    `json:"early_stop"`
	BestEpoch    int         `json:"best_epoch"` // 0: none yet
	BestAccuracy float64     `json:"best_val_accuracy"`
	Finished     bool        `json:"finished"` // the stopping rule has fired
	History      []run.Epoch `json:"history"`
	// Config is what the checkpoint was made with. Older checkpoints do not have it.
	Config *run.Config `json:"config,omitempty"`

	// Running is the running epoch: the first Images of its order are done.
	Running partial `json:"running"`
}

// partial is the beginning of an epoch.
type partial struct {
	Images  int     `json:"images"`
	Loss    float64 `json:"loss"` // summed over images
	Correct int     `json:"correct"`
	Seconds float64 `json:"seconds"`
	Wait    float64 `json:"wait"` // seconds spent waiting for images
}

func (p partial) loss() float64     { return p.Loss / float64(max(p.Images, 1)) }
func (p partial) accuracy() float64 { return float64(p.Correct) / float64(max(p.Images, 1)) }

// position names a checkpoint so that text order is time order.
func (s *state) position() string {
	return fmt.Sprintf("epoch%05d-step%08d", s.Epoch, s.Step)
}

// ErrInterrupted says that a run was stopped from outside; its state is saved.
var ErrInterrupted = errors.New("interrupted: the state is saved")

// trainer is a run in progress.
type trainer struct {
	Run
	net     *skinattn.Network
	trained *skinattn.Network // net, or its part after the cut where features are computed once
	store   *model.Store
	// average holds the moving average of the weights; nil if the regime has none.
	average *model.Store
	stepper *Stepper
	model   *skinattn.Model
	sampler *sampler
	// features are nil if the network is trained on photos.
	features *Features
	meanAge  float64 // of the training part
	state    state
	saved    time.Time // when the newest checkpoint was written or loaded
}

// Train trains until the stopping rule or the last epoch, from the beginning or from the
// newest checkpoint in the folder, and leaves the kept weights
// (of the epoch with the best validation accuracy, or of the last one, as the regime says)
// and the history there. Cancelling ctx saves the state, also in the middle of an epoch,
// and returns ErrInterrupted. A killed process loses the steps after the newest
// checkpoint, and nothing else.
func Train(ctx context.Context, r Run) error {
	t, err := newTrainer(ctx, r)
	if err != nil {
		return err
	}
	defer t.close()
	for !t.state.Finished && t.state.Epoch < t.Config.Regime.Epochs {
		if err := t.epoch(ctx); err != nil {
			return err
		}
	}
	return nil
}

// newTrainer sets a run up: its network, first or saved weights and steps. Close the
// trainer after use.
func newTrainer(ctx context.Context, r Run) (*trainer, error) {
	t := &trainer{Run: r, store: model.NewStore()}
	if t.Watch == nil {
		t.Watch = Watchers{}
	}
	if err := t.prepare(ctx); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// close frees the memory of prepare.
func (t *trainer) close() {
	if t.stepper != nil {
		t.stepper.Close()
	}
	if t.model != nil {
		t.model.Close()
	}
	if t.features != nil {
		t.features.Close()
	}
}

func (t *trainer) log(format string, args ...any) { t.Watch.Log(fmt.Sprintf(format, args...)) }

func (t *trainer) prepare(ctx context.Context) (err error) {
	reg := t.Config.Regime
	if err := reg.Check(ham10000.NumClasses); err != nil {
		return err
	}
	if err := CheckEngine(reg, t.Engine); err != nil {
		return err
	}
	if note := PrecisionNote(reg, t.Engine); note != "" {
		t.log("note: %s", note)
	}
	if len(t.Train.Records) == 0 || len(t.Val.Records) == 0 {
		return fmt.Errorf("the split leaves %d images to train on and %d to validate on; both must be above 0", len(t.Train.Records), len(t.Val.Records))
	}
	if t.net = t.Network; t.net == nil {
		if t.net, err = skinattn.NewNetwork(t.Config.Network); err != nil {
			return err
		}
	}
	t.state.LearningRate = reg.LearningRate
	switch err := checkpoint.Load(t.Folder, checkpoint.Last, t.store, &t.state, t.caveat); {
	case err == nil:
		t.log("going on after epoch %d, step %d", t.state.Epoch, t.state.Step)
		if err := t.reconcile(); err != nil {
			return err
		}
	case errors.Is(err, checkpoint.ErrNone):
		if err := checkpoint.RemoveNewer(t.Folder, checkpoint.Best, ""); err != nil { // the run begins anew
			return err
		}
		if err := t.firstWeights(); err != nil {
			return err
		}
	default:
		return err
	}
	t.state.Config = &t.Config
	if t.Resumed != nil {
		t.Resumed.Epoch, t.Resumed.Step = t.state.Epoch, t.state.Step
		if err := t.Folder.AddResumption(*t.Resumed); err != nil {
			return err
		}
	}
	mean, _, _ := ageStats(t.Train.Records)
	for _, examples := range []*Examples{t.Train, t.Val} {
		if err := examples.complete(mean); err != nil {
			return err
		}
	}
	t.saved = time.Now()
	t.meanAge = mean
	t.sampler = newSampler(reg, t.Config.Seed, t.Train.labels)
	t.trained = t.net
	if t.Config.FeatureCache {
		if err := t.useFeatures(ctx); err != nil {
			return err
		}
	}
	weighted := *reg
	weighted.ClassWeights = classWeights(reg, t.Train.labels)
	if t.stepper, err = NewStepper(t.Engine, t.store, t.trained, &weighted, t.Config.Seed); err != nil {
		return err
	}
	if reg.EMA > 0 {
		t.average = model.NewStore()
		if err := copyVariables(t.average, "", t.store, "", t.net.Graph.Variables()); err != nil {
			return err
		}
	}
	t.model, err = skinattn.NewModel(t.Engine.Backend, t.trained, t.validated(), 0)
	return err
}

// caveat logs a warning, which environment.json keeps with the resumption.
func (t *trainer) caveat(warning string) {
	t.Watch.Log(warning)
	if t.Resumed != nil {
		t.Resumed.Notes = append(t.Resumed.Notes, strings.TrimPrefix(warning, "warning: "))
	}
}

// validated returns the weights that are validated and kept as the best: the moving
// average if there is one, otherwise the trained weights themselves.
func (t *trainer) validated() *model.Store {
	if t.average != nil {
		return t.average
	}
	return t.store
}

// reconcile brings folder and loaded checkpoint together, wherever the previous process
// was killed: it deletes best weights newer than the checkpoint, falls back to the best
// weights before if the newest are lost, and rewrites history.csv. Weights that do not
// fit config.json are an error.
func (t *trainer) reconcile() error {
	if err := t.net.CheckStore(t.store); err != nil {
		return fmt.Errorf("%s: the checkpoint does not fit the run's config.json: %w", t.Folder.Dir, err)
	}
	if then := t.state.Config; then != nil {
		if changed := run.Changed(*then, t.Config); len(changed) > 0 {
			return &run.EditedError{Dir: t.Folder.Dir, Fields: changed}
		}
	}
	if err := checkpoint.RemoveNewer(t.Folder, checkpoint.Best, t.state.position()); err != nil {
		return err
	}
	var best state
	err := checkpoint.Load(t.Folder, checkpoint.Best, nil, &best, t.caveat)
	if err != nil && !errors.Is(err, checkpoint.ErrNone) {
		return err
	}
	if best.BestEpoch != t.state.BestEpoch {
		t.caveat(fmt.Sprintf("warning: the best weights, of epoch %d, are lost; the best so far are now those of epoch %d", t.state.BestEpoch, best.BestEpoch))
		t.state.BestEpoch, t.state.BestAccuracy = best.BestEpoch, best.BestAccuracy
	}
	return t.Folder.WriteHistory(t.state.History)
}

// firstWeights fills the store of a new run.
func (t *trainer) firstWeights() error {
	if t.Weights != nil {
		if err := t.Weights(t.net, t.store); err != nil {
			return err
		}
	}
	if t.Config.Network.Metadata {
		mean, variance, count := ageStats(t.Train.Records)
		for name, value := range map[string]float64{"mean": mean, "variance": variance, "count": float64(count)} {
			v := layers.Variable{Layer: skinattn.NormalizationLayer, Name: name, Shape: layers.Shape{}}
			if err := layers.SetVariable(t.store, v, []float32{float32(value)}); err != nil {
				return err
			}
		}
	}
	return layers.Initialize(t.store, t.net.Graph.Variables(), t.Config.Seed)
}

// epoch trains one epoch, or the rest of an interrupted epoch, validates and saves.
func (t *trainer) epoch(ctx context.Context) error {
	number := t.state.Epoch + 1
	t.Watch.StartEpoch(number, t.Config.Regime.Epochs, t.sampler.images())
	if err := t.updates(ctx, number); err != nil {
		return err
	}
	start := time.Now()
	row, err := t.validate(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return t.interrupt()
		}
		return err
	}
	if !finite(row.ValLoss) {
		return t.diverged(number, t.state.Step, row.ValLoss, nil)
	}
	trained := t.state.Running
	row.Epoch, row.LearningRate = number, t.learningRate(t.state.Step-1)
	row.TrainLoss, row.TrainAccuracy = trained.loss(), trained.accuracy()
	row.Seconds = trained.Seconds + time.Since(start).Seconds()
	row.TrainImagesPerSecond = float64(trained.Images) / trained.Seconds
	row.InputWait = trained.Wait / trained.Seconds
	return t.finish(row)
}

// updates makes the optimizer steps of an epoch from where it stands. The last
// batch may be smaller, as in Keras.
func (t *trainer) updates(ctx context.Context, epoch int) error {
	feeding, stop := context.WithCancel(ctx)
	defer stop()
	done := &t.state.Running
	batches := t.feed(feeding, epoch, done.Images)
	last := time.Now()
	for batch := range batches {
		if batch.err != nil {
			return batch.err
		}
		wait := time.Since(last)
		loss, correct, err := t.stepper.Step(batch.Batch, t.position())
		if err != nil {
			return err
		}
		if !finite(loss) {
			return t.diverged(epoch, t.state.Step+1, loss, imageIDs(batch.indices, t.Train.Records))
		}
		n := len(batch.indices)
		t.state.Step++
		done.Images += n
		done.Loss += loss * float64(n)
		done.Correct += correct
		done.Wait += wait.Seconds()
		done.Seconds += time.Since(last).Seconds()
		last = time.Now()
		t.Watch.Step(done.Images, done.loss(), done.accuracy())
		if t.SaveEvery > 0 && time.Since(t.saved) >= t.SaveEvery {
			if err := t.save(checkpoint.Last); err != nil {
				return err
			}
		}
	}
	if ctx.Err() != nil {
		return t.interrupt()
	}
	return nil
}

// position of the next step.
func (t *trainer) position() Position {
	step := t.state.Step
	return Position{Epoch: t.state.Epoch + 1, Step: step + 1, Update: t.sampler.update(step) + 1,
		Rate: t.learningRate(step), Images: t.sampler.imagesOfUpdate(step)}
}

// learningRate of a step, from 0.
func (t *trainer) learningRate(step int) float64 {
	return scheduled(t.Config.Regime, t.state.LearningRate, t.sampler.update(step), t.sampler.updates())
}

// finish closes an epoch: best weights, schedule, stopping rule, checkpoint,
// history.
func (t *trainer) finish(row run.Epoch) error {
	s, reg := &t.state, t.Config.Regime
	s.Epoch = row.Epoch
	s.Running = partial{}
	s.History = append(s.History, row)
	better := s.BestEpoch == 0 || reg.Select == spec.SelectLast || row.ValAccuracy > s.BestAccuracy
	if better {
		s.BestEpoch, s.BestAccuracy = row.Epoch, row.ValAccuracy
	}
	s.LearningRate = s.Plateau.next(reg.Plateau, row.ValLoss, s.LearningRate)
	s.Finished = s.EarlyStop.stop(reg.EarlyStop, row.ValLoss, row.ValAccuracy)
	if better {
		if err := t.save(checkpoint.Best); err != nil {
			return err
		}
	}
	if err := t.save(checkpoint.Last); err != nil {
		return err
	}
	if err := t.Folder.WriteHistory(s.History); err != nil {
		return err
	}
	t.Watch.EndEpoch(row, better)
	return nil
}

// save writes a checkpoint of the state as it is.
func (t *trainer) save(kind string) error {
	store := t.store
	if kind == checkpoint.Best {
		store = t.validated()
	}
	err := checkpoint.Save(t.Folder, kind, t.state.position(), store, &t.state)
	t.saved = time.Now()
	return err
}

// interrupt saves the state as it is.
func (t *trainer) interrupt() error {
	if err := t.save(checkpoint.Last); err != nil {
		return fmt.Errorf("interrupted, and the state could not be saved: %w", err)
	}
	return ErrInterrupted
}

// DivergedError says that the loss of a run is no longer a number.
type DivergedError struct {
	Epoch, Step int      // from 1
	Loss        float64  // of the step, or of the validation after it
	Images      []string // of the step's batch; empty for the validation loss
	Checkpoint  string   // path of the last good one; empty if there is none
}

func (e *DivergedError) Error() string {
	what := fmt.Sprintf("the loss is %g in step %d on images %s", e.Loss, e.Step, strings.Join(e.Images, " "))
	if len(e.Images) == 0 {
		what = fmt.Sprintf("the validation loss is %g after epoch %d, step %d", e.Loss, e.Epoch, e.Step)
	}
	return fmt.Sprintf("training stopped: %s: the weights have diverged (last good checkpoint: %s)", what, cmp.Or(e.Checkpoint, "none"))
}

// diverged is the error of the given step.
func (t *trainer) diverged(epoch, step int, loss float64, images []string) error {
	return &DivergedError{Epoch: epoch, Step: step, Loss: loss, Images: images, Checkpoint: checkpoint.Newest(t.Folder, checkpoint.Last)}
}

// Saved is what the newest intact checkpoint tells about a run.
type Saved struct {
	Epoch   int         // epochs finished
	Within  bool        // the next one has begun
	Stopped bool        // the stopping rule has ended the training
	Config  *run.Config // that it was made with; nil in older runs
}

// ReadSaved reads the newest intact checkpoint to go on from, and changes nothing. Without one the
// error is a checkpoint.ErrNone.
func ReadSaved(f *run.Folder) (Saved, error) {
	var s state
	err := checkpoint.Load(f, checkpoint.Last, nil, &s, nil)
	return Saved{Epoch: s.Epoch, Within: s.Running.Images > 0, Stopped: s.Finished, Config: s.Config}, err
}
