package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/sweep"
)

// The command that a cell is trained with means the configuration that the cell was checked
// with: every 20th cell of the paper's table, and cells with options of every kind.
func TestCellsAreWhatTrainDoes(t *testing.T) {
	f, err := sweep.Parse(sweep.Example("paper"), "paper.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all, _, err := f.Expand()
	if err != nil {
		t.Fatal(err)
	}
	var cells []sweep.Cell
	for i := 0; i < len(all); i += 20 {
		cells = append(cells, all[i])
	}
	f, err = sweep.Parse([]byte(`
set: {backbone: mobilenet_v2, weights: random}
axes: {seed: [1, 18446744073709551615]}
grids:
  - set: {regime: md/as-printed, soft-attention: false, gamma: true, metadata-units: [64, 32], freeze: ["block_1_:2", backbone], layer-rates: [backbone=.1, dense=2], ema: .99}
  - set: {regime: modern, class-weighting: balanced, horizontal-flip: false, resize: "", oversample: 0, views: 8, mixup: .2, size: 96, feature-cache: false}
  - set: {regime: demo, class-weights: [1,2,3,4,5,6,7], accumulate: 2, folds: 5, fold: 4, cut: block_1_depthwise, save-every: 1m, tensorboard: true}
  - set: {regime: ad/as-run, protocol: leak-pair, arm: without, freeze: backbone, fast-dev-run: true}
`), "options.yaml")
	if err != nil {
		t.Fatal(err)
	}
	more, _, err := f.Expand()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range append(cells, more...) {
		args := append([]string{"train", "--show-config"}, c.Arguments()...)
		code, out, errs := call(t, args...)
		if code != 0 {
			t.Fatalf("%s: %s", strings.Join(args, " "), errs)
		}
		var got run.Config
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got.Values(), c.Config().Values()) {
			t.Errorf("%s\nmeans   %v\nthe cell %v", strings.Join(args, " "), got.Values(), c.Config().Values())
		}
	}
}

// Every flag of train can be set in a sweep, but for those that have no meaning there.
func TestSweepTakesTheFlagsOfTrain(t *testing.T) {
	without := []string{"help", "data", "engine", "json", "quiet", // of every command
		"split", "run", "resume", "again", "find-lr", "show-config",
		"devices"} // no part of a run's configuration: cells go side by side, each on its device
	parser := newParser(newGrammar(), nil, nil)
	for _, node := range parser.Model.Children {
		if node.Name != "train" {
			continue
		}
		for _, group := range node.AllFlags(true) {
			for _, flag := range group {
				_, err := sweep.Parse([]byte("axes: {"+flag.Name+": []}"), "x.yaml")
				unknown := err != nil && strings.Contains(err.Error(), "is nothing that a cell can set")
				if excepted := slices.Contains(without, flag.Name); unknown != excepted {
					t.Errorf("--%s: unknown to sweeps %t, want %t", flag.Name, unknown, excepted)
				}
			}
		}
	}
}

func TestSweepCommands(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "small.yaml")
	code, out, _ := call(t, "sweep", "example", "small")
	if code != 0 {
		t.Fatal(code)
	}
	if err := os.WriteFile(path, []byte(out), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := call(t, "sweep", "status", path); code != 0 || out != "4 cells in "+filepath.Join(dir, "runs/small")+": 0 done, 0 running, 0 failed, 4 waiting\n" {
		t.Errorf("status: %d, %q, %s", code, out, errs)
	}
	code, out, _ = call(t, "sweep", "status", path, "--all", "--runs", filepath.Join(dir, "other"))
	if lines := strings.Split(strings.TrimSpace(out), "\n"); code != 0 || len(lines) != 5 || !strings.HasPrefix(lines[0], "waiting  mobilenet_v2-demo-grouped-seed1-64px-random-epochs5-") {
		t.Errorf("status --all: %d, %q", code, out)
	}
	if code, out, _ := call(t, "sweep", "cells", path); code != 0 || strings.Count(out, "skinattn train --backbone=mobilenet_v2 --regime=demo --size=64 --weights=random --seed=") != 4 {
		t.Errorf("cells: %d, %q", code, out)
	}
	list := filepath.Join(dir, "list")
	if err := os.WriteFile(list, []byte("no-such-cell\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{
		{"status " + path + " --seed 3", "wrong usage: --seed is not used here"},
		{"run " + path + " --cell nothing", "has no cell nothing; 'skinattn sweep cells' lists them"},
		{"run " + path + " --task 1", "--task needs --cells"},
		{"run " + path + " --cells " + list, "--cells needs --task"},
		{"run " + path + " --cells " + list + " --task 0", "has no cell no-such-cell"},
		{"run " + path + " --cells " + list + " --task 1", "--task is 1; " + list + " has 1 cells"},
		{"run " + list, "wrong usage: " + list + ", line 1: the file is a single value"},
		{"example large", `must be one of "paper","small"`},
	} {
		if code, _, errs := call(t, append([]string{"sweep"}, strings.Fields(c.args)...)...); code != exitUsage || !strings.Contains(errs, c.want) {
			t.Errorf("%s: code %d, %q", c.args, code, errs)
		}
	}
	if code, _, errs := call(t, "sweep", "run", filepath.Join(dir, "nothing.yaml")); code != exitFailed || !strings.Contains(errs, "nothing.yaml: no such file") {
		t.Errorf("no file: %d, %q", code, errs)
	}
}
