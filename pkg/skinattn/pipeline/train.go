package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/userdir"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
	"github.com/skinattn/skinattn/pkg/skinattn/weights"
)

// RandomWeights, in place of a weights file, starts from the seed alone.
const RandomWeights = "random"

// TrainOptions say what Train trains, on what, and where the run goes.
type TrainOptions struct {
	Data     *ham10000.Dataset
	Backbone string
	Size     int    // pixels; 0: the backbone's own
	Cut      string // layer at which the backbone ends; empty: the authors' cut
	Regime   spec.Regime
	// Split is the division of the data; nil draws Protocol with Seed and, where
	// it is not 0, TestShare.
	Split     *split.Split
	Protocol  string
	TestShare float64
	Seed      uint64
	// Weights is a Keras applications file for the backbone, or RandomWeights.
	Weights string
	Dir     string // the run folder
	// Resume goes on with the run in Dir. All other options must be as they were;
	// Protocol and Weights may be empty.
	Resume bool
	// FeatureCache computes the features of a frozen backbone once, and keeps
	// them in the user's cache folder.
	FeatureCache bool
	// FastDevRun goes the whole way with a few batches of every part.
	FastDevRun bool
	// TensorBoard leaves event files in the run folder, too.
	TensorBoard bool
	// SaveEvery is the time between checkpoints within an epoch; 0: none there.
	SaveEvery time.Duration
	Watch     training.Watcher
	// Progress is called while images are decoded for the first time.
	Progress func(done, total int)
}

// Train trains a network and leaves a complete run folder: configuration,
// environment, split, history, checkpoints, predictions and metrics.
func Train(ctx context.Context, eng *engine.Engine, opts TrainOptions) (err error) {
	cfg, err := opts.config()
	if err != nil {
		return err
	}
	folder, err := run.Create(opts.Dir, opts.Resume)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()

	parts, err := opts.parts(folder)
	if err != nil {
		return err
	}
	cfg.Data.Protocol, cfg.Data.TestShare = parts.Protocol, parts.TestShare
	if opts.Resume && opts.Protocol != "" {
		cfg.Data.Protocol = opts.Protocol
	}
	cfg.Data.SplitSHA256 = parts.Summary().SHA256
	if opts.Resume { // before much is done
		if err := sameConfig(folder, cfg, opts.Weights == ""); err != nil {
			return err
		}
	}
	cache, err := opts.images(ctx, cfg, parts)
	if err != nil {
		return err
	}
	defer cache.Close()
	cfg.Data.ImagesSHA256 = cache.ContentHash()

	trainer, err := opts.newRun(eng, folder, cfg, parts, cache)
	if err != nil {
		return err
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
	if opts.Resume {
		opts.warnOfEngine(folder, eng)
		err = sameConfig(folder, cfg, opts.Weights == "")
	} else {
		err = opts.begin(folder, cfg, parts, eng)
	}
	if err != nil {
		return err
	}
	trainer.Weights = func(net *skinattn.Network, store *model.Store) error { return opts.firstWeights(folder, net, store) }
	if err := training.Train(ctx, trainer); err != nil {
		return err
	}
	err = Predict(ctx, eng, folder, opts.Data, cache, opts.log)
	if err != nil && ctx.Err() != nil {
		return training.ErrInterrupted // nothing but the predictions is to be done again
	}
	return err
}

// begin writes what a run has before its first step.
func (o TrainOptions) begin(folder *run.Folder, cfg run.Config, parts *split.Split, eng *engine.Engine) error {
	if cfg.Init != RandomWeights { // no run is begun with weights that don't fit
		net, err := skinattn.NewNetwork(cfg.Network)
		if err != nil {
			return err
		}
		if err := weights.LoadBackbone(o.Weights, net, model.NewStore()); err != nil {
			return err
		}
	}
	if err := folder.WriteSplit(parts); err != nil {
		return err
	}
	if err := folder.WriteEnvironment(run.CurrentEnvironment(eng.Kind, eng.Wheel)); err != nil {
		return err
	}
	// The last one: a folder that has it can be resumed.
	return folder.WriteConfig(cfg)
}

// warnOfEngine says so if a run goes on with something else than it began with
// that decides about the last digits.
func (o TrainOptions) warnOfEngine(folder *run.Folder, eng *engine.Engine) {
	began, err := folder.Environment()
	if err != nil {
		o.log(fmt.Sprintf("warning: it can't be told which engine the run began with: %v", err))
		return
	}
	if then, now := began.Computes(), run.CurrentEnvironment(eng.Kind, eng.Wheel).Computes(); then != now {
		o.log(fmt.Sprintf("warning: the run began with %s and goes on with %s: its weights will not be, byte for byte, those of an uninterrupted run", then, now))
	}
}

// firstWeights fills store with the weights that the run in folder starts from:
// also one that is resumed, if it was killed before its first checkpoint.
func (o TrainOptions) firstWeights(folder *run.Folder, net *skinattn.Network, store *model.Store) error {
	cfg, err := folder.Config()
	if err != nil || cfg.Init == RandomWeights {
		return err
	}
	path := o.Weights
	if path == "" {
		if path, err = weights.Path(cfg.Network.Backbone); err != nil {
			return err
		}
		sum, err := weights.SHA256(path)
		if err == nil && sum != cfg.InitSHA256 {
			err = fmt.Errorf("%s has SHA-256 %s", path, sum)
		}
		if err != nil {
			return fmt.Errorf("the run has no checkpoint yet and started from a file with SHA-256 %s: %w; name that file with --weights", cfg.InitSHA256, err)
		}
	}
	return weights.LoadBackbone(path, net, store)
}

// parts is the division of the data: that of a run that is resumed, the one
// given, or a new one.
func (o TrainOptions) parts(folder *run.Folder) (*split.Split, error) {
	parts, err := o.Split, error(nil)
	switch {
	case o.Resume:
		return folder.Split()
	case parts == nil:
		parts, err = split.New(o.Protocol, o.Data.Records, split.Options{Seed: o.Seed, TestShare: o.TestShare})
	}
	if err == nil && o.FastDevRun {
		parts = thinned(parts, o.Regime.Batch)
	}
	return parts, err
}

// images opens the photos as the network takes them; those of the split alone
// for FastDevRun, which shall not wait for the others.
func (o TrainOptions) images(ctx context.Context, cfg run.Config, parts *split.Split) (*imaging.Cache, error) {
	data := *o.Data
	if o.FastDevRun {
		wanted := map[string]bool{}
		for _, row := range parts.Rows {
			wanted[row.ImageID] = true
		}
		data.Records = slices.DeleteFunc(slices.Clone(data.Records), func(r ham10000.Record) bool { return !wanted[r.ImageID] })
	}
	return data.OpenImages(ctx, cfg.Network.Size, cfg.Network.Resize, o.Progress)
}

// newRun is the training that the options mean.
func (o TrainOptions) newRun(eng *engine.Engine, folder *run.Folder, cfg run.Config, parts *split.Split, cache *imaging.Cache) (trainer training.Run, err error) {
	trainer = training.Run{Engine: eng, Folder: folder, Config: cfg, FeatureDir: userdir.Cache(),
		SaveEvery: o.SaveEvery, Watch: o.Watch}
	if trainer.Train, err = examples(o.Data, parts, split.Train, cache, cfg.Regime); err != nil {
		return trainer, err
	}
	selection := split.Val
	if len(parts.Part(split.Val)) == 0 { // the test selects, as in [14]
		selection = split.Test
	}
	if trainer.Val, err = examples(o.Data, parts, selection, cache, cfg.Regime); err != nil {
		return trainer, err
	}
	if !o.Resume && o.Weights != RandomWeights {
		trainer.Weights = func(net *skinattn.Network, store *model.Store) error {
			return weights.LoadBackbone(o.Weights, net, store)
		}
	}
	return trainer, nil
}

// log passes a line on to who watches.
func (o TrainOptions) log(line string) {
	if o.Watch != nil {
		o.Watch.Log(line)
	}
}

// Config is the run's configuration as far as it is known without data and
// weights: what 'train --show-config' prints.
func (o TrainOptions) Config() (run.Config, error) {
	pretrained := o.Weights != RandomWeights
	o.Weights = RandomWeights // so that no file is read
	cfg, err := o.config()
	if pretrained {
		cfg.Init = imagenetInit
	}
	cfg.Data.Protocol, cfg.Data.TestShare = o.Protocol, o.TestShare
	if o.Split != nil {
		cfg.Data.Protocol, cfg.Data.TestShare = o.Split.Protocol, o.Split.TestShare
		cfg.Data.SplitSHA256 = o.Split.Summary().SHA256
	}
	return cfg, err
}

// imagenetInit is what a configuration calls a Keras applications file.
const imagenetInit = "imagenet"

// config is the run's configuration as the options have it; what the split and
// the images add is filled in later.
func (o TrainOptions) config() (run.Config, error) {
	if o.FastDevRun {
		o.Regime = fastRegime(o.Regime)
	}
	cfg := run.Config{Seed: o.Seed, Regime: &o.Regime, Init: RandomWeights, FeatureCache: o.FeatureCache, FastDevRun: o.FastDevRun}
	var err error
	if cfg.Network, err = network(o.Backbone, &o.Regime); err != nil {
		return cfg, err
	}
	if o.Size != 0 {
		cfg.Network.Size = o.Size
	}
	cfg.Network.Cut = cmp.Or(o.Cut, cfg.Network.Cut)
	if err := o.Regime.Check(ham10000.NumClasses); err != nil {
		return cfg, err
	}
	net, err := skinattn.NewNetwork(cfg.Network)
	if err != nil {
		return cfg, err
	}
	if err := training.Check(net, &o.Regime, o.FeatureCache); err != nil {
		return cfg, err
	}
	if o.Weights != RandomWeights && o.Weights != "" {
		cfg.Init = imagenetInit
		if cfg.InitSHA256, err = weights.SHA256(o.Weights); err != nil {
			b, _ := backbone.Find(o.Backbone)
			return cfg, fmt.Errorf("reading the ImageNet weights of %s: %w; 'skinattn weights fetch %s' gets them, --weights FILE names them, --weights random does without",
				b.Title, err, b.Name)
		}
	}
	return cfg, nil
}

// network is what a regime says about the network on a backbone.
func network(backboneName string, reg *spec.Regime) (spec.Network, error) {
	net, err := skinattn.AuthorsNetwork(backboneName, reg.Variant)
	if err != nil {
		return net, err
	}
	net.SoftAttention, net.Metadata, net.Dropout = reg.SoftAttention, reg.Metadata, reg.Dropout
	net.BatchNormMomentum, net.Views = reg.BatchNormMomentum, reg.Views
	net.ChannelOrder = cmp.Or(reg.ChannelOrder, net.ChannelOrder)
	net.Preprocess = cmp.Or(reg.Preprocess, net.Preprocess)
	net.Head = cmp.Or(reg.Head, net.Head)
	net.Resize, net.AttentionWindow, net.Gamma = reg.Resize, reg.AttentionWindow, reg.Gamma
	return net, nil
}

// examples are the images of one part. Where the regime drops images without
// an age, it drops them from what is trained and selected on; a test part is
// never made smaller, its missing ages are imputed.
func examples(data *ham10000.Dataset, parts *split.Split, part split.Part, cache *imaging.Cache, reg *spec.Regime) (*training.Examples, error) {
	records, err := parts.Select(data.Records, part)
	if err != nil {
		return nil, err
	}
	if part != split.Test && reg != nil && reg.MissingAge == spec.DropAge {
		kept := records[:0]
		for _, r := range records {
			if r.HasAge() {
				kept = append(kept, r)
			}
		}
		records = kept
	}
	at := make([]int, len(records))
	for i, r := range records {
		index, ok := cache.Index(r.ImageID)
		if !ok {
			return nil, fmt.Errorf("image %s of the split is not in the image cache", r.ImageID)
		}
		at[i] = index
	}
	return &training.Examples{Records: records, Images: skinattn.Bytes(len(at), func(i int) []uint8 { return cache.Image(at[i]) })}, nil
}

// sameConfig refuses to resume with settings other than the run's own. anyInit
// leaves out where the first weights came from, and images that have not been
// looked at yet can't differ. A *run.ConfigMismatchError names what differs.
func sameConfig(folder *run.Folder, wanted run.Config, anyInit bool) error {
	have, err := folder.Config()
	if err != nil {
		return err
	}
	if anyInit {
		wanted.Init, wanted.InitSHA256 = have.Init, have.InitSHA256
	}
	wanted.Data.ImagesSHA256 = cmp.Or(wanted.Data.ImagesSHA256, have.Data.ImagesSHA256)
	return folder.RequireConfig(wanted)
}
