package sweep

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/bench"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
)

// PlanOptions are the options of Estimate.
type PlanOptions struct {
	Device Device
	// Price of an hour of the device, in any currency; 0: costs are not told.
	Price float64
	// AtOnce is the number of devices that train at the same time; 0: one.
	AtOnce int
	// Data are the photos; nil: HAM10000.
	Data *ham10000.Dataset
}

// Seconds are the parts of a cell's time.
type Seconds struct {
	Photos   float64 `json:"photos"`   // decoding them once, and opening the result
	Features float64 `json:"features"` // of a frozen backbone, computed once
	Compile  float64 `json:"compile"`  // programs, or loading them
	Train    float64 `json:"train"`    // steps
	Validate float64 `json:"validate"`
	Save     float64 `json:"save"` // checkpoints
	Test     float64 `json:"test"` // final predictions of all views, and metrics
}

// Sum is the whole time.
func (s Seconds) Sum() float64 {
	return s.Photos + s.Features + s.Compile + s.Train + s.Validate + s.Save + s.Test
}

// CellPlan is what a cell will take.
type CellPlan struct {
	Name string `json:"name"`
	// Epochs are the least, if the training stops as early as it can, and the most.
	Epochs [2]int `json:"epochs"`
	// Seconds are the least and the most.
	Seconds [2]float64 `json:"seconds"`
	// Parts make up the most.
	Parts         Seconds `json:"parts"`
	StepsPerEpoch int     `json:"steps_per_epoch"`
	StepSeconds   float64 `json:"step_seconds"`
	// ImageSeconds is the time of predicting an image.
	ImageSeconds float64 `json:"image_seconds"`
	// MemoryBytes is for the process, without the photos that it maps; 0 if not known.
	MemoryBytes int64 `json:"memory_bytes"`
	PhotoBytes  int64 `json:"photo_bytes"` // of the resized photos, which it maps
	// Basis says what the times rest on, of steps and of predictions.
	Basis struct {
		Train, Infer string
	} `json:"basis"`
	// Within is the factor by which such estimates were off at most, where that is known: 1
	// where all is measured, 0 where it is not known.
	Within float64 `json:"within"`

	label string // network, regime and options
}

// Plan is what a sweep will take.
type Plan struct {
	Device string     `json:"device"`
	Cells  []CellPlan `json:"cells"`
	// Hours of the device are the least and the most.
	Hours [2]float64  `json:"hours"`
	Cost  *[2]float64 `json:"cost,omitempty"`
	// WallHours are the hours until all is done, AtOnce cells at a time.
	WallHours [2]float64 `json:"wall_hours"`
	AtOnce    int        `json:"at_once"`
	Longest   string     `json:"longest"`
	// SlurmTime and SlurmMemory are limits to ask for: the longest cell by the most that the
	// estimate allows, in whole quarters of an hour, and the largest.
	SlurmTime   string `json:"slurm_time"`
	SlurmMemory string `json:"slurm_memory,omitempty"`
	// Missing says what was not measured, and how it could be.
	Missing []Missing `json:"missing"`
}

// Missing is work that was not measured.
type Missing struct {
	What    string   `json:"what"`
	Cells   int      `json:"cells"`
	Basis   string   `json:"basis"`             // what the estimate takes instead
	Command []string `json:"command,omitempty"` // arguments of 'bench' that measure it
}

// Estimate says what the cells of a sweep will take on a device. The first cell that needs
// them makes the resized photos, the features and, but on CUDA, the programs; the others load
// them.
func Estimate(cells []Cell, opts PlanOptions) (*Plan, error) {
	s, err := newSpeeds(opts.Device)
	if err != nil {
		return nil, err
	}
	e := &estimator{speeds: s, opts: opts, costs: map[costKey]*cost{}, parts: map[partsKey]Parts{}, made: map[any]bool{}, missing: map[string]*Missing{}}
	p := &Plan{Device: opts.Device.Title, AtOnce: max(1, opts.AtOnce), Missing: []Missing{}, Cells: make([]CellPlan, 0, len(cells))}
	longest, memory, slurm := -1.0, int64(0), 0.0
	for i := range cells {
		c, err := e.cell(&cells[i])
		if err != nil {
			return nil, fmt.Errorf("estimating the cell %s: %w", cells[i].Name, err)
		}
		p.Cells = append(p.Cells, c)
		for k := range p.Hours {
			p.Hours[k] += c.Seconds[k] / 3600
		}
		if c.Seconds[1] > longest {
			longest, p.Longest = c.Seconds[1], c.Name
		}
		slurm = max(slurm, c.Seconds[1]*max(1, c.Within))
		memory = max(memory, c.MemoryBytes)
	}
	for k, hours := range p.Hours {
		p.WallHours[k] = hours / float64(p.AtOnce)
	}
	p.WallHours[1] = max(p.WallHours[1], longest/3600)
	if opts.Price > 0 {
		p.Cost = &[2]float64{p.Hours[0] * opts.Price, p.Hours[1] * opts.Price}
	}
	p.SlurmTime = slurmTime(slurm)
	if memory > 0 {
		p.SlurmMemory = fmt.Sprintf("%dG", int64(math.Ceil(memoryMargin*float64(memory)/(1<<30)))) // Slurm's G are 2^30
	}
	for _, key := range slices.Sorted(maps.Keys(e.missing)) {
		p.Missing = append(p.Missing, *e.missing[key])
	}
	return p, nil
}

// memoryMargin is the most memory that a run took beyond the estimate, which does not count what
// compiling the smaller last batch and writing checkpoints take: ten runs had .84 to 1.46 times
// as much (bench/measured/plan.csv).
const memoryMargin = 1.5

// slurmTime writes seconds, rounded up to quarters of an hour, as sbatch takes them.
func slurmTime(seconds float64) string {
	t := time.Duration(math.Ceil(seconds/900)) * 15 * time.Minute
	hours := int(t.Hours())
	if hours < 24 {
		return fmt.Sprintf("%d:%02d:00", hours, int(t.Minutes())%60)
	}
	return fmt.Sprintf("%d-%02d:%02d:00", hours/24, hours%24, int(t.Minutes())%60)
}

// Parts are numbers of photos.
type Parts struct {
	All, Train, Val, Test int
	classes               []int // of Train
}

// costKey is what cells of equal cost have in common.
type costKey struct {
	plan *prepared
	partsKey
}

// partsKey is what cells have in common whose parts have equally many photos, nearly: the
// seed moves some lesions.
type partsKey struct {
	protocol string
	options  split.Options // without the seed
	testData bool
}

// cost is what cells of a key have in common.
type cost struct {
	plan         CellPlan
	cold, cached Seconds // of all epochs
	perEpoch     float64
	photos       any // keys of what is made once
	features     any
	missing      []string // keys of what was not measured
}

// estimator estimates the cells in their order.
type estimator struct {
	*speeds
	opts    PlanOptions
	costs   map[costKey]*cost
	parts   map[partsKey]Parts
	made    map[any]bool // what an earlier cell has left
	missing map[string]*Missing
	lacks   []string // keys of missing for the cost in work
}

// once reports whether something is to be made now: it is not again.
func (e *estimator) once(key any) bool {
	before := e.made[key]
	e.made[key] = true
	return !before
}

// cell estimates one cell.
func (e *estimator) cell(c *Cell) (p CellPlan, err error) {
	begin := c.begin()
	key := costKey{c.plan, partsKey{begin.Protocol, begin.Split, c.Value("test-data") != ""}}
	key.options.Seed = 0
	known := e.costs[key]
	if known == nil {
		e.lacks = nil
		if known, err = e.cost(c, key); err != nil {
			return p, err
		}
		known.missing = e.lacks
		e.costs[key] = known
	}
	for _, what := range known.missing {
		e.missing[what].Cells++
	}
	p = known.plan
	p.Name = c.Name
	p.Parts = known.cached
	// Work that an earlier cell has done is loaded.
	if e.once(known.photos) {
		p.Parts.Photos = known.cold.Photos
	}
	if known.features != nil && e.once(known.features) {
		p.Parts.Features = known.cold.Features
	}
	if e.once(programKey{c.plan}) {
		p.Parts.Compile = known.cold.Compile
	}
	high := p.Parts.Sum()
	p.Seconds = [2]float64{high - known.perEpoch*float64(p.Epochs[1]-p.Epochs[0]), high}
	return p, nil
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

// cost estimates what cells of a key have in common.
func (e *estimator) cost(c *Cell, key costKey) (*cost, error) {
	cfg := c.plan.config
	reg := cfg.Regime
	parts, err := e.partsOf(c, key.partsKey, reg)
	if err != nil {
		return nil, err
	}
	if cfg.FastDevRun {
		train := parts.Train
		parts.Train, parts.Val, parts.Test = pipeline.FastParts(reg.Batch, parts.Train, parts.Val, parts.Test)
		parts.All = parts.Train + parts.Val + parts.Test
		for class := range parts.classes {
			parts.classes[class] = int(math.Round(float64(parts.classes[class]*parts.Train) / float64(max(1, train))))
		}
	}
	k := &cost{photos: photosKey{cfg.Network.PhotoSize(), cfg.Network.Resize}}
	p := &k.plan
	p.label = strings.Join(append(slices.Clone(c.plan.words), c.plan.after...), " ")
	p.Epochs = [2]int{reg.Epochs, reg.Epochs}
	if reg.EarlyStop.Patience > 0 {
		p.Epochs[0] = min(reg.Epochs, reg.EarlyStop.Patience+1)
	}
	train, infer := works(cfg, c.plan.size)
	step, image := e.of(train), e.of(infer)
	image.seconds /= float64(infer.batch)
	e.note(cfg, bench.Train, train, step)
	e.note(cfg, bench.Infer, infer, image)
	p.StepSeconds, p.ImageSeconds = step.seconds, image.seconds
	p.Basis.Train, p.Basis.Infer = step.String(), image.String()
	p.Within = max(step.within, image.within)
	if step.within == 0 || image.within == 0 {
		p.Within = 0
	}

	images := training.EpochImages(reg, parts.classes)
	p.StepsPerEpoch = (images + reg.Batch - 1) / reg.Batch
	selects := cmp.Or(parts.Val, parts.Test)
	epochs := float64(reg.Epochs)
	both := Seconds{
		Train:    epochs * step.seconds * float64(images) / float64(reg.Batch), // the last batch of an epoch may be smaller
		Validate: epochs * image.seconds * padded(selects, infer.batch),
		Test:     image.seconds * padded((parts.Val+parts.Test)*max(1, cfg.Network.Views), infer.batch),
	}
	saved := c.plan.size.values + 2*c.plan.size.trained // the weights and Adam's two moments
	if reg.EMA > 0 {
		saved += c.plan.size.trained
	}
	if reg.Accumulate > 1 {
		saved += c.plan.size.trained
	}
	side := cfg.Network.PhotoSize()
	p.PhotoBytes = int64(parts.All) * int64(side*side*3)
	if h := e.host(side); h != nil {
		save := h.SaveSeconds + h.SaveSecondsPerGB*float64(4*saved)/1e9
		both.Test += h.LoadSecondsPerGB * float64(4*saved) / 1e9                                 // the best
		both.Save = epochs * 2 * save                                                            // the newest and, at most, the best
		both.Test += 2 * h.MetricsSecondsPer1000 * float64(cmp.Or(parts.Test, parts.Val)) / 1000 // for the folder and for the answer
		both.Photos = h.OpenSecondsPerGB * float64(p.PhotoBytes) / 1e9
	} else {
		e.miss("host", "photos, checkpoints and metrics", "not counted", []string{"--mode=host", fmt.Sprintf("--size=%d", side)})
	}
	k.perEpoch = (both.Train + both.Validate + both.Save) / epochs
	k.cold, k.cached = both, both
	if h := e.host(side); h != nil {
		k.cold.Photos += h.PhotoSeconds * float64(parts.All)
		if key.testData { // decoded each time
			k.cold.Test += h.PhotoSeconds * float64(parts.Test)
			k.cached.Test += h.PhotoSeconds * float64(parts.Test)
		}
	}
	e.compiling(k, reg, images%reg.Batch != 0, train, infer)
	if cfg.FeatureCache {
		e.features(k, cfg, c.plan.size, parts)
	}
	if memory := e.memory(train) + e.memory(infer); memory > 0 {
		p.MemoryBytes = int64(memory)
	}
	return k, nil
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

// compiling fills in the time of compiling: the step's program for each set of frozen layers,
// and once more where the last batch is smaller; that of predictions in the training, and
// after it.
func (e *estimator) compiling(k *cost, reg *spec.Regime, rest bool, train, infer stepWork) {
	steps := float64(training.FrozenSets(reg))
	if rest {
		steps *= 2
	}
	compiled, loaded := e.compile(train)
	inferCompiled, inferLoaded := e.compile(infer)
	if compiled == 0 {
		e.miss("compile", "compiling", "not counted", nil)
	}
	if e.cuda() { // keeps no programs
		loaded, inferLoaded = compiled, inferCompiled
	}
	k.cold.Compile = steps*compiled + inferCompiled + inferLoaded
	k.cached.Compile = steps*loaded + 2*inferLoaded
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

// features fills in the time of computing the features of all photos.
func (e *estimator) features(k *cost, cfg run.Config, size networkSize, parts Parts) {
	whole := cfg
	whole.FeatureCache = false
	_, infer := works(whole, size)
	image := e.of(infer)
	e.note(whole, bench.Infer, infer, image)
	k.cold.Features = image.seconds / float64(infer.batch) * padded(parts.All, infer.batch)
	if views := cfg.Network.Views; views > 0 { // turned photos have no features that are kept
		seconds := image.seconds / float64(infer.batch) * padded((parts.Val+parts.Test)*views, infer.batch)
		k.cold.Test, k.cached.Test = k.cold.Test+seconds, k.cached.Test+seconds
	}
	network := cfg.Network // as training.Photos keeps them: whatever head, regime and split are
	k.features = featuresKey{spec.Network{Backbone: network.Backbone, Cut: network.Cut, Size: network.Size, ChannelOrder: network.ChannelOrder,
		Preprocess: network.Preprocess, Resize: network.Resize, Oversample: network.Oversample}, cfg.Init}
}

// note records work that was not measured as it is.
func (e *estimator) note(cfg run.Config, mode string, w stepWork, t estimate) {
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
	e.miss(what, what, t.String(), args)
}

func (e *estimator) miss(key, what, basis string, command []string) {
	if e.missing[key] == nil {
		e.missing[key] = &Missing{What: what, Basis: basis, Command: command}
	}
	if !slices.Contains(e.lacks, key) {
		e.lacks = append(e.lacks, key)
	}
}

// ham10000Parts are the numbers of photos of HAM10000 by protocol, at seed 1; TestHAM10000Parts compares
// them with the splits.
var ham10000Parts = map[string]Parts{
	split.Paper:    {All: 10015, Train: 8962, Val: 996},
	split.Datta828: {All: 10015, Train: 8236, Val: 951, Test: 828},
	split.Grouped:  {All: 10015, Train: 7035, Val: 991, Test: 1989},
	split.ISIC2018: {All: 10015, Train: 9021, Val: 994},
	split.LeakPair: {All: 10015, Train: 5704, Val: 1005, Test: 1802},
}

// ham10000Classes are the photos of each class, and without an age.
var ham10000Classes = []int{327, 514, 1099, 115, 1113, 6705, 142}

const (
	ham10000Ageless = 57
	officialTest    = 1512 // photos of ISIC 2018's test
)

// partsOf are the numbers of photos of a cell's parts.
func (e *estimator) partsOf(c *Cell, key partsKey, reg *spec.Regime) (p Parts, err error) {
	if known, ok := e.parts[key]; ok {
		p = known
	} else {
		if e.opts.Data != nil {
			p, err = drawn(e.opts.Data, c.begin())
		} else {
			p = typical(key)
		}
		if err != nil {
			return p, err
		}
		e.parts[key] = p
	}
	p.classes = slices.Clone(p.classes)
	if e.opts.Data == nil && reg.MissingAge == spec.DropAge && key.protocol != split.Paper {
		p.Val -= p.Val * ham10000Ageless / p.All
		for class := range p.classes {
			p.classes[class] -= p.classes[class] * ham10000Ageless / p.All
		}
	}
	return p, nil
}

// typical are the parts of HAM10000.
func typical(key partsKey) Parts {
	p, o := ham10000Parts[key.protocol], key.options
	switch {
	case o.TestShare > 0:
		all := p.Train + p.Val
		p.Val = int(math.Round(float64(all) * o.TestShare))
		p.Train = all - p.Val
	case o.AsRun:
		p.Train, p.Val = p.Train+p.Val, 0
	case o.Folds > 0:
		p.Test = p.All / o.Folds
		p.Val = (p.All - p.Test) / 8
		p.Train = p.All - p.Test - p.Val
	}
	if key.testData {
		p.Test = officialTest
	}
	rest := p.Train
	for _, n := range ham10000Classes {
		p.classes = append(p.classes, n*p.Train/p.All)
		rest -= n * p.Train / p.All
	}
	p.classes[slices.Index(ham10000Classes, slices.Max(ham10000Classes))] += rest
	return p
}

// drawn are the parts of a data set, by a split that is drawn.
func drawn(data *ham10000.Dataset, begin pipeline.Begin) (p Parts, err error) {
	s, err := split.New(begin.Protocol, data.Records, begin.Split)
	if err != nil {
		return p, err
	}
	p = Parts{All: len(data.Records), Train: len(s.Part(split.Train)), Val: len(s.Part(split.Val)), Test: len(s.Part(split.Test)), classes: make([]int, ham10000.NumClasses)}
	for _, row := range s.Part(split.Train) {
		class, err := ham10000.ClassIndex(row.Dx)
		if err != nil {
			return p, err
		}
		p.classes[class]++
	}
	return p, nil
}

// PlanGroup is what cells have in common that differ in seed and split alone.
type PlanGroup struct {
	What          string
	Cells         int
	Epochs, Steps [2]int     // Steps are of an epoch
	Hours         [2]float64 // of a cell
	StepSeconds   float64
	MemoryBytes   int64
	Basis         string
}

// Groups lists the cells by network, regime and options; with each, a group for every cell,
// by its name.
func (p *Plan) Groups(each bool) []PlanGroup {
	var groups []PlanGroup
	at := map[string]int{}
	for _, c := range p.Cells {
		what := c.label
		if each {
			what = c.Name
		}
		hours := [2]float64{c.Seconds[0] / 3600, c.Seconds[1] / 3600}
		i, known := at[what]
		if !known {
			basis := c.Basis.Train
			if c.Basis.Infer != basis {
				basis += "; predictions: " + c.Basis.Infer
			}
			at[what] = len(groups)
			groups = append(groups, PlanGroup{what, 1, c.Epochs, [2]int{c.StepsPerEpoch, c.StepsPerEpoch}, hours, c.StepSeconds, c.MemoryBytes, basis})
			continue
		}
		g := &groups[i]
		g.Cells++
		g.Epochs = [2]int{min(g.Epochs[0], c.Epochs[0]), max(g.Epochs[1], c.Epochs[1])}
		g.Hours = [2]float64{min(g.Hours[0], hours[0]), max(g.Hours[1], hours[1])}
		g.Steps = [2]int{min(g.Steps[0], c.StepsPerEpoch), max(g.Steps[1], c.StepsPerEpoch)}
		g.MemoryBytes = max(g.MemoryBytes, c.MemoryBytes)
	}
	return groups
}
