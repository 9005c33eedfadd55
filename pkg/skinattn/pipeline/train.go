package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
	"github.com/skinattn/skinattn/pkg/skinattn/weights"
)

// RandomWeights, in place of a weights file, starts from the seed alone.
const RandomWeights = "random"

// TrainOptions are the options of Train: network, regime, data and run folder.
type TrainOptions struct {
	Data    *ham10000.Dataset
	Network spec.Network // for a backbone and Regime, skinattn.Resolve gives it
	Regime  spec.Regime  // its Network is ignored
	// Split is the division of the data; nil draws Protocol with Seed and, where they
	// are set, TestShare, Arm, Folds, Fold and AsRun; see split.Options.
	Split       *split.Split
	Protocol    string
	TestShare   float64
	Arm         string
	Folds, Fold int
	AsRun       bool
	Seed        uint64
	// TestSet has the reported photos of a protocol whose test is official; nil: the
	// validation part is reported.
	TestSet *ham10000.TestSet
	// Weights is a Keras applications file for the backbone, or RandomWeights.
	Weights string
	Dir     string // the run folder
	// Resume goes on with the run in Dir, and leaves a finished one as it is. All other
	// options must be as they were; Protocol and Weights may be empty.
	Resume bool
	// ChangeEpochs allows Regime more epochs than the run has, or fewer. Where that leads to
	// the run that began with as many, its configuration is changed; elsewhere it is an
	// *EpochsError.
	ChangeEpochs bool
	// FeatureCache computes the features of a frozen backbone once, and keeps
	// them in the user's cache folder.
	FeatureCache bool
	FastDevRun   bool          // goes the whole way with a few batches of every part
	TensorBoard  bool          // leaves event files in the run folder, too
	SaveEvery    time.Duration // time between checkpoints within an epoch; 0: only at its end
	Watch        training.Watcher
	Progress     func(done, total int) // is called while images are decoded for the first time
}

// WeightsError says that the first weights of a run can't be read.
type WeightsError struct {
	Backbone string
	// SHA256 is set for a run that is resumed before its first checkpoint: the checksum
	// of its file of first weights.
	SHA256 string
	Err    error
}

func (e *WeightsError) Error() string {
	if e.SHA256 != "" {
		return fmt.Sprintf("the run has no checkpoint yet and started from a file with SHA-256 %s: %v", e.SHA256, e.Err)
	}
	b, err := backbone.Find(e.Backbone)
	if err != nil {
		return e.Err.Error()
	}
	return fmt.Sprintf("reading the ImageNet weights of %s: %v", b.Title, e.Err)
}

// Unwrap returns the cause.
func (e *WeightsError) Unwrap() error { return e.Err }

// Train trains a network and leaves a complete run folder: configuration,
// environment, split, history, checkpoints, predictions and metrics. It works in
// this order, so that mistakes are found before time is spent and before anything
// is written:
//
//  1. the settings are checked against each other, and the first weights of a new
//     run against the network;
//  2. the run folder is made, or opened to resume, and locked;
//  3. the data are split, or the run's split is read; the configuration of a
//     resumed run is compared with its fingerprint (*run.EditedError) and with the
//     options and the data (*run.ConfigMismatchError);
//  4. the photos are decoded, and their checksum compared with the run's;
//  5. a new run writes split, environment and, last, configuration;
//  6. training, then predictions and metrics.
func Train(ctx context.Context, eng *engine.Engine, opts TrainOptions) (err error) {
	cfg, net, first, err := opts.prepare()
	if err != nil {
		return err
	}
	if err := training.CheckEngine(cfg.Regime, eng); err != nil { // before the folder is made
		return err
	}
	folder, err := run.CreateContext(ctx, opts.Dir, opts.Resume, opts.log)
	if err != nil {
		return err
	}
	ctx, free := folder.Context(ctx)
	defer func() {
		if lost := folder.Writable(); err != nil && lost != nil {
			err = lost // whatever came of it
		}
		free()
		err = errors.Join(err, folder.Close())
	}()

	parts, err := opts.parts(folder)
	if err != nil {
		return err
	}
	if opts.TestSet != nil {
		if err := opts.checkTestSet(parts); err != nil {
			return err
		}
	}
	cfg.Data.Protocol, cfg.Data.TestShare, cfg.Data.Arm = parts.Protocol, parts.TestShare, parts.Arm
	cfg.Data.SplitSHA256 = parts.Summary().SHA256
	data := opts.photos(parts)
	cfg.Data.MetadataSHA256 = data.MetadataHash()
	if cfg.Network.Metadata {
		cfg.Data.CoarseSites = ham10000.DescribeCoarseSites(data.CoarseSites())
	}
	var before resumed
	if opts.Resume {
		if before, err = opts.compare(folder, &cfg); err != nil {
			return err
		}
		if before.finished && opts.TestSet == nil { // a test set can be reported afterwards
			opts.log("the run is finished: its files stay as they are")
			return nil
		}
	}
	cache, err := opts.openImages(ctx, data, cfg)
	if err != nil {
		return err
	}
	defer cache.Close()
	cfg.Data.ImagesSHA256 = cache.ContentHash()
	trainer, err := opts.newRun(eng, folder, cfg, parts, cache)
	if err != nil {
		return err
	}

	if opts.Resume {
		trainer.Resumed = opts.resumption(folder, eng)
		if err = folder.RequireConfig(cfg); err == nil && before.epochs > 0 {
			err = before.change(folder, &cfg)
		}
	} else if cfg.Data.SourceSize, err = data.SourceSize(ctx); err == nil {
		cfg = cfg.Sealed()
		err = begin(folder, cfg, parts, eng)
	}
	if err != nil {
		return err
	}
	trainer.Config, trainer.Network = cfg, net
	trainer.Weights = func(net *skinattn.Network, store *model.Store) error {
		if first != nil {
			return first.Load(store)
		}
		return opts.weightsAgain(cfg, net, store)
	}
	if opts.TensorBoard {
		board, err := training.NewBoard(folder.Path(run.TensorBoardDir), opts.log)
		if err != nil {
			return err
		}
		defer board.Close()
		watchers := training.Watchers{board}
		if opts.Watch != nil {
			watchers = append(watchers, opts.Watch)
		}
		trainer.Watch = watchers
	}
	if err := training.Train(ctx, trainer); err != nil {
		return err
	}
	err = Predict(ctx, eng, folder, data, cache, opts.TestSet, opts.log)
	if err != nil && ctx.Err() != nil {
		return training.ErrInterrupted // nothing but the predictions is to be done again
	}
	return err
}

// ErrNoTestSet says that a test set is given to a split that has its test photos already.
var ErrNoTestSet = errors.New("only a protocol with an official test takes a test set")

// checkTestSet returns an error unless the photos of the test set can be reported.
func (o TrainOptions) checkTestSet(parts *split.Split) error {
	if protocol, err := split.Find(parts.Protocol); err != nil || !protocol.OfficialTest {
		return fmt.Errorf("the split has the protocol %q: %w", parts.Protocol, ErrNoTestSet)
	}
	if !o.TestSet.HasTruth() {
		return fmt.Errorf("no table of the truth lists the photos of %s", o.TestSet.Dir)
	}
	for _, image := range parts.Images() {
		if _, also := o.TestSet.ImagePath(image.ImageID); also {
			return fmt.Errorf("photo %s of the test set %s is in the split, too", image.ImageID, o.TestSet.Dir)
		}
	}
	return nil
}

// prepare is the configuration of a run, its network and, for a new run from a file,
// its first weights.
func (o TrainOptions) prepare() (cfg run.Config, net *skinattn.Network, first *weights.Match, err error) {
	cfg, net, err = o.config(skinattn.NewNetwork)
	if err == nil && !o.Resume && cfg.Init != RandomWeights {
		first, cfg.InitSHA256, err = o.match(net)
	}
	return cfg, net, first, err
}

// begin writes the files of a run before its first step. The configuration comes
// last, as a folder with it can be resumed.
func begin(folder *run.Folder, cfg run.Config, parts *split.Split, eng *engine.Engine) error {
	if err := folder.WriteSplit(parts); err != nil {
		return err
	}
	if err := folder.WriteEnvironment(environment(eng)); err != nil {
		return err
	}
	return folder.WriteConfig(cfg)
}

// environment describes the machine with an engine.
func environment(eng *engine.Engine) run.Environment {
	env := run.CurrentEnvironment(eng.Kind, eng.Wheel)
	env.Kernels = engine.KernelsName(eng.Backend)
	if eng.Devices > 1 {
		env.Devices = eng.Devices
	}
	return env
}

// resumption describes the engine that a run goes on with. It logs and notes another
// engine, plug-in or architecture than the run began with, which changes the last digits.
func (o TrainOptions) resumption(folder *run.Folder, eng *engine.Engine) *run.Resumption {
	r := &run.Resumption{Environment: environment(eng)}
	note := ""
	began, err := folder.Environment()
	switch then, now := began.Computes(), r.Environment.Computes(); {
	case err != nil: // environment.json tells from now on
		o.log(fmt.Sprintf("warning: it can't be told which engine the run began with: %v", err))
	case began.Engine == "":
		note = "it can't be told which engine the run began with"
	case then != now:
		note = fmt.Sprintf("the run began with %s and goes on with %s: its weights will not be, byte for byte, those of an uninterrupted run", then, now)
	case began.Predicts() != r.Environment.Predicts():
		note = fmt.Sprintf("the run began with predictions by %s and goes on with %s: the last digits of validation and of cached features differ", began.Predicts(), r.Environment.Predicts())
	}
	if note != "" {
		o.log("warning: " + note)
		r.Notes = append(r.Notes, note)
	}
	return r
}

// match reads the file of first weights, pairs it with the network, and returns the
// SHA-256 of the file.
func (o TrainOptions) match(net *skinattn.Network) (*weights.Match, string, error) {
	sum, err := weights.SHA256(o.Weights)
	if err == nil {
		err = weights.CheckInstalled(o.Network.Backbone, o.Weights, sum)
	}
	if err != nil {
		return nil, "", &WeightsError{Backbone: o.Network.Backbone, Err: err}
	}
	file, err := keras.ReadFile(o.Weights)
	if err != nil {
		return nil, "", err
	}
	match, err := weights.MatchBackbone(net, file)
	if err == nil {
		err = match.Err()
	}
	return match, sum, err
}

// weightsAgain fills store with the first weights of a run that is resumed before
// its first checkpoint, from the same file.
func (o TrainOptions) weightsAgain(cfg run.Config, net *skinattn.Network, store *model.Store) error {
	if cfg.Init == RandomWeights {
		return nil
	}
	if o.Weights == "" {
		var err error
		if o.Weights, err = weights.Path(cfg.Network.Backbone); err != nil {
			return err
		}
	}
	match, sum, err := o.match(net)
	if err == nil && sum != cfg.InitSHA256 {
		err = fmt.Errorf("%s has SHA-256 %s", o.Weights, sum)
	}
	if err != nil {
		return &WeightsError{Backbone: cfg.Network.Backbone, SHA256: cfg.InitSHA256, Err: err}
	}
	return match.Load(store)
}

// parts is the division of the data: the run's own if it is resumed, the given
// split, or a new one.
func (o TrainOptions) parts(folder *run.Folder) (*split.Split, error) {
	if o.Resume {
		parts, err := folder.Split()
		if err != nil {
			return nil, err
		}
		return parts, o.sameFold(folder, parts)
	}
	parts := o.Split
	if parts == nil {
		var err error
		opts := split.Options{Seed: o.Seed, TestShare: o.TestShare, Arm: o.Arm, Folds: o.Folds, Fold: o.Fold, AsRun: o.AsRun}
		if parts, err = split.New(o.Protocol, o.Data.Records, opts); err != nil {
			return nil, err
		}
	}
	if o.FastDevRun {
		parts = thinned(parts, o.Regime.Batch)
	}
	return parts, nil
}

// sameFold returns a *run.ConfigMismatchError unless the run's split is the fold that the
// options ask for, if they do: config.json, which is compared later, does not have it.
func (o TrainOptions) sameFold(folder *run.Folder, parts *split.Split) error {
	var fields []run.FieldDifference
	compare := func(path string, have, want any) {
		if have != want {
			fields = append(fields, run.FieldDifference{Path: path, Have: fmt.Sprint(have), Want: fmt.Sprint(want)})
		}
	}
	if o.Folds != 0 {
		compare("split.folds", parts.Folds, o.Folds)
		compare("split.fold", parts.Fold, o.Fold)
	}
	if o.AsRun {
		compare("split.as_run", parts.AsRun, true)
	}
	if len(fields) > 0 {
		return &run.ConfigMismatchError{Dir: folder.Dir, Fields: fields}
	}
	return nil
}

// photos is the data set, for FastDevRun without the photos outside the split.
func (o TrainOptions) photos(parts *split.Split) *ham10000.Dataset {
	if !o.FastDevRun {
		return o.Data
	}
	return parts.Photos(o.Data)
}

// openImages decodes the photos of data for the network of cfg, or opens their cache.
func (o TrainOptions) openImages(ctx context.Context, data *ham10000.Dataset, cfg run.Config) (*imaging.Cache, error) {
	return data.OpenImages(ctx, cfg.Network.PhotoSize(), imaging.CacheOptions{Resize: cfg.Network.Resize, Progress: o.Progress, Log: o.log})
}

// comparable fills in, from the run's configuration, the values that the options
// leave open, and the checksum of the images, which is not known yet. The size of the
// photos follows from the checksum, and older runs lack it and the checksum of the metadata.
func (o TrainOptions) comparable(have run.Config, cfg *run.Config) (err error) {
	if have.Data.MetadataSHA256 == "" {
		cfg.Data.MetadataSHA256 = ""
	}
	if o.Protocol != "" {
		cfg.Data.Protocol = o.Protocol
	}
	switch {
	case o.Weights == "":
		cfg.Init, cfg.InitSHA256 = have.Init, have.InitSHA256
	case cfg.Init == have.Init && cfg.Init != RandomWeights:
		if cfg.InitSHA256, err = weights.SHA256(o.Weights); err != nil {
			return &WeightsError{Backbone: o.Network.Backbone, Err: err}
		}
	}
	cfg.Data.ImagesSHA256, cfg.Data.SourceSize = have.Data.ImagesSHA256, have.Data.SourceSize
	return nil
}

// newRun is the training by the options, without network and first weights.
func (o TrainOptions) newRun(eng *engine.Engine, folder *run.Folder, cfg run.Config, parts *split.Split, cache *imaging.Cache) (trainer training.Run, err error) {
	trainer = training.Run{Engine: eng, Folder: folder, Config: cfg, Photos: training.PhotosOf(o.photos(parts), cache),
		SaveEvery: o.SaveEvery, Watch: o.Watch}
	if trainer.Train, err = examples(o.Data, parts, split.Train, cache, cfg.Regime); err != nil {
		return trainer, err
	}
	selection := split.Val
	if len(parts.Part(split.Val)) == 0 { // the test selects, as in [14]
		selection = split.Test
	}
	trainer.Val, err = examples(o.Data, parts, selection, cache, cfg.Regime)
	return trainer, err
}

// log passes a line on to Watch.
func (o TrainOptions) log(line string) {
	if o.Watch != nil {
		o.Watch.Log(line)
	}
}

// Config is the run's configuration as far as it is known without data and
// weights, which 'train --show-config' prints.
func (o TrainOptions) Config() (run.Config, error) { return o.ConfigBy(skinattn.NewNetwork) }

// ConfigBy is Config with another way to the network, such as one that keeps networks for
// thousands of configurations.
func (o TrainOptions) ConfigBy(build func(spec.Network) (*skinattn.Network, error)) (run.Config, error) {
	cfg, _, err := o.config(build)
	cfg.Data.Protocol, cfg.Data.TestShare, cfg.Data.Arm = o.Protocol, o.TestShare, o.Arm
	if o.Split != nil {
		cfg.Data.Protocol, cfg.Data.TestShare, cfg.Data.Arm = o.Split.Protocol, o.Split.TestShare, o.Split.Arm
		cfg.Data.SplitSHA256 = o.Split.Summary().SHA256
	}
	return cfg, err
}

// imagenetInit stands for a Keras applications file in Config.Init.
const imagenetInit = "imagenet"

// config is the run's configuration without the checksums of weights, split and
// images, and the network that it describes.
func (o TrainOptions) config(build func(spec.Network) (*skinattn.Network, error)) (run.Config, *skinattn.Network, error) {
	if o.FastDevRun {
		o.Regime = fastRegime(o.Regime)
	}
	cfg := run.Config{Format: run.Format, Network: o.Network, Seed: o.Seed, Regime: &o.Regime, Init: RandomWeights, FeatureCache: o.FeatureCache, FastDevRun: o.FastDevRun}
	if o.Weights != RandomWeights {
		cfg.Init = imagenetInit
	}
	if err := o.Regime.Check(ham10000.NumClasses); err != nil {
		return cfg, nil, err
	}
	net, err := build(cfg.Network)
	if err != nil {
		return cfg, nil, err
	}
	cfg.Network = net.Network // with cut and size
	return cfg, net, training.Check(net, &o.Regime, o.FeatureCache)
}

// examples are the images of one part. A regime that drops images without an age
// drops them from the training and validation parts only; the missing ages of a test
// part are imputed.
func examples(data *ham10000.Dataset, parts *split.Split, part split.Part, cache *imaging.Cache, reg *spec.Regime) (*training.Examples, error) {
	records, err := parts.Select(data.Records, part)
	if err != nil {
		return nil, err
	}
	if part != split.Test && reg != nil && reg.MissingAge == spec.DropAge {
		records = slices.DeleteFunc(records, func(r ham10000.Record) bool { return !r.HasAge() })
	}
	at := make([]int, len(records))
	for i, r := range records {
		var ok bool
		if at[i], ok = cache.Index(r.ImageID); !ok {
			return nil, fmt.Errorf("image %s of the split is not in the image cache", r.ImageID)
		}
	}
	return &training.Examples{Records: records, Images: skinattn.Cached(cache, at)}, nil
}
