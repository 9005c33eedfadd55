package cli

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/regime"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
)

type trainCommand struct {
	Backbone string `help:"Network: ${enum}." enum:",${backbones}" default:"" placeholder:"NAME"`
	Protocol string `help:"How to split the data: ${enum} (default: grouped)." enum:",${protocols}" default:"" placeholder:"NAME"`
	Split    string `help:"Take this split instead of drawing one." placeholder:"FILE"`
	Dir      string `name:"run" help:"Run folder to make." required:"" placeholder:"DIR"`
	Resume   bool   `help:"Go on with the run in the folder."`
	Size     *int   `help:"Image width and height in pixels (default: the network's own)." placeholder:"PX"`
	Weights  string `help:"Keras applications file to start from, 'imagenet' (as fetched; the default) or 'random'." placeholder:"FILE"`
	Cut      string `help:"Layer at which the backbone ends (default: where the authors cut it)." placeholder:"LAYER"`
	// Every checkpoint is synced to disk: a tenth of a second for a small network.
	SaveEvery time.Duration `help:"Save the state this often within an epoch; 0s: only at its end (default: ${default})." default:"10m" placeholder:"TIME"`
	regimeFlags
}

// Help is the command's long help.
func (trainCommand) Help() string {
	return `Examples:
  skinattn train --backbone mobilenet_v2 --protocol grouped --size 128 --run runs/mnv2
  skinattn train --backbone mobilenet_v2 --protocol grouped --size 128 --run runs/mnv2 --resume
  skinattn train --backbone mobilenet_v2 --run runs/noatt --no-soft-attention --weights random

Ctrl-C saves the state and exits with 130; --resume goes on to the same weights as an uninterrupted run.
After a crash or a power failure --resume goes on from the newest checkpoint that is intact.`
}

// regimeFlags choose a regime and change fields of it.
type regimeFlags struct {
	Regime            string    `help:"How to train: ${enum} (default: ${regime})." default:"" enum:",${regimes}" placeholder:"NAME" group:"regime"`
	Epochs            *int      `help:"At most this many epochs." placeholder:"N" group:"regime"`
	Batch             *int      `help:"Images a step." placeholder:"N" group:"regime"`
	LearningRate      *float64  `help:"Adam's first learning rate." placeholder:"X" group:"regime"`
	Epsilon           *float64  `help:"Adam's epsilon, in Keras's form." placeholder:"X" group:"regime"`
	Beta1             *float64  `name:"beta1" help:"Adam's decay of the first moment." placeholder:"X" group:"regime"`
	Beta2             *float64  `name:"beta2" help:"Adam's decay of the second moment." placeholder:"X" group:"regime"`
	PlateauFactor     *float64  `help:"Multiply the rate by this on a plateau of the validation loss; 0: never." placeholder:"X" group:"regime"`
	PlateauPatience   *int      `help:"Epochs without progress that make a plateau." placeholder:"N" group:"regime"`
	PlateauMinDelta   *float64  `help:"Progress that counts." placeholder:"X" group:"regime"`
	MinLearningRate   *float64  `help:"Where the plateau rule ends." placeholder:"X" group:"regime"`
	StopPatience      *int      `help:"Stop after this many epochs without progress of the validation loss; 0: never." placeholder:"N" group:"regime"`
	StopMinDelta      *float64  `help:"Progress that counts for stopping." placeholder:"X" group:"regime"`
	ClassWeights      []float64 `help:"Seven weights of the loss, in class order." placeholder:"X,..." group:"regime"`
	MissingAge        *string   `help:"Images without an age: drop (in training and validation) or impute." placeholder:"WORD" group:"regime"`
	Dropout           *float64  `help:"Rate after the Soft-Attention block." placeholder:"X" group:"regime"`
	BatchNormMomentum *float64  `help:"Decay of the moving averages, in place of the network's own." placeholder:"X" group:"regime"`
	SoftAttention     *bool     `help:"Use the Soft-Attention block." negatable:"" group:"regime"`
	Metadata          *bool     `help:"Use age, sex and localization." negatable:"" group:"regime"`
}

// regime is the named one, or base if none is named, with the changes.
func (f regimeFlags) regime(base regime.Regime) (regime.Regime, error) {
	r := base
	if f.Regime != "" {
		var err error
		if r, err = regime.Find(f.Regime); err != nil {
			return r, usageError{err}
		}
	}
	set(&r.Epochs, f.Epochs)
	set(&r.Batch, f.Batch)
	set(&r.LearningRate, f.LearningRate)
	set(&r.Epsilon, f.Epsilon)
	set(&r.Beta1, f.Beta1)
	set(&r.Beta2, f.Beta2)
	set(&r.Plateau.Factor, f.PlateauFactor)
	set(&r.Plateau.Patience, f.PlateauPatience)
	set(&r.Plateau.MinDelta, f.PlateauMinDelta)
	set(&r.Plateau.LearningRate, f.MinLearningRate)
	set(&r.EarlyStop.Patience, f.StopPatience)
	set(&r.EarlyStop.MinDelta, f.StopMinDelta)
	set(&r.MissingAge, f.MissingAge)
	set(&r.Dropout, f.Dropout)
	set(&r.BatchNormMomentum, f.BatchNormMomentum)
	set(&r.SoftAttention, f.SoftAttention)
	set(&r.Metadata, f.Metadata)
	if f.ClassWeights != nil {
		r.ClassWeights = f.ClassWeights
	}
	return r, nil
}

// set changes field if a flag was given.
func set[T any](field *T, flag *T) {
	if flag != nil {
		*field = *flag
	}
}

// Run trains.
func (c *trainCommand) Run(s *session) error {
	opts, err := c.options(s)
	if err != nil {
		return err
	}
	if opts.Data, err = s.openData(); err != nil {
		return err
	}
	eng, err := s.openEngine()
	if err != nil {
		return err
	}
	s.log(fmt.Sprintf("engine: %s", eng))
	opts.Watch, opts.Progress = newTrainingBar(s), s.progress("decoding images")
	err = pipeline.Train(s.ctx, eng, opts)
	if errors.Is(err, training.ErrInterrupted) {
		return fmt.Errorf("%w; go on with --resume", err)
	}
	if err != nil {
		return err
	}
	return (&evaluateCommand{Inputs: []string{c.Dir}, Part: "test", Resamples: eval.DefaultOptions().Resamples, Unit: "lesion"}).Run(s)
}

// options are what the flags say; with --resume, what they leave out is the
// run's own.
func (c *trainCommand) options(s *session) (opts pipeline.TrainOptions, err error) {
	base, err := regime.Find(regime.Default)
	if err != nil {
		return opts, err
	}
	opts = pipeline.TrainOptions{
		Backbone: c.Backbone, Protocol: c.Protocol, Seed: s.seed(),
		Cut: c.Cut, Weights: c.Weights, Dir: c.Dir, Resume: c.Resume, SaveEvery: c.SaveEvery,
	}
	if c.Size != nil {
		if opts.Size = *c.Size; opts.Size < 1 || opts.Size > maxSize {
			return opts, usagef("--size is %d; it must be in 1 to %d pixels", opts.Size, maxSize)
		}
	}
	if c.Dir == "" {
		return opts, usagef("--run is empty; it must name a folder")
	}
	if c.SaveEvery < 0 {
		return opts, usagef("--save-every is %s; it must not be negative", c.SaveEvery)
	}
	if c.Resume {
		folder, err := run.Open(c.Dir)
		if err != nil {
			return opts, fmt.Errorf("nothing to resume: %w", err)
		}
		cfg, err := folder.Config()
		if err != nil {
			return opts, err
		}
		if cfg.Regime == nil {
			return opts, fmt.Errorf("%s was imported, not trained: there is nothing to resume", c.Dir)
		}
		base = *cfg.Regime
		opts.Backbone = cmp.Or(opts.Backbone, cfg.Network.Backbone)
		opts.Size = cmp.Or(opts.Size, cfg.Network.Size)
		opts.Cut = cmp.Or(opts.Cut, cfg.Network.Cut)
		if s.Seed == nil {
			opts.Seed = cfg.Seed
		}
	} else {
		if c.Backbone == "" {
			return opts, usagef("--backbone is missing; choose one of %s", strings.Join(backbone.Names(), ", "))
		}
		opts.Protocol = cmp.Or(opts.Protocol, split.Grouped)
		opts.Weights = cmp.Or(opts.Weights, imagenet)
	}
	if opts.Weights == imagenet {
		if opts.Weights, err = pipeline.WeightsPath(opts.Backbone); err != nil {
			return opts, err
		}
	}
	if c.Split != "" {
		if c.Resume {
			return opts, usagef("--split can't be changed with --resume; leave it out")
		}
		if opts.Split, err = split.ReadFile(c.Split); err != nil {
			return opts, err
		}
	}
	if opts.Regime, err = c.regime(base); err != nil {
		return opts, err
	}
	if err := opts.Regime.Check(ham10000.NumClasses); err != nil {
		return opts, usageError{err}
	}
	return opts, nil
}

// maxSize is above any dermatoscope's picture and below what a mistyped number
// would take in memory.
const maxSize = 4096

// imagenet, as a value of --weights, stands for the fetched file.
const imagenet = "imagenet"

// grammarVars are the words that the grammar above refers to.
func grammarVars() map[string]string {
	return map[string]string{
		"backbones": strings.Join(backbone.Names(), ","),
		"protocols": strings.Join(split.Protocols, ","),
		"regimes":   strings.Join(regime.Names(), ","),
		"regime":    regime.Default,
	}
}
