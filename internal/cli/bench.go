package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/bench"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
)

type benchCommand struct {
	Backbone string `help:"Network: ${enum} (default: ${default})." default:"mobilenet_v2" enum:"${backbones}" placeholder:"NAME"`
	Mode     string `help:"What to time: ${enum} (default: ${default}). 'host' is what a training does beside: decoding photos (those of --data, if it is given), opening their cache, saving, computing metrics." default:"both" enum:"train,infer,both,host" placeholder:"WORD"`
	Size     []int  `help:"Image width and height in pixels; several are measured one by one (default: the network's own)." placeholder:"PX"`
	Batch    int    `help:"Images a step (default: ${default})." default:"32" placeholder:"N"`
	WarmUp   int    `help:"Steps after the first that are not timed (default: ${default})." default:"2" placeholder:"N"`
	Steps    int    `help:"Steps that are timed (default: ${default})." default:"10" placeholder:"N"`

	Devices      int     `help:"Devices of the engine that share each batch of a training (default: ${default})." default:"1" placeholder:"N"`
	Precision    *string `help:"Number format of matrix products and convolutions in training: ${enum} (default: float32)." enum:"bf16" placeholder:"WORD"`
	ProgramCache bool    `help:"Load the programs that were compiled before, in place of compiling them: 'compile' is then the time to load them."`
	Cut          string  `help:"Layer at which the backbone ends (default: where the authors cut it)." placeholder:"LAYER"`
	Features     bool    `name:"feature-cache" help:"With --freeze backbone and no augmentation: measure the training on features that were computed once."`
	regimeFlags
}

// Run measures one configuration, or starts a process for each of several.
func (c *benchCommand) Run(s *session) error {
	configs, err := c.configs(s.seed())
	if err != nil {
		return err
	}
	if c.Mode == bench.Host {
		return c.host(s, configs)
	}
	eng, err := s.openEngineWith(engine.Options{CompileAnew: !c.ProgramCache, Devices: c.Devices})
	if err != nil {
		return err
	}
	s.log(fmt.Sprintf("engine: %s", eng))
	if note := training.PrecisionNote(&spec.Regime{Precision: word(c.Precision)}, eng); note != "" {
		s.log("note: " + note)
	}
	var results []bench.Result
	if len(configs) == 1 {
		result, err := bench.Measure(s.ctx, eng, configs[0])
		if err != nil {
			return err
		}
		results = []bench.Result{result}
	} else {
		kind := eng.Kind
		eng.Backend.Finalize() // it has been found and, if need be, fetched: the children start their own
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("starting a process for each measurement: %w", err)
		}
		for _, cfg := range configs {
			s.log(fmt.Sprintf("measuring %s of %s at %d px", cfg.Mode, cfg.Backbone, cfg.Size))
			result, err := measureApart(s.ctx, self, kind, cfg, c)
			if err != nil {
				return err
			}
			results = append(results, result)
		}
	}
	if s.JSON {
		return answerEach(s, results)
	}
	return writeBenchTable(s.stdout, results)
}

// configs returns the measurements that the flags ask for.
func (c *benchCommand) configs(seed uint64) ([]bench.Config, error) {
	modes := []string{c.Mode}
	if c.Mode == "both" {
		modes = bench.Modes
	}
	sizes := c.Size
	if len(sizes) == 0 {
		b, err := backbone.Find(c.Backbone)
		if err != nil {
			return nil, err
		}
		sizes = []int{b.Input}
	}
	switch {
	case slices.Min(sizes) < 1:
		return nil, usagef("--size must be above 0")
	case c.Batch < 1:
		return nil, usagef("--batch must be above 0")
	case c.WarmUp < 0:
		return nil, usagef("--warm-up must not be below 0")
	case c.Steps < 1:
		return nil, usagef("--steps must be above 0")
	case c.Devices < 1:
		return nil, usagef("--devices must be above 0")
	case c.Batch%c.Devices != 0:
		return nil, usagef("--devices: %w", &training.BatchError{Batch: c.Batch, Devices: c.Devices})
	}
	var configs []bench.Config
	for _, mode := range modes {
		for _, size := range sizes {
			cfg := bench.Config{Backbone: c.Backbone, Mode: mode, Size: size, Batch: c.Batch, WarmUp: c.WarmUp, Steps: c.Steps, Seed: seed, Precision: word(c.Precision)}
			if err := c.trained(&cfg); err != nil {
				return nil, err
			}
			configs = append(configs, cfg)
		}
	}
	return configs, nil
}

// trained fills in what a training by the flags of the regime, if any are given, would have.
func (c *benchCommand) trained(cfg *bench.Config) error {
	cfg.ProgramCache, cfg.FeatureCache = c.ProgramCache, c.Features
	changes := c.changes()
	if c.Regime == nil && len(changes) == 0 && c.Cut == "" && !c.Features {
		return nil
	}
	opts, err := pipeline.Begin{Backbone: cfg.Backbone, Regime: word(c.Regime), Split: split.Options{Seed: 1}, Size: cfg.Size, Cut: c.Cut, FeatureCache: c.Features, Changes: changes}.Options()
	if err == nil {
		_, err = opts.Config()
	}
	if err != nil {
		return optionUsage(err)
	}
	cfg.Regime, cfg.Network = &opts.Regime, &opts.Network
	return nil
}

// regimeArguments are the flags that trained read, for a process of its own.
func (c *benchCommand) regimeArguments() (args []string) {
	if c.Regime != nil {
		args = append(args, "--regime="+*c.Regime)
	}
	if c.Cut != "" {
		args = append(args, "--cut="+c.Cut)
	}
	if c.Features {
		args = append(args, "--feature-cache")
	}
	for _, change := range c.changes() {
		switch v := change.Value; {
		case v.Kind() == reflect.Slice:
			var elements []string
			for i := range v.Len() {
				elements = append(elements, fmt.Sprint(v.Index(i)))
			}
			args = append(args, "--"+change.Flag+"="+strings.Join(elements, ","))
		case v.Kind() == reflect.Bool && !v.Bool():
			args = append(args, "--"+"no-"+change.Flag)
		default:
			args = append(args, fmt.Sprintf("--%s=%v", change.Flag, v))
		}
	}
	return args
}

// host measures what a training does beside its steps.
func (c *benchCommand) host(s *session, configs []bench.Config) error {
	var data *ham10000.Dataset
	if s.Data != "" {
		var err error
		if data, err = s.openData(); err != nil {
			return err
		}
	}
	var results []bench.Result
	for _, cfg := range configs {
		result, err := bench.MeasureHost(s.ctx, data, cfg.Size)
		if err != nil {
			return err
		}
		results = append(results, result)
	}
	if s.JSON {
		return answerEach(s, results)
	}
	table := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "px\tphoto\topen\tsave\tsave\tmetrics\t")
	for _, r := range results {
		h := r.Host
		fmt.Fprintf(table, "%d\t%.2f ms\t%.2f s/GB\t%.3f s\t+ %.2f s/GB\t%.2f s/1000\t\n", r.Size, 1000*h.PhotoSeconds, h.OpenSecondsPerGB, h.SaveSeconds, h.SaveSecondsPerGB, h.MetricsSecondsPer1000)
	}
	return table.Flush()
}

// measureApart makes a measurement in a process of its own, which runs program.
func measureApart(ctx context.Context, program, engine string, cfg bench.Config, c *benchCommand) (result bench.Result, err error) {
	child := exec.CommandContext(ctx, program, "bench", "--json", "--quiet", "--engine", engine, fmt.Sprintf("--program-cache=%t", c.ProgramCache), "--devices", fmt.Sprint(c.Devices),
		"--backbone", cfg.Backbone, "--mode", cfg.Mode, "--size", fmt.Sprint(cfg.Size),
		"--batch", fmt.Sprint(cfg.Batch), "--warm-up", fmt.Sprint(cfg.WarmUp), "--steps", fmt.Sprint(cfg.Steps), "--seed", fmt.Sprint(cfg.Seed))
	if cfg.Precision != "" {
		child.Args = append(child.Args, "--precision", cfg.Precision)
	}
	child.Args = append(child.Args, c.regimeArguments()...)
	var stdout, stderr bytes.Buffer
	child.Stdout, child.Stderr = &stdout, &stderr
	err = child.Run()
	if ctx.Err() != nil {
		return result, ctx.Err()
	}
	if err == nil {
		err = json.Unmarshal(stdout.Bytes(), &result)
	} else if said := lastError(stderr.String()); said != "" {
		err = fmt.Errorf("%s (%w)", said, err)
	}
	if err != nil {
		return result, fmt.Errorf("measuring %s of %s at %d px in a process of its own: %w", cfg.Mode, cfg.Backbone, cfg.Size, err)
	}
	return result, nil
}

// lastError returns the last error line of a child's standard error, without the
// program's name.
func lastError(stderr string) string {
	var last string
	for line := range strings.Lines(stderr) {
		if said, found := strings.CutPrefix(line, "skinattn: "); found {
			last = strings.TrimSpace(said)
		}
	}
	return last
}

// writeBenchTable is the answer for people.
func writeBenchTable(w io.Writer, results []bench.Result) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "backbone\tmode\tpx\tbatch\timages/s\tstep\tfastest\tslowest\tcompile\tpeak memory\t")
	for _, r := range results {
		peak := "unknown"
		if r.PeakRSSBytes > 0 {
			peak = fmt.Sprintf("%.2f GB", float64(r.PeakRSSBytes)/1e9)
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%.1f\t%.3f s\t%.3f s\t%.3f s\t%.1f s\t%s\t\n", r.Backbone, r.Mode, r.Size, r.Batch,
			r.ImagesPerSecond, r.MedianStep(), slices.Min(r.StepSeconds), slices.Max(r.StepSeconds), r.CompileSeconds, peak)
	}
	return table.Flush()
}
