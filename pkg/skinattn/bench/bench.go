package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
)

// The modes of a measurement.
const (
	Train = "train" // optimizer steps
	Infer = "infer" // predictions
	// Host is what a training does beside: decoding photos, opening their cache, saving
	// checkpoints, computing metrics.
	Host = "host"
)

// Modes are the modes that measure a network.
var Modes = []string{Train, Infer}

// Config is one measurement.
type Config struct {
	Backbone string
	Mode     string // Train or Infer
	Size     int    // width and height of the images in pixels; 0: the backbone's own
	Batch    int    // images a step
	WarmUp   int    // steps after the first that are not timed
	Steps    int    // timed steps, after the warm-up
	Seed     uint64 // of the images and of dropout
	// Precision of the training, as in spec.Regime; predictions are float32.
	Precision string
	// Regime is what is trained by, but for its batch and precision; nil: the default one.
	Regime *spec.Regime
	// Network is measured in place of the authors' on the backbone, but for its size where
	// Size is not 0; nil: theirs.
	Network *spec.Network
	// FeatureCache measures the network after the cut, on features, as a training with
	// spec.Backbone frozen and its features computed once does.
	FeatureCache bool
	// ProgramCache is noted in the result: the first step may have loaded its program, in
	// place of compiling it.
	ProgramCache bool
}

// check returns an error for a value that makes a measurement impossible.
func (c Config) check() error {
	switch {
	case !slices.Contains(Modes, c.Mode):
		return fmt.Errorf("mode %q is unknown; choose one of %v", c.Mode, Modes)
	case c.Size < 0:
		return fmt.Errorf("the image size is %d pixels; it must be above 0", c.Size)
	case c.Batch < 1:
		return fmt.Errorf("the batch has %d images; it needs at least 1", c.Batch)
	case c.WarmUp < 0:
		return fmt.Errorf("%d steps can't warm up; take at least 0", c.WarmUp)
	case c.Steps < 1:
		return fmt.Errorf("%d steps can't be timed; take at least 1", c.Steps)
	}
	return nil
}

// Measure builds the network, takes one step, which compiles it, warms up, and
// times cfg.Steps steps. Cancelling ctx ends it between two steps.
func Measure(ctx context.Context, eng *engine.Engine, cfg Config) (Result, error) {
	if err := cfg.check(); err != nil {
		return Result{}, err
	}
	step, net, stop, err := prepare(ctx, eng, cfg)
	if err != nil {
		return Result{}, fmt.Errorf("measuring %s of %s: %w", cfg.Mode, cfg.Backbone, err)
	}
	defer stop()
	var seconds []float64
	for i := range 1 + cfg.WarmUp + cfg.Steps {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		start := time.Now()
		if err := step(i); err != nil {
			return Result{}, fmt.Errorf("measuring %s of %s: %w", cfg.Mode, cfg.Backbone, err)
		}
		seconds = append(seconds, time.Since(start).Seconds())
	}
	r, err := Describe(cfg)
	if err != nil {
		return r, err
	}
	r.Size, r.Engine, r.PeakRSSBytes = net.Size, eng.Kind, peakRSS()
	if cfg.Mode == Train && eng.Devices > 1 {
		r.Devices = eng.Devices
	}
	if cfg.Mode == Infer {
		r.Kernels = engine.KernelsName(eng.Backend)
	}
	r.Parameters, _ = net.Graph.Parameters()
	r.time(seconds[0], seconds[1+cfg.WarmUp:])
	return r, nil
}

// Describe is the result of a measurement without its numbers: what it measures.
func Describe(cfg Config) (r Result, err error) {
	r = Result{Backbone: cfg.Backbone, Mode: cfg.Mode, Batch: cfg.Batch, Size: cfg.Size, Loaded: cfg.ProgramCache}
	if cfg.Mode == Host {
		return r, nil
	}
	net, err := cfg.network()
	if err != nil {
		return r, err
	}
	reg, err := cfg.regime()
	if err != nil {
		return r, err
	}
	r.Size, r.Work = net.Size, WorkOf(net, reg, cfg.FeatureCache, cfg.Mode)
	if cfg.Mode == Train {
		r.Precision = cfg.Precision
	}
	return r, nil
}

// prepare builds the network with weights filled by name and returns a function that
// takes step i, from 0, and a function that frees the network.
func prepare(ctx context.Context, eng *engine.Engine, cfg Config) (step func(i int) error, net *skinattn.Network, stop func(), err error) {
	netCfg, err := cfg.network()
	if err != nil {
		return nil, nil, nil, err
	}
	if net, err = skinattn.NewNetwork(netCfg); err != nil {
		return nil, nil, nil, err
	}
	if cfg.FeatureCache {
		reg, err := cfg.regime()
		if err == nil {
			err = training.Check(net, reg, true)
		}
		if err == nil {
			net, err = net.AfterCut()
		}
		if err != nil {
			return nil, nil, nil, err
		}
	}
	store := model.NewStore()
	// Random weights without trained batch-norm statistics would let activations fade
	// layer by layer, in inference.
	for _, v := range net.Graph.Variables() {
		if err := layers.SetVariable(store, v, keras.FillByName(v.Layer+"/"+v.Name, v.Shape)); err != nil {
			return nil, nil, nil, err
		}
	}
	examples := generate(net.PhotoSize(), cfg.Batch, cfg.Seed)
	if cfg.FeatureCache {
		examples.features = make([]float32, cfg.Batch*net.FeatureShape().Size())
		for i := range examples.features {
			examples.features[i] = float32(examples.images[0][i%len(examples.images[0])]) / 255
		}
	}
	if cfg.Mode == Train {
		step, stop, err = trainStep(eng, net, store, examples, cfg)
	} else {
		step, stop, err = inferStep(ctx, eng, net, store, examples)
	}
	return step, net, stop, err
}

// network is the network to measure.
func (c Config) network() (net spec.Network, err error) {
	if c.Network != nil {
		net = *c.Network
	} else if net, err = skinattn.AuthorsNetwork(c.Backbone, spec.Metadata); err != nil {
		return net, err
	}
	if c.Size > 0 {
		net.Size = c.Size
	}
	return net, nil
}

// regime is the regime to train by.
func (c Config) regime() (*spec.Regime, error) {
	reg, err := spec.Find(spec.Default)
	if c.Regime != nil {
		reg, err = *c.Regime, nil
	}
	reg.Batch, reg.Precision = c.Batch, c.Precision
	return &reg, err
}

// trainStep is an optimizer step.
func trainStep(eng *engine.Engine, net *skinattn.Network, store *model.Store, e examples, cfg Config) (step func(i int) error, stop func(), err error) {
	reg, err := cfg.regime()
	if err != nil {
		return nil, nil, err
	}
	if err := reg.Check(ham10000.NumClasses); err != nil {
		return nil, nil, err
	}
	if err := training.CheckEngine(reg, eng); err != nil {
		return nil, nil, err
	}
	stepper, err := training.NewStepper(eng, store, net, reg, cfg.Seed)
	if err != nil {
		return nil, nil, err
	}
	rows := make([]int32, len(e.images))
	for i := range rows {
		rows[i] = int32(i)
	}
	flat := slices.Concat(e.images...)
	transforms, blend := training.DrawBatch(reg, net.Size, len(rows), cfg.Seed)
	return func(i int) error {
		// A new tensor each time: in training, too, every batch comes from the host.
		batch := training.Batch{Rows: rows, Metadata: e.metadata, Labels: e.labels, Transforms: transforms, Blend: blend}
		shape := append([]int{len(rows)}, net.PhotoShape()...)
		if e.features != nil {
			batch.Pixels = tensors.FromFlatDataAndDimensions(e.features, shape...)
		} else {
			batch.Pixels = tensors.FromFlatDataAndDimensions(flat, shape...)
		}
		at := training.Position{Epoch: max(1, reg.Epochs), Step: i + 1, Update: i + 1, Rate: reg.LearningRate}
		if n := max(reg.Accumulate, 1); n > 1 {
			if at.Update = i/n + 1; (i+1)%n == 0 {
				at.Images = n * len(rows)
			}
		}
		_, _, err := stepper.Step(batch, at)
		return err
	}, stepper.Close, nil
}

// inferStep is the prediction of a batch.
func inferStep(ctx context.Context, eng *engine.Engine, net *skinattn.Network, store *model.Store, e examples) (step func(i int) error, stop func(), err error) {
	m, err := skinattn.NewModel(eng.Backend, net, store, len(e.images))
	if err != nil {
		return nil, nil, err
	}
	images := net.Upright(skinattn.Bytes(len(e.images), func(i int) []uint8 { return e.images[i] }))
	if e.features != nil {
		width := len(e.features) / len(e.images)
		images = skinattn.Floats(len(e.images), func(i int, dst []float32) { copy(dst, e.features[i*width:]) })
	}
	request := skinattn.Request{Images: images, Metadata: e.metadata}
	return func(int) error {
		_, err := m.Predict(ctx, request)
		return err
	}, m.Close, nil
}

// examples are a generated batch.
type examples struct {
	images   [][]uint8 // RGB [size size 3]
	features []float32 // of all images, in place of them; nil for a whole network
	metadata []skinattn.Metadata
	labels   []int32
}

// generate draws n examples. The images are noise: the values of pixels do not change
// the time of a step.
func generate(size, n int, seed uint64) examples {
	rng := rand.New(rand.NewPCG(seed, 0))
	var e examples
	for range n {
		image := make([]uint8, size*size*3)
		for i := range image {
			image[i] = uint8(rng.Uint32())
		}
		e.images = append(e.images, image)
		e.metadata = append(e.metadata, skinattn.Metadata{
			Age:          float64(5 * rng.IntN(18)),
			Sex:          ham10000.Sexes[rng.IntN(len(ham10000.Sexes))],
			Localization: ham10000.Localizations[rng.IntN(len(ham10000.Localizations))],
		})
		e.labels = append(e.labels, int32(rng.IntN(ham10000.NumClasses)))
	}
	return e
}
