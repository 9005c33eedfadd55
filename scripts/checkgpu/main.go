// Command checkgpu runs every part of the program on a GPU, in at most ten minutes, and
// writes what it saw to a JSON file: installation, agreement with Keras, equal bytes of equal
// runs, an epoch of the regime modern, several devices, bfloat16, and the speed of every
// network. With -cpu the engine is XLA on the CPU, and with -quick every step is small:
// scripts/check-gpu.sh --cpu --quick tries the steps themselves.
//
// Measurements come last, since they can take whatever time is left: what is not measured
// is named.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// report is the JSON file.
type report struct {
	Date        string          `json:"date"`
	Engine      string          `json:"engine"`
	Quick       bool            `json:"quick"`
	OK          bool            `json:"ok"` // no step failed
	Seconds     float64         `json:"seconds"`
	GPUs        []string        `json:"gpus"` // name, driver and memory of each
	Environment run.Environment `json:"environment"`
	Steps       []*step         `json:"steps"`
}

// Results of a step.
const (
	passed      = "ok"
	failed      = "failed"
	tooLate     = "out of time" // it was stopped, or not begun
	interrupted = "interrupted" // likewise, by a signal
	leftOut     = "left out"    // there is nothing to do
)

// step is a part of the check with its result.
type step struct {
	Name    string  `json:"name"`
	Result  string  `json:"result"`
	Seconds float64 `json:"seconds"`
	Detail  string  `json:"detail"`           // in words
	Values  any     `json:"values,omitempty"` // numbers, such as answers of 'skinattn bench --json'
}

// errLeftOut says, with a reason, that a step does not apply.
var errLeftOut = errors.New("left out")

// check is a check in progress.
type check struct {
	report
	temp     string // a folder for everything that is not kept
	skinattn string // the program
	devices  int    // of the engine
}

func main() { os.Exit(checkGPU(os.Args[1:])) }

// checkGPU does what the arguments say, and returns the exit code.
func checkGPU(args []string) int {
	flags := flag.NewFlagSet("check-gpu", flag.ContinueOnError)
	temp := flags.String("temp", "", "folder with nothing but this program, for what is not kept; it is removed at the end (default: a new one)")
	root := flags.String("root", ".", "folder of the module")
	out := flags.String("out", "check-gpu.json", "file to write")
	minutes := flags.Float64("minutes", 10, "what is not done after this time is left out; 0: no limit")
	onCPU := flags.Bool("cpu", false, "check XLA on the CPU")
	quick := flags.Bool("quick", false, "small networks, few photos, few steps")
	err := flags.Parse(args)
	if *temp != "" {
		if self, _ := os.Executable(); !holdsOnly(*temp, self) {
			fmt.Fprintf(os.Stderr, "check-gpu: wrong usage: -temp: %s holds something else than this program\n", *temp)
			return 2
		}
		defer os.RemoveAll(*temp)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0 || !(*minutes >= 0):
		fmt.Fprintln(os.Stderr, "check-gpu: wrong usage: there are flags only, and --minutes must not be negative")
		return 2
	}
	if *out, err = filepath.Abs(*out); err == nil {
		err = enter(*root)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "check-gpu:", err)
		return 1
	}
	signalled, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx := signalled
	if *minutes > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(*minutes*float64(time.Minute)))
		defer cancel()
	}
	kind := engine.CUDA
	if *onCPU {
		kind = engine.CPU
	}
	ok, err := perform(ctx, *temp, kind, *quick, *out)
	if err != nil {
		fmt.Fprintln(os.Stderr, "check-gpu:", err)
	}
	switch {
	case err != nil || !ok:
		return 1
	case signalled.Err() != nil:
		return 130
	}
	return 0
}

// holdsOnly reports whether a folder has nothing but a file.
func holdsOnly(dir, file string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) == 1 && filepath.Join(dir, entries[0].Name()) == file
}

// enter goes to the module's folder, where the commands of the steps run.
func enter(root string) error {
	if data := os.Getenv("SKINATTN_DATA"); data != "" {
		path, err := filepath.Abs(data)
		if err == nil {
			err = os.Setenv("SKINATTN_DATA", path)
		}
		if err != nil {
			return err
		}
	}
	return os.Chdir(root)
}

// perform makes the check and writes the report. ok is false if a step failed. Without temp it
// makes a folder for what is not kept.
func perform(ctx context.Context, temp, kind string, quick bool, out string) (ok bool, err error) {
	start := time.Now()
	c := &check{report: report{Date: start.UTC().Format(time.DateOnly), Engine: kind, Quick: quick, OK: true, GPUs: []string{}}, temp: temp}
	if temp == "" {
		if c.temp, err = os.MkdirTemp("", "check-gpu-*"); err != nil {
			return false, err
		}
		defer os.RemoveAll(c.temp)
	}
	c.skinattn = filepath.Join(c.temp, "skinattn")
	for _, s := range []struct {
		name string
		do   func(context.Context) (values any, detail string, err error)
	}{
		{"install", c.install},
		{"agreement with Keras", c.goldens},
		{"equal bytes of equal runs", c.equalBytes},
		{"an epoch of modern", c.epoch},
		{"several devices", c.severalDevices},
		{"bfloat16", c.bfloat16},
		{"speed of every network", c.speed},
	} {
		done := c.step(ctx, s.name, s.do)
		c.Steps = append(c.Steps, done)
		c.OK = c.OK && done.Result != failed
		fmt.Fprintf(os.Stderr, "%-26s %-12s %6.0f s  %s\n", done.Name, done.Result, done.Seconds, done.Detail)
		if s.name == "install" && done.Result != passed {
			break // nothing else can work
		}
	}
	c.Seconds = rounded(time.Since(start).Seconds())
	err = atomicfile.WriteFile(out, func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(c.report)
	})
	return c.OK, err
}

// step does a step and says what became of it.
func (c *check) step(ctx context.Context, name string, do func(context.Context) (any, string, error)) *step {
	s, start := &step{Name: name, Result: ended(ctx)}, time.Now()
	if ctx.Err() != nil {
		return s
	}
	var err error
	s.Values, s.Detail, err = do(ctx)
	s.Seconds = rounded(time.Since(start).Seconds())
	switch {
	case errors.Is(err, errLeftOut):
		s.Result, s.Detail = leftOut, err.Error()
	case ctx.Err() != nil:
		if s.Result = ended(ctx); s.Detail == "" {
			s.Detail = "stopped"
		}
	case err != nil:
		s.Result = failed
		s.Detail = strings.Join(strings.Fields(strings.TrimPrefix(s.Detail+": "+err.Error(), ": ")), " ")
	default:
		s.Result = passed
	}
	return s
}

// ended is the result of a step that a context has ended.
func ended(ctx context.Context) string {
	if errors.Is(ctx.Err(), context.Canceled) {
		return interrupted
	}
	return tooLate
}

// rounded has three digits behind the point.
func rounded(seconds float64) float64 { return float64(int64(seconds*1000+.5)) / 1000 }
