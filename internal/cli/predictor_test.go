package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/models"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
)

// Predictions that the processor's kernels compute take no engine: without a plug-in, and without a network to fetch it, there is
// not a word about one. What does take an engine, such as gradients, says what it got, in the JSON answer too.
func TestPredictionsTakeNoEngine(t *testing.T) {
	if models.Name() == "" || !engine.MayWait(engine.Auto) {
		t.Skip("the engine computes predictions here, or no model is released")
	}
	dir := t.TempDir()
	home := filepath.Join(dir, "home")
	t.Setenv("HOME", home)
	t.Setenv("SKINATTN_DATA", "")
	t.Setenv("SKINATTN_ENGINE", "")
	t.Setenv(engine.EnvPlugin, filepath.Join(dir, "absent.so"))
	photo := writePNG(t, filepath.Join(dir, "a.png"), false)
	for _, args := range [][]string{{"predict", photo}, {"predict", photo, "--json"}, {"explain", photo, "--out", dir, "--method", "soft-attention", "--json", "-q"}} {
		code, stdout, stderr := call(t, args...)
		if code != 0 || stderr != "" || strings.Contains(stdout, "XLA") {
			t.Errorf("%v: exit code %d: %s%s", args, code, stdout, stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(home, ".local")); err == nil {
		t.Error("a folder for plug-ins was made")
	}
	code, stdout, stderr := call(t, "explain", photo, "--out", dir, "--method", "grad-cam", "--json", "-q")
	var rows []explanationRow
	if err := json.Unmarshal([]byte(stdout), &rows); code != 0 || err != nil || len(rows) != 1 {
		t.Fatalf("exit code %d, %v: %s%s", code, err, stdout, stderr)
	}
	if engine.XLABuilt {
		about := func(text string) bool { return strings.Contains(text, "XLA can't be used") }
		if !about(stderr) || !slices.ContainsFunc(rows[0].Notes, about) {
			t.Errorf("Grad-CAM on the pure Go engine: the notes are %q; standard error: %s", rows[0].Notes, stderr)
		}
	}
	// An engine that is asked for by its name is missed at once.
	if code, _, stderr := call(t, "predict", photo, "--engine", "cpu"); code != 1 || stderr == "" {
		t.Errorf("--engine cpu without a plug-in: exit code %d, %s", code, stderr)
	}
}
