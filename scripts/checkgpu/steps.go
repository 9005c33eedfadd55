package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/bench"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/synthetic"
)

// command runs a program to its end and returns its standard output. The error ends with
// the last line of its standard error.
func command(ctx context.Context, env []string, name string, args ...string) (stdout []byte, err error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	// What the program has started, such as the test program of 'go test', ends with it, and nobody
	// waits for those that hold its pipes.
	withChildren(cmd)
	cmd.WaitDelay = 5 * time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err = cmd.Run(); err != nil {
		err = fmt.Errorf("%s %s: %w", filepath.Base(name), strings.Join(args[:min(2, len(args))], " "), err)
		if said := strings.TrimSpace(errs.String()); said != "" {
			err = fmt.Errorf("%w: %s", err, said[strings.LastIndex(said, "\n")+1:])
		}
	}
	return out.Bytes(), err
}

// run runs the program on the engine.
func (c *check) run(ctx context.Context, env []string, args ...string) ([]byte, error) {
	return command(ctx, env, c.skinattn, append(args, "--engine", c.Engine, "--quiet")...)
}

// install builds the program, and fetches the engine's plug-in and libraries.
func (c *check) install(ctx context.Context) (any, string, error) {
	if c.Engine == engine.CUDA {
		seen, err := command(ctx, nil, "nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader")
		if err != nil {
			return nil, "", err
		}
		c.GPUs = strings.Split(strings.TrimSpace(string(seen)), "\n")
	}
	if _, err := command(ctx, nil, "go", "build", "-o", c.skinattn, "./cmd/skinattn"); err != nil {
		return nil, "", err
	}
	text, err := c.run(ctx, nil, "doctor", "--fetch", "--json")
	if err != nil {
		return nil, "", err
	}
	var d struct {
		Findings []struct {
			What, Detail string
			OK           bool
		}
		Environment run.Environment
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, "", fmt.Errorf("doctor --json: %w", err)
	}
	c.Environment = d.Environment
	for _, f := range d.Findings {
		switch {
		case f.What == "engine" && (!f.OK || d.Environment.Engine != c.Engine):
			return nil, "", errors.New(f.Detail)
		case f.What == "devices":
			if c.devices, err = strconv.Atoi(f.Detail); err != nil {
				return nil, "", err
			}
		}
	}
	return nil, fmt.Sprintf("%s, devices: %d", c.Environment.Plugin, c.devices), nil
}

// goldens compares the networks with Keras's values: predictions and a training step.
func (c *check) goldens(ctx context.Context) (any, string, error) {
	args := []string{"test", "./pkg/skinattn", "-count=1", "-json", "-timeout=0"}
	if c.Quick {
		args = append(args, "-run", "TestForwardEqualsKeras/.*_(64|96|128)$|TestVariantsEqualKeras|TestTrainingStepEqualsKeras")
	} else {
		args = append(args, "-run", "TestForwardEqualsKeras|TestVariantsEqualKeras|TestTrainingStepEqualsKeras", "-long")
	}
	text, err := command(ctx, []string{engine.EnvEngine + "=" + c.Engine}, "go", args...)
	results := map[string][]string{} // names by what became of them
	for line := range bytes.Lines(text) {
		var event struct{ Action, Test string }
		// A test with subtests only sums them up.
		if json.Unmarshal(line, &event) == nil && strings.Contains(event.Test, "/") && slices.Contains([]string{"pass", "fail", "skip"}, event.Action) {
			results[event.Action] = append(results[event.Action], event.Test)
		}
	}
	detail := fmt.Sprintf("%d tests of %d networks passed, %d failed, %d were skipped", len(results["pass"]), len(backbone.Table), len(results["fail"]), len(results["skip"]))
	if err == nil && len(results["pass"]) == 0 {
		err = errors.New("no test was run")
	}
	return results, detail, err
}

// data is a folder with n synthetic photos.
func (c *check) data(ctx context.Context, n int) (string, error) {
	dir := filepath.Join(c.temp, fmt.Sprintf("data-%d", n))
	return dir, synthetic.Generate(ctx, dir, synthetic.Options{Images: n, Seed: 1}, nil)
}

// pick is small for a quick check.
func (c *check) pick(small, whole int) int {
	if c.Quick {
		return small
	}
	return whole
}

// train trains on the data for an epoch and returns the run folder.
func (c *check) train(ctx context.Context, env []string, name, data, network string, size int, more ...string) (*run.Folder, error) {
	dir := filepath.Join(c.temp, name)
	args := append([]string{"train", "--backbone", network, "--data", data, "--protocol", "grouped", "--regime", "modern",
		"--epochs", "1", "--weights", "random", "--size", fmt.Sprint(size), "--run", dir}, more...)
	if c.Quick { // the first blocks of MobileNetV2, which XLA compiles in seconds
		args = append(args, "--cut", "block_1_depthwise")
	}
	if _, err := c.run(ctx, env, args...); err != nil {
		return nil, err
	}
	return run.Open(dir)
}

// equalBytes trains the same network twice, with XLA's flag for equal bytes.
func (c *check) equalBytes(ctx context.Context) (any, string, error) {
	data, err := c.data(ctx, c.pick(70, 350))
	if err != nil {
		return nil, "", err
	}
	var env []string
	if c.Engine == engine.CUDA {
		env = []string{"XLA_FLAGS=" + strings.TrimSpace(os.Getenv("XLA_FLAGS")+" --xla_gpu_deterministic_ops=true")}
	}
	networks := []string{"mobilenet_v2", "resnet50"}[:c.pick(1, 2)]
	sums := map[string]string{}
	for _, network := range networks {
		for again := range 2 {
			f, err := c.train(ctx, env, fmt.Sprintf("equal-%s-%d", network, again), data, network, c.pick(64, 128))
			if err != nil {
				return nil, "", err
			}
			sum, err := contents(f.Dir)
			if err != nil {
				return nil, "", err
			}
			if sums[network] != "" && sums[network] != sum {
				return nil, "", fmt.Errorf("two equal runs of %s have other weights or predictions", network)
			}
			sums[network] = sum
		}
	}
	return sums, "weights and predictions: " + strings.Join(networks, ", "), nil
}

// contents is a SHA-256 over the weights and predictions in a run folder.
func contents(dir string) (string, error) {
	hash := sha256.New()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".safetensors" && !strings.HasPrefix(entry.Name(), "predictions-") {
			return err
		}
		content, err := os.ReadFile(path)
		fmt.Fprintf(hash, "%s %d\n", entry.Name(), len(content))
		hash.Write(content)
		return err
	})
	return fmt.Sprintf("%x", hash.Sum(nil)), err
}

// epoch trains the regime modern for an epoch, on HAM10000 if $SKINATTN_DATA names it.
func (c *check) epoch(ctx context.Context) (any, string, error) {
	data, what := os.Getenv("SKINATTN_DATA"), "HAM10000"
	if data == "" || c.Quick {
		what = "synthetic photos"
		var err error
		if data, err = c.data(ctx, c.pick(140, 2000)); err != nil {
			return nil, "", err
		}
	}
	f, err := c.train(ctx, nil, "epoch", data, "mobilenet_v2", c.pick(64, 224))
	if err != nil {
		return nil, "", err
	}
	history, err := f.History()
	if err != nil {
		return nil, "", err
	}
	row := history[0]
	return row, fmt.Sprintf("mobilenet_v2 on %s: %.0f images/s, waiting for photos %.0f %% of the time", what, row.TrainImagesPerSecond, 100*row.InputWait), nil
}

// severalDevices trains on one device and on several, which must come to the same.
func (c *check) severalDevices(ctx context.Context) (any, string, error) {
	devices := c.devices
	if c.Engine == engine.CPU {
		devices = 2 // virtual ones
	}
	for devices > 1 && 32%devices != 0 { // the batch of modern
		devices--
	}
	if devices < 2 {
		return nil, "", fmt.Errorf("%w: the engine has one device", errLeftOut)
	}
	data, err := c.data(ctx, c.pick(70, 350))
	if err != nil {
		return nil, "", err
	}
	losses := map[int]float64{}
	for _, n := range []int{1, devices} {
		f, err := c.train(ctx, nil, fmt.Sprintf("devices-%d", n), data, "mobilenet_v2", c.pick(64, 128), "--devices", fmt.Sprint(n))
		if err != nil {
			return nil, "", err
		}
		history, err := f.History()
		if err != nil {
			return nil, "", err
		}
		losses[n] = history[0].TrainLoss
	}
	detail := fmt.Sprintf("mean loss of the epoch on one device %.7g, on %d %.7g", losses[1], devices, losses[devices])
	if math.Abs(losses[devices]/losses[1]-1) > 1e-3 {
		return losses, detail, errors.New("they differ by more than rounding")
	}
	return losses, detail, nil
}

// measure answers 'skinattn bench' for a network.
func (c *check) measure(ctx context.Context, network, mode string, more ...string) (bench.Result, error) {
	b, err := backbone.Find(network)
	if err != nil {
		return bench.Result{}, err
	}
	size := b.Input
	if c.Quick {
		for size = 64; b.CheckSize(size, "") != nil; size += 32 {
		}
	}
	args := append([]string{"bench", "--backbone", network, "--mode", mode, "--size", fmt.Sprint(size),
		"--batch", fmt.Sprint(c.pick(2, 32)), "--warm-up", fmt.Sprint(c.pick(0, 2)), "--steps", fmt.Sprint(c.pick(2, 10)), "--program-cache", "--json"}, more...)
	text, err := c.run(ctx, nil, args...)
	if err != nil {
		return bench.Result{}, err
	}
	var r bench.Result
	return r, json.Unmarshal(text, &r)
}

// bfloat16 measures a training step in both precisions.
func (c *check) bfloat16(ctx context.Context) (any, string, error) {
	network := "resnet50"
	if c.Quick {
		network = "mobilenet_v2"
	}
	single, err := c.measure(ctx, network, bench.Train)
	if err != nil {
		return nil, "", err
	}
	half, err := c.measure(ctx, network, bench.Train, "--precision", spec.BFloat16)
	if err != nil {
		return nil, "", err
	}
	return []bench.Result{single, half}, fmt.Sprintf("%s trains %.2f times as fast as in float32", network, half.ImagesPerSecond/single.ImagesPerSecond), nil
}

// speed measures every network: predictions, and training steps, which a quick check leaves
// out. A network that fails, as for lack of memory, does not stop the others.
func (c *check) speed(ctx context.Context) (any, string, error) {
	var results []bench.Result
	var missing []string
	var first error
	for _, mode := range []string{bench.Infer, bench.Train}[:c.pick(1, 2)] {
		for _, b := range backbone.Table {
			r, err := c.measure(ctx, b.Name, mode)
			if err != nil {
				missing = append(missing, mode+" "+b.Name)
				if first == nil && ctx.Err() == nil {
					first = err
				}
				continue
			}
			results = append(results, r)
		}
	}
	detail := fmt.Sprintf("%d measurements", len(results))
	if len(missing) > 0 {
		detail += "; not measured: " + strings.Join(missing, ", ")
	}
	return results, detail, first
}
