package sweep

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/bench"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
)

// costKey is what cells of equal cost have in common.
type costKey struct {
	plan *prepared
	partsKey
}

// cost is what cells of a key have in common.
type cost struct {
	plan     CellPlan // Parts are those of a cell that loads what an earlier cell has made
	once     []made
	perEpoch float64  // seconds
	missing  []string // keys of what was not measured
}

// made is what the first cell that needs it makes, and leaves for the others.
type made struct {
	key     any // equal keys are the same thing
	part    func(*Seconds) *float64
	seconds float64 // of the first cell
}

// Keys of what is made once.
type (
	photosKey   struct{ size, resize any }
	featuresKey struct {
		network spec.Network
		init    string
	}
	programKey struct{ plan *prepared }
)

// estimator estimates the cells in their order.
type estimator struct {
	*speeds
	opts    PlanOptions
	costs   map[costKey]*cost
	parts   map[partsKey]Parts
	made    map[any]bool // what an earlier cell has left, by its key
	missing map[string]*Missing
}

// cell estimates one cell.
func (e *estimator) cell(c *Cell) (p CellPlan, err error) {
	begin := c.begin()
	key := costKey{c.plan, partsKey{begin.Protocol, begin.Split, c.Value("test-data") != ""}}
	key.options.Seed = 0
	k := e.costs[key]
	if k == nil {
		if k, err = e.cost(c, key); err != nil {
			return p, err
		}
		e.costs[key] = k
	}
	for _, what := range k.missing {
		e.missing[what].Cells++
	}
	p = k.plan
	p.Name = c.Name
	for _, m := range k.once {
		if !e.made[m.key] {
			e.made[m.key] = true
			*m.part(&p.Parts) = m.seconds
		}
	}
	most := p.Parts.Sum()
	p.Seconds = [2]float64{most - k.perEpoch*float64(p.Epochs[1]-p.Epochs[0]), most}
	return p, nil
}

// cost estimates what cells of a key have in common.
func (e *estimator) cost(c *Cell, key costKey) (*cost, error) {
	cfg := c.plan.config
	reg := cfg.Regime
	parts, err := e.partsOf(c, key.partsKey, reg)
	if err != nil {
		return nil, err
	}
	if cfg.FastDevRun {
		parts = parts.fast(reg.Batch)
	}
	k := &cost{}
	k.plan.label = strings.Join(append(slices.Clone(c.plan.words), c.plan.after...), " ")
	k.plan.Epochs = [2]int{reg.Epochs, reg.Epochs}
	if reg.EarlyStop.Patience > 0 {
		k.plan.Epochs[0] = min(reg.Epochs, reg.EarlyStop.Patience+1)
	}
	train, infer := works(cfg, c.plan.size)
	images := training.EpochImages(reg, parts.classes)
	e.computing(k, cfg, parts, images, train, infer)
	e.beside(k, cfg, c.plan.size, parts, key.testData)
	e.compiling(k, programKey{c.plan}, reg, images%reg.Batch != 0, train, infer)
	if cfg.FeatureCache {
		e.features(k, cfg, c.plan.size, parts)
	}
	each := k.plan.Parts
	k.perEpoch = (each.Train + each.Validate + each.Save) / float64(reg.Epochs)
	return k, nil
}

// computing fills in what the network takes: steps over images an epoch, and predictions.
func (e *estimator) computing(k *cost, cfg run.Config, parts Parts, images int, train, infer stepWork) {
	p, reg := &k.plan, cfg.Regime
	step, image := e.of(train), e.of(infer)
	image.seconds /= float64(infer.batch)
	e.note(k, cfg, bench.Train, train, step)
	e.note(k, cfg, bench.Infer, infer, image)
	p.StepSeconds, p.ImageSeconds = step.seconds, image.seconds
	p.Basis.Train, p.Basis.Infer = step.String(), image.String()
	p.Within = max(step.within, image.within)
	if step.within == 0 || image.within == 0 {
		p.Within = 0
	}
	p.MemoryBytes = int64(e.memory(train) + e.memory(infer))
	p.StepsPerEpoch = (images + reg.Batch - 1) / reg.Batch
	epochs := float64(reg.Epochs)
	p.Parts.Train = epochs * step.seconds * float64(images) / float64(reg.Batch) // the last batch of an epoch may be smaller
	p.Parts.Validate = epochs * image.seconds * padded(cmp.Or(parts.Val, parts.Test), infer.batch)
	p.Parts.Test = image.seconds * padded((parts.Val+parts.Test)*max(1, cfg.Network.Views), infer.batch)
}

// beside fills in what is done beside the network: photos, checkpoints and metrics.
func (e *estimator) beside(k *cost, cfg run.Config, size networkSize, parts Parts, testData bool) {
	p, side := &k.plan, cfg.Network.PhotoSize()
	p.PhotoBytes = int64(parts.All) * int64(side*side*3)
	h := e.host(side)
	if h == nil {
		e.miss(k, "host", "photos, checkpoints and metrics", "not counted", []string{"--mode=host", fmt.Sprintf("--size=%d", side)})
		h = &bench.HostResult{}
	}
	saved := float64(4 * savedValues(cfg.Regime, size)) // bytes
	save := h.SaveSeconds + h.SaveSecondsPerGB*saved/1e9
	p.Parts.Save = float64(cfg.Regime.Epochs) * (1 + bestShare) * save
	p.Parts.Test += h.LoadSecondsPerGB * saved / 1e9                                            // the best
	p.Parts.Test += 2 * h.MetricsSecondsPer1000 * float64(cmp.Or(parts.Test, parts.Val)) / 1000 // for the folder and for the answer
	if testData {                                                                               // decoded each time
		p.Parts.Test += h.PhotoSeconds * float64(parts.Test)
	}
	p.Parts.Photos = h.OpenSecondsPerGB * float64(p.PhotoBytes) / 1e9
	k.once = append(k.once, made{photosKey{side, cfg.Network.Resize}, func(s *Seconds) *float64 { return &s.Photos },
		p.Parts.Photos + h.PhotoSeconds*float64(parts.All)})
}

// bestShare is the part of the epochs that are the best until then, whose checkpoint is saved
// beside the newest one: .1 to .9 of them in the runs of results/, half in the median.
const bestShare = .5

// savedValues is the number of values in a checkpoint: the weights, Adam's two moments, the
// moving average and the sum of an accumulated update.
func savedValues(reg *spec.Regime, size networkSize) int {
	n := size.values + 2*size.trained
	if reg.EMA > 0 {
		n += size.trained
	}
	if reg.Accumulate > 1 {
		n += size.trained
	}
	return n
}

// compiling fills in the time of compiling: the step's program for each set of frozen layers,
// and once more where the last batch is smaller; that of predictions in the training, and
// after it.
func (e *estimator) compiling(k *cost, key programKey, reg *spec.Regime, rest bool, train, infer stepWork) {
	steps := float64(training.FrozenSets(reg))
	if rest {
		steps *= 2
	}
	compiled, loaded := e.compile(train)
	inferCompiled, inferLoaded := e.compile(infer)
	if compiled == 0 {
		e.miss(k, "compile", "compiling", "not counted", nil)
	}
	if e.cuda() { // keeps no programs
		loaded, inferLoaded = compiled, inferCompiled
	}
	k.plan.Parts.Compile = steps*loaded + 2*inferLoaded
	k.once = append(k.once, made{key, func(s *Seconds) *float64 { return &s.Compile }, steps*compiled + inferCompiled + inferLoaded})
}

// features fills in the time of computing the features of all photos.
func (e *estimator) features(k *cost, cfg run.Config, size networkSize, parts Parts) {
	whole := cfg
	whole.FeatureCache = false
	_, infer := works(whole, size)
	image := e.of(infer)
	e.note(k, whole, bench.Infer, infer, image)
	image.seconds /= float64(infer.batch)
	if views := cfg.Network.Views; views > 0 { // turned photos have no features that are kept
		k.plan.Parts.Test += image.seconds * padded((parts.Val+parts.Test)*views, infer.batch)
	}
	network := cfg.Network // as training.Photos keeps them: whatever head, regime and split are
	key := featuresKey{spec.Network{Backbone: network.Backbone, Cut: network.Cut, Size: network.Size, ChannelOrder: network.ChannelOrder,
		Preprocess: network.Preprocess, Resize: network.Resize, Oversample: network.Oversample}, cfg.Init}
	k.once = append(k.once, made{key, func(s *Seconds) *float64 { return &s.Features }, image.seconds * padded(parts.All, infer.batch)})
}

// cuda reports whether the measurements are of CUDA, or published for a GPU.
func (e *estimator) cuda() bool {
	for _, s := range e.samples {
		if s.result != nil {
			return s.result.Engine == engine.CUDA
		}
	}
	return true
}

// works are a step and a batch of predictions of a configuration's training.
func works(cfg run.Config, size networkSize) (train, infer stepWork) {
	of := func(mode string) stepWork {
		w := stepWork{mode: mode, backbone: cfg.Network.Backbone, size: cfg.Network.Size, batch: cfg.Regime.Batch, macs: float64(size.macs)}
		if cfg.FeatureCache {
			w.macs = float64(size.after)
		}
		w.structure, w.extras = divide(bench.WorkOf(cfg.Network, cfg.Regime, cfg.FeatureCache, mode))
		return w
	}
	train, infer = of(bench.Train), of(bench.Infer)
	train.precision = cfg.Regime.Precision
	infer.batch = skinattn.InferenceBatch(cfg.Network.Size)
	return train, infer
}

// padded is the number of images that are computed for n images in batches.
func padded(n, batch int) float64 {
	if n < batch { // the next power of two
		padded := 1
		for padded < n {
			padded *= 2
		}
		return float64(padded)
	}
	return float64((n + batch - 1) / batch * batch)
}

// note records work that was not measured as it is.
func (e *estimator) note(k *cost, cfg run.Config, mode string, w stepWork, t estimate) {
	if t.found && len(t.differs) == 0 && !t.published {
		return
	}
	what := fmt.Sprintf("%s of %s at %d px, batch %d", map[string]string{bench.Train: "training", bench.Infer: "prediction"}[mode], w.backbone, w.size, w.batch)
	if w.precision != "" {
		what += ", " + w.precision
	}
	for _, words := range []string{w.structure, w.extras} {
		if words != "" {
			what += ", " + words
		}
	}
	args, err := pipeline.BenchArguments(cfg, mode)
	if err != nil {
		args = nil
	} else {
		args = append(args, fmt.Sprintf("--batch=%d", w.batch))
		if mode == bench.Train && w.precision != "" {
			args = append(args, "--precision="+w.precision)
		}
	}
	e.miss(k, what, what, t.String(), args)
}

// miss notes for the cells of a cost that something was not measured.
func (e *estimator) miss(k *cost, key, what, basis string, command []string) {
	if e.missing[key] == nil {
		e.missing[key] = &Missing{What: what, Basis: basis, Command: command}
	}
	if !slices.Contains(k.missing, key) {
		k.missing = append(k.missing, key)
	}
}
