package run

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// sealed is a run folder with a fingerprint.
func sealed(t *testing.T) (*Folder, Config) {
	t.Helper()
	f := &Folder{Dir: t.TempDir()}
	reg, err := spec.Find("md/as-run")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Network: spec.Network{Backbone: "mobilenet_v2", Size: 64}, Regime: &reg, Seed: 3, Init: "random",
		Data: Data{Protocol: "grouped", MetadataSHA256: "abc"}}.Sealed()
	if err := f.WriteConfig(cfg); err != nil {
		t.Fatal(err)
	}
	return f, cfg
}

// The value of a small file by hand: the paths in order, each with its value.
func TestFingerprintByHand(t *testing.T) {
	want := sha256.Sum256([]byte("\"data.protocol\" \"grouped\"\n\"list\" [1,2]\n\"seed\" 3\n"))
	for _, file := range []string{
		`{"seed": 3, "data": {"protocol": "grouped"}, "list": [1, 2], "fingerprint": "x"}`,
		"{\"list\":[1,\n2],\n\t\"data\":{\"protocol\":\"grouped\"},\"seed\":3}",
	} {
		if got := fingerprint([]byte(file)); got != hex.EncodeToString(want[:]) {
			t.Errorf("%s: %s, want %x", file, got, want)
		}
	}
}

// Every edit of a value is found, and none of the layout.
func TestEditedConfig(t *testing.T) {
	f, _ := sealed(t)
	path := f.Path(ConfigFile)
	original := text(t, path)
	for _, c := range []struct {
		name, old, new string
		edited         bool
	}{
		{"nothing", "", "", false},
		{"indent", "\n  ", "\n      ", false},
		{"seed", `"seed": 3`, `"seed": 4`, true},
		{"rate", `"learning_rate": 0.001`, `"learning_rate": 0.002`, true},
		{"epochs", `"epochs": 500`, `"epochs": 501`, true},
		{"class weight", "12.44", "12.45", true},
		{"size", `"size": 64`, `"size": 65`, true},
		{"checksum of the metadata", `"abc"`, `"abd"`, true},
		{"checksum taken out", `"metadata_sha256": "abc"`, `"protocol": "grouped"`, true},
		{"null", `"seed": 3`, `"seed": null`, true},
		{"new field", `"seed": 3`, `"seed": 3, "fast_dev_run": true`, true},
		{"fingerprint", `"fingerprint": "`, `"fingerprint": "0`, true},
	} {
		edited := strings.ReplaceAll(original, c.old, c.new)
		if c.old == "" {
			edited = original
		} else if edited == original {
			t.Fatalf("%s: there is no %s in %s", c.name, c.old, original)
		}
		write(t, path, edited)
		known, err := f.CheckFingerprint()
		if _, is := errors.AsType[*EditedError](err); !known || is != c.edited || (err != nil) != c.edited {
			t.Errorf("%s: %v, %v", c.name, known, err)
		}
	}
}

// The committed runs are older than fingerprints: they are read, and nothing is known.
func TestCommittedRunsHaveNoFingerprint(t *testing.T) {
	paths, err := filepath.Glob("../../../results/*/" + ConfigFile)
	if err != nil || len(paths) < 5 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		f := &Folder{Dir: filepath.Dir(path)}
		cfg, err := f.Config()
		if err != nil {
			t.Error(err)
		}
		if known, err := f.CheckFingerprint(); known != (cfg.Fingerprint != "") || err != nil {
			t.Errorf("%s: %v, %v", path, known, err)
		}
	}
	if _, err := (&Folder{Dir: t.TempDir()}).CheckFingerprint(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without config.json: %v", err)
	}
}

// Epochs may be raised in the course of a run, with a new fingerprint; nothing else may
// change, and the fingerprint may not go.
func TestChanged(t *testing.T) {
	_, then := sealed(t)
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"nothing", func(*Config) {}, ""},
		{"epochs", func(c *Config) { c.Regime.Epochs = 501; *c = c.Sealed() }, ""},
		{"size of the photos", func(c *Config) { c.Data.SourceSize = "600x450"; *c = c.Sealed() }, ""},
		{"seed", func(c *Config) { c.Seed = 4; *c = c.Sealed() }, "seed (then 3, now 4)"},
		{"rate", func(c *Config) { c.Regime.LearningRate = 1; *c = c.Sealed() }, "regime.learning_rate (then 0.001, now 1)"},
		{"no fingerprint", func(c *Config) { c.Fingerprint = "" }, "fingerprint (then "},
	} {
		now, reg := then, *then.Regime
		now.Regime = &reg
		c.change(&now)
		said := ""
		if fields := Changed(then, now); len(fields) > 0 {
			said = (&EditedError{Dir: "run", Fields: fields}).Error()
		}
		if (said == "") != (c.want == "") || !strings.Contains(said, c.want) {
			t.Errorf("%s: %q, want %q", c.name, said, c.want)
		}
	}
}
