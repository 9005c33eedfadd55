package cli

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/explain"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/sweep"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
	"github.com/skinattn/skinattn/pkg/skinattn/weights"
)

type trainCommand struct {
	Backbone *string `help:"Network: ${backbones}." enum:"${backbones}" placeholder:"NAME"`
	Protocol *string `help:"How to split the data: ${protocols} (default: grouped)." enum:"${protocols}" placeholder:"NAME"`
	Share    float64 `name:"test-share" help:"Protocol ${test_share}: share of the images to hold out (default: .1)." placeholder:"X"`
	Arm      string  `help:"Protocol ${arm}: which of the two arms, ${arms}." placeholder:"NAME"`
	Folds    int     `help:"Protocol ${folds}: number of folds." placeholder:"K"`
	Fold     *int    `help:"Protocol ${folds} with --folds: which fold is the test part, from 0." placeholder:"I"`
	AsRun    bool    `help:"Protocol ${as_run}: no validation part, the test selects, as the authors of [14] did."`
	Split    string  `help:"Take this split instead of drawing one." placeholder:"FILE"`
	TestData string  `help:"Protocol ${official_test}: folder with the official test, its photos and the table of their truth, which is then reported (default: the validation part is)." placeholder:"DIR"`
	Dir      string  `name:"run" help:"Run folder to make." placeholder:"DIR"`
	Resume   bool    `help:"Go on with the run in the folder; with --epochs N, to another number of epochs than before."`
	Again    string  `help:"Train this run again, by its config.json and split.csv, and say whether the predictions are the same. Flags change what they name; a seed or a protocol asks for a new split." placeholder:"RUN"`
	Size     *int    `help:"Image width and height in pixels (default: the network's own)." placeholder:"PX"`
	Weights  string  `help:"Keras applications file to start from, 'imagenet' (as fetched; the default) or 'random'." placeholder:"FILE"`
	Cut      string  `help:"Layer at which the backbone ends (default: where the authors cut it)." placeholder:"LAYER"`
	Board    bool    `name:"tensorboard" help:"Leave files for TensorBoard in the run folder, too."`
	Features bool    `name:"feature-cache" help:"With --freeze backbone and no augmentation: compute the backbone's features once and keep them."`
	FindRate bool    `name:"find-lr" help:"Do a learning rate range test instead of training: --run gets its table and figure, and is no run folder."`
	Devices  int     `help:"Devices of the engine, such as GPUs, that share each batch; the updates are those of one (default: ${default})." default:"1" placeholder:"N"`
	Fast     bool    `name:"fast-dev-run" help:"Go the whole way with a few batches of every part, to see that all works."`
	Show     bool    `name:"show-config" help:"Print the whole configuration as JSON and train nothing; needs no data."`
	// Every checkpoint is synced to disk: a tenth of a second for a small network.
	SaveEvery time.Duration `help:"Save the state this often within an epoch; 0s: only at its end (default: ${default})." default:"10m" placeholder:"TIME"`
	regimeFlags
}

// Run trains.
func (c *trainCommand) Run(s *session) error {
	outliveReader()
	if c.Dir == "" && (c.Resume || !c.Show) {
		return usagef("--run is empty; name the folder to train in")
	}
	opts, err := c.options(s)
	if err != nil {
		return c.blame(err)
	}
	if c.Show {
		cfg, err := opts.Config()
		if err != nil {
			return err
		}
		return s.answer(cfg)
	}
	if opts.Data, err = s.openData(); err != nil {
		return err
	}
	if c.TestData != "" {
		if opts.TestSet, err = ham10000.OpenTestSet(c.TestData, ""); err != nil {
			return err
		}
	}
	eng, err := s.openEngineWith(engine.Options{Devices: c.Devices})
	if err != nil {
		return err
	}
	s.log(fmt.Sprintf("engine: %s", eng))
	if eng.Kind == engine.CPU && eng.Devices > 1 {
		s.log("note: the CPU's devices are virtual: they share the cores, and nothing is gained")
	}
	opts.Watch, opts.Progress = newTrainingBar(s), s.progress("decoding images")
	if c.FindRate {
		return c.findRate(s, eng, opts)
	}
	err = c.blame(pipeline.Train(s.ctx, eng, opts))
	if err == nil && c.Again != "" {
		err = sayWhetherSame(s, c.Again, c.Dir)
	}
	if errors.Is(err, pipeline.ErrNoTestSet) {
		return usagef("--test-data: %w", err)
	}
	if errors.Is(err, training.ErrInterrupted) {
		return fmt.Errorf("%w; go on with --resume", err)
	}
	if err != nil {
		return err
	}
	return (&evaluateCommand{Inputs: []string{c.Dir}, Part: "test", Resamples: eval.DefaultOptions().Resamples, Unit: "lesion"}).Run(s)
}

// findRate does a range test and prints its result.
func (c *trainCommand) findRate(s *session, eng *engine.Engine, opts pipeline.TrainOptions) error {
	if c.Resume {
		return usagef("--find-lr starts from the first weights; leave --resume out")
	}
	found, err := pipeline.FindRate(s.ctx, eng, opts, s.progress("raising the learning rate"))
	if err != nil {
		return err
	}
	if s.JSON {
		return s.answer(found)
	}
	_, err = fmt.Fprintf(s.stdout, "steepest fall of the loss at learning rate %.2g, lowest loss at %.2g: try %.1g (%s)\n",
		found.Steepest, found.Lowest, found.Suggestion, found.Figure)
	return err
}

// blame returns what is to blame for an error: a config.json of the run to resume that was
// edited, before what the flags or its values then make impossible.
func (c *trainCommand) blame(err error) error {
	if err == nil || !c.Resume {
		return err
	}
	_, told := errors.AsType[*run.EditedError](err)
	if _, mismatch := errors.AsType[*run.ConfigMismatchError](err); told || mismatch || errors.Is(err, training.ErrInterrupted) {
		return err
	}
	folder, failed := run.Open(c.Dir)
	if failed != nil {
		return err
	}
	if _, edited := folder.CheckFingerprint(); edited != nil {
		return edited
	}
	return err
}

// options are the options from the flags and, with --resume, from the run where the
// flags leave them out.
func (c *trainCommand) options(s *session) (opts pipeline.TrainOptions, err error) {
	opts = pipeline.TrainOptions{
		Protocol: word(c.Protocol), TestShare: c.Share, Arm: c.Arm, Folds: c.Folds, Fold: c.fold(), AsRun: c.AsRun, Seed: s.seed(),
		Weights: c.Weights, Dir: c.Dir, Resume: c.Resume, ChangeEpochs: c.has("epochs"), SaveEvery: c.SaveEvery,
		FeatureCache: c.Features, FastDevRun: c.Fast, TensorBoard: c.Board,
	}
	if c.Size != nil && (*c.Size < 1 || *c.Size > maxSize) {
		return opts, usagef("--size is %d; it must be in 1 to %d pixels", *c.Size, maxSize)
	}
	if c.SaveEvery < 0 {
		return opts, usagef("--save-every is %s; it must not be negative", c.SaveEvery)
	}
	if c.Devices < 1 {
		return opts, usagef("--devices is %d; it must be at least 1", c.Devices)
	}
	switch {
	case c.Resume && c.Again != "":
		err = usagef("--again begins a new run, --resume goes on with one; leave one of them out")
	case c.Resume:
		err = c.resumed(s, &opts)
	case c.Again != "":
		err = c.again(s, &opts)
	default:
		err = c.begun(&opts)
	}
	if err != nil {
		return opts, err
	}
	if opts.Weights == pipeline.ImageNetWeights {
		if opts.Weights, err = weights.Path(opts.Network.Backbone); err != nil {
			return opts, err
		}
	}
	if c.Split != "" {
		if c.Resume {
			return opts, usagef("--split can't be changed with --resume; leave it out")
		}
		if c.drawn() != (split.Options{}) {
			return opts, usagef("--split names a split that is drawn already; leave it out, or the flags that draw one")
		}
		if opts.Split, err = split.ReadFile(c.Split); err != nil {
			return opts, err
		}
	}
	if err := training.CheckDevices(&opts.Regime, c.Devices); err != nil {
		return opts, usagef("--devices: %w; choose another --batch or --devices", err)
	}
	return opts, nil
}

// drawn are the options of a split that is to be drawn, without the seed.
func (c *trainCommand) drawn() split.Options {
	return split.Options{Folds: c.Folds, Fold: c.fold(), AsRun: c.AsRun, TestShare: c.Share, Arm: c.Arm}
}

// fold is the flag's value, 0 if it was not given.
func (c *trainCommand) fold() int {
	if c.Fold == nil {
		return 0
	}
	return *c.Fold
}

// size is the flag's value, 0 if it was not given.
func (c *trainCommand) size() int {
	if c.Size == nil {
		return 0
	}
	return *c.Size
}

// begun fills in the regime of a new run and its network.
func (c *trainCommand) begun(opts *pipeline.TrainOptions) error {
	if c.Backbone == nil {
		return usagef("--backbone is missing; choose one of %s", strings.Join(backbone.Names(), ", "))
	}
	begin := pipeline.Begin{
		Backbone: *c.Backbone, Regime: word(c.Regime), Protocol: opts.Protocol, Split: c.drawn(), Size: c.size(), Cut: c.Cut, Weights: c.Weights,
		FeatureCache: c.Features, FastDevRun: c.Fast, Changes: c.changes(),
	}
	begin.Split.Seed = opts.Seed
	made, err := begin.Options()
	if err != nil {
		return optionUsage(err)
	}
	opts.Regime, opts.Network, opts.Protocol, opts.Weights = made.Regime, made.Network, made.Protocol, made.Weights
	return nil
}

// resumed fills in the options of the run to resume.
func (c *trainCommand) resumed(s *session, opts *pipeline.TrainOptions) error {
	_, _, err := c.stored(s, c.Dir, "resume", opts)
	return err
}

// stored reads the run in dir and fills in its options. A backbone or a regime that is
// given takes the place of the run's. verb says in errors what is wanted of the run.
func (c *trainCommand) stored(s *session, dir, verb string, opts *pipeline.TrainOptions) (folder *run.Folder, cfg run.Config, err error) {
	if folder, err = run.Open(dir); err != nil {
		return nil, cfg, fmt.Errorf("nothing to %s: %w", verb, err)
	}
	if cfg, err = folder.Config(); err != nil {
		return nil, cfg, err
	}
	if cfg.Regime == nil {
		return nil, cfg, fmt.Errorf("%s was imported, not trained: there is nothing to %s", dir, verb)
	}
	opts.FastDevRun, opts.FeatureCache = cfg.FastDevRun, cfg.FeatureCache
	if s.Seed == nil {
		opts.Seed = cfg.Seed
	}
	opts.Network, opts.Regime = cfg.Network, *cfg.Regime
	if c.Backbone != nil || c.Regime != nil {
		var named spec.Regime
		named, opts.Network, err = pipeline.Named(cmp.Or(word(c.Backbone), cfg.Network.Backbone), cmp.Or(word(c.Regime), cfg.Regime.Name), c.changes())
		if err != nil {
			return nil, cfg, optionUsage(err)
		}
		if c.Regime != nil {
			opts.Regime = named
		}
		opts.Network.Size, opts.Network.Cut = cfg.Network.Size, cfg.Network.Cut
	}
	if err := opts.Change(c.size(), c.Cut, c.changes()); err != nil {
		return nil, cfg, optionUsage(err)
	}
	return folder, cfg, nil
}

// maxSize is above any dermatoscope's picture, and keeps a mistyped number from taking
// all memory.
const maxSize = 4096

// grammarVars are the lists and defaults in the help texts and choices.
func grammarVars() map[string]string {
	return map[string]string{
		"backbones":      strings.Join(backbone.Names(), ","),
		"protocols":      strings.Join(split.Names(), ","),
		"folds":          strings.Join(split.NamesTaking(split.OptionFolds), ", "),
		"as_run":         strings.Join(split.NamesTaking(split.OptionAsRun), ", "),
		"test_share":     strings.Join(split.NamesTaking(split.OptionTestShare), ", "),
		"arm":            strings.Join(split.NamesTaking(split.OptionArm), ", "),
		"arms":           strings.Join(split.Arms, " or "),
		"official_test":  strings.Join(split.WithOfficialTest(), ", "),
		"regimes":        strings.Join(spec.Names(), ","),
		"regime":         spec.Default,
		"devices":        strings.Join(sweep.DeviceNames(), ", "),
		"sweep_examples": strings.Join(sweep.Examples(), ","),
		"methods":        strings.Join(explain.MethodNames(), ", "),
	}
}
