package pipeline

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/regime"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
)

// RandomWeights, in place of a weights file, starts from the seed alone.
const RandomWeights = "random"

// TrainOptions say what Train trains, on what, and where the run goes.
type TrainOptions struct {
	Data     *ham10000.Dataset
	Backbone string
	Size     int    // pixels; 0: the backbone's own
	Cut      string // layer at which the backbone ends; empty: the authors' cut
	Regime   regime.Regime
	// Split is the division of the data; nil draws Protocol with Seed.
	Split    *split.Split
	Protocol string
	Seed     uint64
	// Weights is a Keras applications file for the backbone, or RandomWeights.
	Weights string
	Dir     string // the run folder
	// Resume goes on with the run in Dir. All other options must be as they were;
	// Protocol and Weights may be empty.
	Resume bool
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

	parts := opts.Split
	switch {
	case opts.Resume:
		parts, err = split.ReadFile(folder.Path(run.SplitFile))
	case parts == nil:
		parts, err = split.New(opts.Protocol, opts.Data.Records, split.Options{Seed: opts.Seed})
	}
	if err != nil {
		return err
	}
	cfg.Data.Protocol = parts.Protocol
	if opts.Resume && opts.Protocol != "" {
		cfg.Data.Protocol = opts.Protocol
	}
	cfg.Data.SplitSHA256 = parts.Summary().SHA256
	if opts.Resume { // before much is done
		if err := sameConfig(folder, cfg, opts.Weights == ""); err != nil {
			return err
		}
	}
	cache, err := OpenImages(ctx, opts.Data, cfg.Network.Size, opts.Progress)
	if err != nil {
		return err
	}
	defer cache.Close()
	cfg.Data.ImagesSHA256 = cache.ContentHash()

	trainer := training.Run{Engine: eng, Folder: folder, Config: cfg, SaveEvery: opts.SaveEvery, Watch: opts.Watch}
	if trainer.Train, err = examples(opts.Data, parts, split.Train, cache, cfg.Regime); err != nil {
		return err
	}
	selection := split.Val
	if len(parts.Part(split.Val)) == 0 { // the test selects, as in [14]
		selection = split.Test
	}
	if trainer.Val, err = examples(opts.Data, parts, selection, cache, cfg.Regime); err != nil {
		return err
	}
	if opts.Resume {
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

// log passes a line on to who watches.
func (o TrainOptions) log(line string) {
	if o.Watch != nil {
		o.Watch.Log(line)
	}
}

// begin writes what a run has before its first step.
func (o TrainOptions) begin(folder *run.Folder, cfg run.Config, parts *split.Split, eng *engine.Engine) error {
	if cfg.Init != RandomWeights { // no run is begun with weights that don't fit
		net, err := skinattn.NewNetwork(cfg.Network)
		if err != nil {
			return err
		}
		if err := loadBackbone(o.Weights, net, model.NewStore()); err != nil {
			return err
		}
	}
	if err := parts.WriteFile(folder.Path(run.SplitFile)); err != nil {
		return err
	}
	if err := folder.WriteJSON(run.EnvironmentFile, run.CurrentEnvironment(eng)); err != nil {
		return err
	}
	// The last one: a folder that has it can be resumed.
	return folder.WriteJSON(run.ConfigFile, cfg)
}

// loadBackbone fills store from a Keras applications file.
func loadBackbone(path string, net *skinattn.Network, store *model.Store) error {
	file, err := keras.ReadFile(path)
	if err != nil {
		return err
	}
	return net.LoadBackbone(store, file)
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
		if path, err = WeightsPath(cfg.Network.Backbone); err != nil {
			return err
		}
		sum, err := fileSHA256(path)
		if err == nil && sum != cfg.InitSHA256 {
			err = fmt.Errorf("%s has SHA-256 %s", path, sum)
		}
		if err != nil {
			return fmt.Errorf("the run has no checkpoint yet and started from a file with SHA-256 %s: %w; name that file with --weights", cfg.InitSHA256, err)
		}
	}
	return loadBackbone(path, net, store)
}

// config is the run's configuration as the options have it; what the split and
// the images add is filled in later.
func (o TrainOptions) config() (run.Config, error) {
	cfg := run.Config{Seed: o.Seed, Regime: &o.Regime, Init: RandomWeights}
	var err error
	if cfg.Network, err = skinattn.DefaultConfig(o.Backbone); err != nil {
		return cfg, err
	}
	if o.Size != 0 {
		cfg.Network.Size = o.Size
	}
	cfg.Network.Cut = cmp.Or(o.Cut, cfg.Network.Cut)
	cfg.Network.SoftAttention, cfg.Network.Metadata, cfg.Network.Dropout = o.Regime.SoftAttention, o.Regime.Metadata, o.Regime.Dropout
	cfg.Network.BatchNormMomentum = o.Regime.BatchNormMomentum
	if err := o.Regime.Check(ham10000.NumClasses); err != nil {
		return cfg, err
	}
	if _, err := skinattn.NewNetwork(cfg.Network); err != nil {
		return cfg, err
	}
	if o.Weights != RandomWeights && o.Weights != "" {
		cfg.Init = "imagenet"
		if cfg.InitSHA256, err = fileSHA256(o.Weights); err != nil {
			b, _ := backbone.Find(o.Backbone)
			return cfg, fmt.Errorf("reading the ImageNet weights of %s: %w; 'skinattn weights fetch %s' gets them, --weights FILE names them, --weights random does without",
				b.Title, err, b.Name)
		}
	}
	return cfg, nil
}

// OpenImages decodes and resizes all photos of a data set, or opens what an
// earlier call left in the user's cache folder.
func OpenImages(ctx context.Context, data *ham10000.Dataset, size int, progress func(done, total int)) (*imaging.Cache, error) {
	if err := data.RequireImages(data.Records); err != nil {
		return nil, err
	}
	items := make([]imaging.Item, len(data.Records))
	for i, r := range data.Records {
		path, _ := data.ImagePath(r.ImageID)
		items[i] = imaging.Item{ID: r.ImageID, Path: path}
	}
	return imaging.OpenCache(ctx, imaging.DefaultCacheDir(), items, size, imaging.CacheOptions{Progress: progress})
}

// examples are the images of one part. Where the regime drops images without
// an age, it drops them from what is trained and selected on; a test part is
// never made smaller, its missing ages are imputed.
func examples(data *ham10000.Dataset, parts *split.Split, part split.Part, cache *imaging.Cache, reg *regime.Regime) (*training.Examples, error) {
	records, err := parts.Select(data.Records, part)
	if err != nil {
		return nil, err
	}
	if part != split.Test && reg != nil && reg.MissingAge == regime.DropAge {
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
	return &training.Examples{Records: records, Images: func(i int) []uint8 { return cache.Image(at[i]) }}, nil
}

// sameConfig refuses to resume with settings other than the run's own, naming
// those that differ. anyInit leaves out where the first weights came from, and
// images that have not been looked at yet can't differ.
func sameConfig(folder *run.Folder, wanted run.Config, anyInit bool) error {
	have, err := folder.Config()
	if err != nil {
		return err
	}
	if anyInit {
		wanted.Init, wanted.InitSHA256 = have.Init, have.InitSHA256
	}
	wanted.Data.ImagesSHA256 = cmp.Or(wanted.Data.ImagesSHA256, have.Data.ImagesSHA256)
	var differ []string
	a, b := flatten(have), flatten(wanted)
	for key, value := range a {
		if other, ok := b[key]; !ok || other != value {
			differ = append(differ, fmt.Sprintf("%s (the run has %s, now %s)", key, value, orNone(other)))
		}
	}
	for key, value := range b {
		if _, ok := a[key]; !ok {
			differ = append(differ, fmt.Sprintf("%s (the run has none, now %s)", key, value))
		}
	}
	if len(differ) == 0 {
		return nil
	}
	sort.Strings(differ)
	return fmt.Errorf("%s can't be resumed with other settings: %s; leave them out or start a new run", folder.Dir, strings.Join(differ, ", "))
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// flatten gives every leaf of a configuration by its JSON path.
func flatten(cfg run.Config) map[string]string {
	text, err := json.Marshal(cfg)
	if err != nil {
		panic(err) // plain structs always marshal
	}
	var tree any
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	if err := decoder.Decode(&tree); err != nil {
		panic(err)
	}
	leaves := map[string]string{}
	var walk func(path string, node any)
	walk = func(path string, node any) {
		if object, ok := node.(map[string]any); ok {
			for key, child := range object {
				walk(strings.TrimPrefix(path+"."+key, "."), child)
			}
			return
		}
		leaf, _ := json.Marshal(node)
		leaves[path] = string(leaf)
	}
	walk("", tree)
	return leaves
}

func fileSHA256(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
