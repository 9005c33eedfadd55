package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// Flags beside --again change what they name, and a new seed asks for a new split.
func TestTrainAgainTakesFlags(t *testing.T) {
	const released = "../../results/mobilenet_v2-modern-isic2018-224px-seed1"
	for args, differs := range map[string][]string{
		"":                                    nil,
		"--epochs 3":                          {"regime.epochs"},
		"--seed 2 --views 0":                  {"data.split_sha256", "network.views", "seed"},
		"--protocol grouped --weights random": {"data.protocol", "data.split_sha256", "init"},
	} {
		code, out, errs := call(t, append([]string{"train", "--again", released, "--show-config"}, strings.Fields(args)...)...)
		if code != 0 {
			t.Errorf("%s: %s", args, errs)
			continue
		}
		if got := differences(t, released, out); strings.Join(got, " ") != strings.Join(differs, " ") {
			t.Errorf("--again %s differs in %v, not in %v", args, got, differs)
		}
	}
	for args, names := range map[string]string{
		"--again " + released + " --resume --run x":                               "--resume",
		"--again " + released + " --test-share .2 --show-config":                  "--test-share",
		"--again " + filepath.Join(t.TempDir(), "none") + " --show-config":        "nothing to train again",
		"--again ../../models/mobilenet_v2-modern-isic2018 --show-config --arm x": "--arm",
	} {
		code, _, errs := call(t, append([]string{"train"}, strings.Fields(args)...)...)
		if code == 0 || !strings.Contains(errs, names) {
			t.Errorf("train %s: exit code %d, %q", args, code, errs)
		}
	}
}

// differences are the values of config.json in which an answer of --show-config differs from
// the run in dir, but for those that data and weights add.
func differences(t *testing.T, dir, answer string) (paths []string) {
	t.Helper()
	folder, err := run.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := folder.Config()
	if err != nil {
		t.Fatal(err)
	}
	var got run.Config
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		t.Fatal(err)
	}
	added := cfg.Data
	cfg.Data = run.Data{Protocol: added.Protocol, TestShare: added.TestShare, Arm: added.Arm, SplitSHA256: added.SplitSHA256}
	cfg.InitSHA256, cfg.Fingerprint = "", ""
	have, want := got.Values(), cfg.Values()
	for path := range have {
		if !bytes.Equal(have[path], want[path]) {
			paths = append(paths, path)
		}
	}
	for path := range want {
		if _, ok := have[path]; !ok {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

// The numbers of the two files were counted by a script with Python's csv module.
func TestSayWhetherSame(t *testing.T) {
	const dir = "../../results/mobilenet_v2-modern-isic2018-224px-seed1"
	var errs bytes.Buffer
	s := &session{stderr: &errs}
	if err := sayWhetherSame(s, dir, dir); err != nil {
		t.Fatal(err)
	}
	if got := errs.String(); strings.Count(got, "byte for byte") != 2 || strings.Contains(got, "note") {
		t.Error(got)
	}
	errs.Reset()
	if err := sayWhetherSame(s, dir, dir+"-upright"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"network.views none instead of 8", "994 and 994 photos, 994 of them the same; of these, 60 have another class, and probabilities differ by up to 0.46"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("%s\nlacks %q", errs.String(), want)
		}
	}
}

// A new seed draws the split anew in the way of the run's: its fold, or the one that a flag
// names.
func TestTrainAgainKeepsTheFold(t *testing.T) {
	dir := t.TempDir()
	config, err := os.ReadFile("../../results/mobilenet_v2-grouped-128px-seed1/config.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644); err != nil {
		t.Fatal(err)
	}
	var records []ham10000.Record
	for i := range 140 {
		records = append(records, ham10000.Record{ImageID: fmt.Sprintf("ISIC_%07d", i), LesionID: fmt.Sprintf("HAM_%07d", i), Dx: ham10000.Classes[i%7]})
	}
	parts, err := split.New(split.Grouped, records, split.Options{Seed: 1, Folds: 5, Fold: 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := parts.WriteFile(filepath.Join(dir, "split.csv")); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]split.Options{
		"":                             {Folds: 5, Fold: 3}, // of the run's own split.csv
		"--seed 2":                     {Folds: 5, Fold: 3},
		"--fold 0":                     {Folds: 5},
		"--folds 4 --fold 1":           {Folds: 4, Fold: 1},
		"--protocol grouped":           {},
		"--protocol datta828 --as-run": {AsRun: true},
	} {
		grammar := newGrammar()
		words := append([]string{"train", "--again", dir, "--run", "x", "--weights", "random"}, strings.Fields(args)...)
		if _, err := newParser(grammar, io.Discard, io.Discard).Parse(words); err != nil {
			t.Fatal(err)
		}
		opts, err := grammar.Train.options(&session{common: grammar.common, ctx: t.Context(), stderr: io.Discard})
		if err != nil {
			t.Fatal(args, err)
		}
		got := split.Options{Folds: opts.Folds, Fold: opts.Fold, AsRun: opts.AsRun}
		if opts.Split != nil {
			got = split.Options{Folds: opts.Split.Folds, Fold: opts.Split.Fold}
		}
		if got != want {
			t.Errorf("--again %s draws %+v, want %+v", args, got, want)
		}
	}
}
