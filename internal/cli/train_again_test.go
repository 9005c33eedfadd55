package cli

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/run"
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
