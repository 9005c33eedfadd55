package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/bench"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
)

type benchCommand struct {
	Backbone string `help:"Network: ${enum} (default: ${default})." default:"mobilenet_v2" enum:"${backbones}" placeholder:"NAME"`
	Mode     string `help:"What to time: ${enum} (default: ${default})." default:"both" enum:"train,infer,both" placeholder:"WORD"`
	Size     []int  `help:"Image width and height in pixels; several are measured one by one (default: the network's own)." placeholder:"PX"`
	Batch    int    `help:"Images a step (default: ${default})." default:"32" placeholder:"N"`
	WarmUp   int    `help:"Steps after the first that are not timed (default: ${default})." default:"2" placeholder:"N"`
	Steps    int    `help:"Steps that are timed (default: ${default})." default:"10" placeholder:"N"`

	Devices      int     `help:"Devices of the engine that share each batch of a training (default: ${default})." default:"1" placeholder:"N"`
	Precision    *string `help:"Number format of matrix products and convolutions in training: ${enum} (default: float32)." enum:"bf16" placeholder:"WORD"`
	ProgramCache bool    `help:"Load the programs that were compiled before, in place of compiling them: 'compile' is then the time to load them."`
}

// Run measures one configuration, or starts a process for each of several.
func (c *benchCommand) Run(s *session) error {
	configs, err := c.configs(s.seed())
	if err != nil {
		return err
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
			configs = append(configs, bench.Config{
				Backbone: c.Backbone, Mode: mode, Size: size, Batch: c.Batch, WarmUp: c.WarmUp, Steps: c.Steps, Seed: seed, Precision: word(c.Precision)})
		}
	}
	return configs, nil
}

// measureApart makes a measurement in a process of its own, which runs program.
func measureApart(ctx context.Context, program, engine string, cfg bench.Config, c *benchCommand) (result bench.Result, err error) {
	child := exec.CommandContext(ctx, program, "bench", "--json", "--quiet", "--engine", engine, fmt.Sprintf("--program-cache=%t", c.ProgramCache), "--devices", fmt.Sprint(c.Devices),
		"--backbone", cfg.Backbone, "--mode", cfg.Mode, "--size", fmt.Sprint(cfg.Size),
		"--batch", fmt.Sprint(cfg.Batch), "--warm-up", fmt.Sprint(cfg.WarmUp), "--steps", fmt.Sprint(cfg.Steps), "--seed", fmt.Sprint(cfg.Seed))
	if cfg.Precision != "" {
		child.Args = append(child.Args, "--precision", cfg.Precision)
	}
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
