package cli

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// The command that a run's configuration gives means the same configuration.
func TestTrainCommandIsTheRun(t *testing.T) {
	dirs, err := filepath.Glob("../../results/*")
	if err != nil || len(dirs) == 0 {
		t.Fatal(dirs, err)
	}
	for _, dir := range dirs {
		folder, err := run.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := folder.Config()
		if err != nil {
			t.Fatal(err)
		}
		sameCommand(t, cfg)
	}
	// Every kind of option: words, numbers, switches, lists of both kinds.
	for _, args := range []string{
		"--regime md/as-printed --no-soft-attention --gamma --metadata-units 64,32 --freeze block_1_:2,backbone --layer-rates backbone=.1,dense=2 --ema .99",
		"--regime modern --class-weighting balanced --no-horizontal-flip --resize= --oversample 0 --views 8 --mixup .2 --size 96",
		"--regime ad/as-run --protocol paper --test-share .15 --copies-per-class 100 --copies-batch 10",
		"--regime demo --class-weights 1,2,3,4,5,6,7 --accumulate 2 --weights random --seed 7",
	} {
		code, out, errs := call(t, append([]string{"train", "--show-config", "--backbone", "mobilenet_v2"}, strings.Fields(args)...)...)
		if code != 0 {
			t.Fatal(args, errs)
		}
		var cfg run.Config
		if err := json.Unmarshal([]byte(out), &cfg); err != nil {
			t.Fatal(err)
		}
		sameCommand(t, cfg)
	}
}

// Folds, the as-run form and the arm of a run's split are in the command: config.json lacks
// the first two.
func TestTrainCommandHasTheSplit(t *testing.T) {
	for args, drawn := range map[string]split.Options{
		"--protocol grouped --folds 5 --fold 3":                 {Folds: 5, Fold: 3},
		"--protocol grouped --folds 5 --fold 0":                 {Folds: 5},
		"--protocol datta828 --as-run":                          {AsRun: true},
		"--protocol leak-pair --arm with":                       {Arm: split.ArmWith},
		"--protocol paper --test-share 0.15 --regime ad/as-run": {TestShare: .15},
	} {
		var cfg run.Config
		code, out, errs := call(t, append([]string{"train", "--show-config", "--backbone", "mobilenet_v2"}, strings.Fields(args)...)...)
		if err := json.Unmarshal([]byte(out), &cfg); code != 0 || err != nil {
			t.Fatal(args, err, errs)
		}
		command, err := pipeline.TrainCommand(cfg, drawn, "runs/again")
		if err != nil {
			t.Fatal(err)
		}
		for word := range strings.FieldsSeq(args) {
			if !slices.Contains(strings.Fields(command), word) && word != "--regime" {
				t.Errorf("%s: %q lacks %s", args, command, word)
			}
		}
		if code, _, errs := call(t, append(strings.Fields(command)[1:], "--show-config")...); code != 0 {
			t.Errorf("%s: %s", command, errs)
		}
	}
}

func sameCommand(t *testing.T, cfg run.Config) {
	t.Helper()
	command, err := pipeline.TrainCommand(cfg, split.Options{}, "runs/again")
	if err != nil {
		t.Fatal(err)
	}
	code, out, errs := call(t, append(strings.Fields(command)[1:], "--show-config")...)
	if code != 0 {
		t.Fatalf("%s: %s", command, errs)
	}
	var got run.Config
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	// What data and weights add.
	cfg.Data = run.Data{Protocol: cfg.Data.Protocol, TestShare: cfg.Data.TestShare}
	cfg.InitSHA256, cfg.Fingerprint = "", ""
	if !reflect.DeepEqual(got.Values(), cfg.Values()) {
		t.Errorf("%s\nmeans  %v\nwanted %v", command, got.Values(), cfg.Values())
	}
}
