package nb

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/skinattn/skinattn/internal/allocator"
	"github.com/skinattn/skinattn/models"
	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
	"github.com/skinattn/skinattn/pkg/skinattn/weights"
)

// Training at demo scale learns the synthetic lesions in seconds.
const (
	demoSize, demoEpochs     = 64, 10
	sharedSize, sharedEpochs = 128, 12 // of DemoRun, whose attention maps are then 4 x 4
)

// Engine starts the engine that $SKINATTN_ENGINE names, or the best there is. The
// cell's program then keeps large blocks of memory for XLA (internal/allocator), as
// the command does.
func Engine(ctx context.Context) *engine.Engine {
	allocator.Use()
	return Must(engine.Open(ctx, "", engine.Options{Log: Log}))
}

// TrainOptions are the options for training a network in a notebook: the Sample,
// split by lesion, with seed 1. At demo scale the regime is spec.Demo, with fewer epochs
// and small photos; at full scale it is spec.Default at the network's own size.
// A cell changes the options that its text is about and calls [Notebook.Train].
func (n *Notebook) TrainOptions(ctx context.Context, backbone string) pipeline.TrainOptions {
	regime := spec.Default
	if n.Scale == Demo {
		regime = spec.Demo
	}
	opts := pipeline.TrainOptions{Data: n.Sample(ctx), Protocol: split.Grouped, Seed: 1, Regime: Must(spec.For(regime, backbone)),
		Watch: NewTraining(), Progress: Progress("reading photos")}
	opts.Network = Must(skinattn.Resolve(backbone, opts.Regime))
	if n.Scale == Demo {
		opts.Network.Size, opts.Regime.Epochs = demoSize, demoEpochs
	}
	opts.Weights = Must(n.weights(backbone))
	return opts
}

// weights is the path of the backbone's ImageNet weights, which training starts
// from. At demo scale it is pipeline.RandomWeights for synthetic lesions, and if
// the file is missing.
func (n *Notebook) weights(backbone string) (string, error) {
	path, err := weights.Path(backbone)
	_, missing := os.Stat(path)
	if n.Scale == Demo && (n.Synthetic || err != nil || missing != nil) {
		return pipeline.RandomWeights, nil
	}
	return path, err
}

// Train trains a network into a run folder and returns the folder, whose name is
// name and a hash of the options. A finished run with the same options, from any
// notebook, is returned as it is, and an interrupted one is resumed.
func (n *Notebook) Train(ctx context.Context, name string, opts pipeline.TrainOptions) *run.Folder {
	opts.Dir = filepath.Join(n.RunDir, name+"-"+Must(runKey(opts)))
	Check(exclusive(ctx, opts.Dir, func() error {
		folder, err := run.Open(opts.Dir)
		if err == nil && folder.Has(run.MetricsFile) { // finished
			return nil
		}
		opts.Resume = err == nil
		err = pipeline.Train(ctx, Engine(ctx), opts)
		shown[opts.Dir] = true // by opts.Watch
		if errors.Is(err, training.ErrInterrupted) {
			return fmt.Errorf("%w; run the cell again to go on", err)
		}
		return err
	}))
	return Must(run.Open(opts.Dir))
}

// runKey is a hash of everything that determines the result of a run.
func runKey(opts pipeline.TrainOptions) (string, error) {
	cfg, err := opts.Config()
	if err != nil {
		return "", err
	}
	text, err := json.Marshal([]any{cfg, opts.Data.Dir, len(opts.Data.Records)})
	if err != nil {
		return "", fmt.Errorf("naming a run: %w", err)
	}
	return fmt.Sprintf("%.4x", sha256.Sum256(text)), nil
}

// shown holds the folders whose training this cell has already shown.
var shown = map[string]bool{}

// ShowTraining shows the table and the curves of a run, unless the same cell has
// just trained and thus shown it.
func ShowTraining(folder *run.Folder) {
	if shown[folder.Dir] {
		return
	}
	shown[folder.Dir] = true
	NewTraining().show(Must(folder.History()))
}

// DemoRun is a trained network that all notebooks share: MobileNetV2 with
// Soft-Attention and metadata, split by lesion. The first notebook that needs it
// trains it (a minute at demo scale).
func (n *Notebook) DemoRun(ctx context.Context) *run.Folder {
	opts := n.TrainOptions(ctx, "mobilenet_v2")
	if n.Scale == Demo {
		opts.Network.Size, opts.Regime.Epochs = sharedSize, sharedEpochs
	}
	return n.Train(ctx, "mobilenet_v2", opts)
}

// Runs lists the finished runs of the notebooks whose names match pattern, as in
// filepath.Match: "*" for all.
func (n *Notebook) Runs(pattern string) []*run.Folder { return findRuns(n.RunDir, pattern) }

// Results lists the committed runs on HAM10000 whose names match pattern: folders
// with predictions and history, without checkpoints.
func Results(pattern string) []*run.Folder {
	return findRuns(filepath.Join(Must(Repository()), "results"), pattern)
}

func findRuns(dir, pattern string) []*run.Folder {
	var folders []*run.Folder
	for _, path := range Must(filepath.Glob(filepath.Join(dir, pattern, run.MetricsFile))) {
		folders = append(folders, Must(run.Open(filepath.Dir(path))))
	}
	return folders
}

// Repository is the folder of this module, found from the current one.
func Repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("finding the repository: no go.mod here or above; start Jupyter with scripts/notebooks.sh lab")
		}
	}
}

// Released is the run folder of the released model, which is part of the program: it needs
// neither a training nor a connection.
func Released() *run.Folder { return Must(models.Released()) }

// Calibration is the calibration of a run, such as the released model's.
func Calibration(folder *run.Folder) *run.Calibration { return Must(folder.Calibration()) }

// Model is a run's network with its best weights, ready to predict; of nil, the released
// model's. Close it.
func Model(ctx context.Context, folder *run.Folder) *skinattn.Model {
	if folder == nil {
		folder = Released()
	}
	return Must(checkpoint.LoadModel(folder, Engine(ctx), Log))
}

// Records are the metadata of the photos in a part of a run's split, from the
// Sample.
func (n *Notebook) Records(ctx context.Context, folder *run.Folder, part split.Part) []ham10000.Record {
	return Must(Split(folder).Select(n.Sample(ctx).Records, part))
}

// Predictions reads the predictions of a run for a part.
func Predictions(folder *run.Folder, part split.Part) *eval.Table {
	return Must(folder.Predictions(part))
}

// Split reads the split of a run.
func Split(folder *run.Folder) *split.Split { return Must(folder.Split()) }

// Audit counts the images outside the training part whose lesion is in training, too.
func Audit(parts *split.Split) *eval.LeakAudit {
	return Must(eval.AuditLeakage(parts.Images(), string(split.Train)))
}
