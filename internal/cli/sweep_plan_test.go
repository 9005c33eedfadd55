package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/bench"
	"github.com/skinattn/skinattn/pkg/skinattn/sweep"
)

func TestSweepPlan(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	small := write("small.yaml", string(sweep.Example("small")))
	code, out, errs := call(t, "sweep", "plan", small, "--device", "epyc-2", "--price", "0.1", "--at-once", "2")
	if code != 0 || !strings.HasPrefix(out, "device: two cores of an AMD EPYC") || !strings.Contains(out, "\ntotal: 4 cells, ") || !strings.Contains(out, ", cost ") ||
		!strings.Contains(out, "\nlongest cell: mobilenet_v2-demo-grouped-seed1-64px-random-epochs5-") || !strings.Contains(out, "\nSlurm: --time 0:15:00 --mem 4G ") ||
		!strings.Contains(out, "skinattn bench --backbone=mobilenet_v2 --regime=demo --mode=train --size=64 --no-soft-attention --batch=16 --json") {
		t.Errorf("%d, %s\n%s", code, errs, out)
	}
	code, out, _ = call(t, "sweep", "plan", small, "--device", "v100", "--json")
	var plan sweep.Plan
	if err := json.Unmarshal([]byte(out), &plan); code != 0 || err != nil || len(plan.Cells) != 4 || plan.Hours[1] <= 0 || plan.Cost != nil {
		t.Errorf("%d, %v, %s", code, err, out)
	}
	measured := write("bench.json", `{"backbone": "mobilenet_v2", "mode": "train", "size": 64, "batch": 16, "engine": "cpu", "step_seconds": [0.1]}
[{"backbone": "mobilenet_v2", "mode": "infer", "size": 64, "batch": 32, "engine": "cpu", "step_seconds": [0.1]}]`)
	code, out, _ = call(t, "sweep", "plan", small, "--bench", measured, "--all")
	if code != 0 || strings.Count(out, "mobilenet_v2-demo-grouped-seed") != 5 || !strings.Contains(out, "measured in "+measured) || !strings.Contains(out, "bench --mode=host --size=64 --json") {
		t.Errorf("%d, %s", code, out)
	}
	for _, c := range []struct{ args, want string }{
		{small, "--bench and --device are empty"},
		{small + " --device abacus", `--device: device "abacus" is not in the table; choose one of epyc-2, v100`},
		{small + " --bench " + small, "--bench: " + small + ": it is no JSON"},
		{small + " --device v100 --price=-1", "--price must not be negative"},
		{small + " --device v100 --at-once 0", "--at-once must be above 0"},
		{small + " --device v100 --commands", "--commands plans nothing"},
		{measured + " --device v100", "wrong usage: " + measured},
	} {
		if code, _, errs := call(t, append([]string{"sweep", "plan"}, strings.Fields(c.args)...)...); code != exitUsage || !strings.Contains(errs, c.want) {
			t.Errorf("%s: code %d, %q", c.args, code, errs)
		}
	}
	if code, _, errs := call(t, "sweep", "plan", small, "--bench", filepath.Join(dir, "nothing")); code != exitFailed || !strings.Contains(errs, "no such file") {
		t.Errorf("no file: %d, %q", code, errs)
	}
}

// The commands that a plan prints are calls of bench, and what they measure is what the plan
// lacks: with answers to all of them, everything is measured.
func TestCommandsMeasureThePlan(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sweep.yaml")
	text := string(sweep.Example("paper")) + `
  - set: {backbone: mobilenet_v2, regime: modern, protocol: grouped, size: 96}
    axes: {ema: [0, .99], precision: [null, bf16], freeze: [null, ["block_1_"]]}
  - set: {backbone: mobilenet_v2, regime: demo, weights: random, protocol: grouped, freeze: [backbone], feature-cache: true, metadata-units: [64, 32]}
`
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, errs := call(t, "sweep", "plan", file, "--commands")
	if code != 0 {
		t.Fatal(errs)
	}
	var answers []bench.Result
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		grammar := newGrammar()
		parsed, err := newParser(grammar, nil, nil).Parse(strings.Fields(line)[1:])
		if err != nil || parsed.Command() != "bench" {
			t.Fatalf("%s: %v", line, err)
		}
		configs, err := grammar.Bench.configs(1)
		if err != nil || len(configs) != 1 {
			t.Fatalf("%s: %v", line, err)
		}
		answer, err := bench.Describe(configs[0])
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if answer.Mode == bench.Host {
			answer.Host = &bench.HostResult{PhotoSeconds: .001}
		} else {
			answer.StepSeconds, answer.CompileSeconds = []float64{1}, 1
		}
		answers = append(answers, answer)
	}
	measured, err := json.Marshal(answers)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bench.json")
	if err := os.WriteFile(path, measured, 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, errs = call(t, "sweep", "plan", file, "--bench", path, "--json")
	var plan sweep.Plan
	if err := json.Unmarshal([]byte(out), &plan); code != 0 || err != nil {
		t.Fatal(err, errs)
	}
	for _, m := range plan.Missing {
		t.Errorf("%s: %s", m.What, m.Basis)
	}
	if len(answers) < 60 || len(plan.Cells) != 396+8*3+3 {
		t.Errorf("%d measurements for %d cells", len(answers), len(plan.Cells))
	}
}
