package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/weights"
)

// importedRun makes a run folder of trainedFile.
func importedRun(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	if code, _, stderr := runWeights(t, t.Context(), "import", "--keras", trainedFile(t), "--backbone", "mobilenet_v2", "--run", dir); code != exitDone {
		t.Fatal(stderr)
	}
	return dir
}

func TestWeightsExport(t *testing.T) {
	dir := importedRun(t)
	for _, c := range []struct{ format, ending, says string }{
		{"h5", "h5", "148 layers, 225 tensors, 1354714 parameters\n"},
		{"npy", "npy", "148 layers, 225 tensors, 1354714 parameters\n"},
		{"keras3", "keras", "154 layers, 225 tensors, 1354714 parameters\n" + // with Soft-Attention in nine layers, without two of StringLookup
			"Soft-Attention looks at channels 0, 1, 2 (first) with JAX, torch and TensorFlow: the file cuts them out, so every backend reads the same\n"},
	} {
		out := filepath.Join(t.TempDir(), "new", "weights."+c.ending)
		code, stdout, stderr := runWeights(t, t.Context(), "export", "--run", dir, "--out", out, "--format", c.format)
		if want := out + ": mobilenet_v2, " + c.says; code != exitDone || stdout != want || stderr != "" {
			t.Errorf("code %d, answer %q, want %q, log %q", code, stdout, want, stderr)
		}
		// The exported file fits and is imported without further flags.
		code, stdout, stderr = runWeights(t, t.Context(), "check", out, "--backbone", "mobilenet_v2")
		want := "network: mobilenet_v2 up to block_14_depthwise, with Soft-Attention, with metadata, 224 px, channels bgr, scaling tf\n" +
			"Soft-Attention looks at channels 0, 1, 2 (first): as the export says\n" +
			"fits: 225 variables, each filled by one tensor\n"
		if code != exitDone || !strings.HasSuffix(stdout, want) || stderr != "" {
			t.Errorf("code %d, answer %q, want %q at its end, log %q", code, stdout, want, stderr)
		}
		again := filepath.Join(t.TempDir(), "again")
		if code, _, stderr = runWeights(t, t.Context(), "import", "--keras", out, "--backbone", "mobilenet_v2", "--run", again); code != exitDone || stderr != "" {
			t.Errorf("code %d, log %q", code, stderr)
		}
	}

	out := filepath.Join(t.TempDir(), "weights.h5") // h5 is the default
	code, stdout, stderr := runWeights(t, t.Context(), "export", "--run", dir, "--out", out, "--json", "--quiet")
	var made weights.Exported
	if err := json.Unmarshal([]byte(stdout), &made); err != nil || code != exitDone || stderr != "" {
		t.Fatalf("code %d, %v, log %q", code, err, stderr)
	}
	if made.Run != dir || made.Out != out || made.Format != "h5" || made.Backbone != "mobilenet_v2" || made.Tensors != 225 || len(made.SHA256) != 64 {
		t.Errorf("%+v", made)
	}
	content, err := os.ReadFile(out)
	if err != nil || !strings.HasPrefix(string(content), "\x89HDF\r\n\x1a\n\x00") {
		t.Errorf("not an HDF5 file of superblock 0: %q, %v", content[:min(len(content), 16)], err)
	}
}

// A failed export has the contract's exit code, prints one line, and leaves or overwrites
// nothing.
func TestWeightsExportErrors(t *testing.T) {
	dir := importedRun(t)
	out := filepath.Join(t.TempDir(), "out")
	there := write(t, "there.h5", []byte("mine"))
	damaged := importedRun(t)
	weightsFile := filepath.Join(damaged, "checkpoints", "best-imported", "weights.safetensors")
	if err := os.WriteFile(weightsFile, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	wrongConfig := importedRun(t)
	if err := os.WriteFile(filepath.Join(wrongConfig, "config.json"), []byte(`{"network":{"backbone":"x"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		line string
	}{
		"no run folder":  {[]string{"--run", filepath.Dir(out), "--out", out}, exitFailed, "is not a run folder: it has no config.json"},
		"no folder":      {[]string{"--run", "absent", "--out", out}, exitFailed, "absent is not a run folder"},
		"wrong config":   {[]string{"--run", wrongConfig, "--out", out}, exitFailed, `backbone "x" is unknown`},
		"file there":     {[]string{"--run", dir, "--out", there}, exitFailed, there + " exists; remove it or choose another --out"},
		"npy over file":  {[]string{"--run", dir, "--out", there, "--format", "npy"}, exitFailed, "not a directory"},
		"neither":        {nil, exitUsage, "missing flags: --out"},
		"no --out":       {[]string{"--run", dir}, exitUsage, "missing flags: --out"},
		"unknown format": {[]string{"--run", dir, "--out", out, "--format", "onnx"}, exitUsage, "--format must be one of"},
		"argument":       {[]string{"--run", dir, "--out", out, "more"}, exitUsage, "unexpected argument more"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := runWeights(t, t.Context(), append([]string{"export"}, c.args...)...)
			if code != c.code || stdout != "" || !strings.Contains(stderr, c.line) || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "skinattn: ") {
				t.Errorf("code %d, answer %q, log %q; want code %d and one line with %q", code, stdout, stderr, c.code, c.line)
			}
			if entries, err := os.ReadDir(filepath.Dir(out)); err != nil || len(entries) > 0 {
				t.Errorf("left behind: %v, %v", entries, err)
			}
		})
	}
	code, _, stderr := runWeights(t, t.Context(), "export", "--run", damaged, "--out", out)
	if code != exitFailed || !strings.Contains(stderr, "best-imported is damaged") || !strings.Contains(stderr, "the run has no checkpoint") {
		t.Errorf("code %d, log %q", code, stderr)
	}
	if text, err := os.ReadFile(there); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
}
