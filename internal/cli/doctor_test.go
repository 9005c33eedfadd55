package cli

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/programs"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
)

// diagnose returns what the doctor finds about a thing.
func diagnose(t *testing.T, what string, args ...string) (finding, string) {
	t.Helper()
	code, stdout, stderr := call(t, append([]string{"doctor", "--json", "--engine", engine.Go}, args...)...)
	var d diagnosis
	if err := json.Unmarshal([]byte(stdout), &d); err != nil || code != exitDone {
		t.Fatalf("code %d, %v: %s", code, err, stderr)
	}
	for _, f := range d.Findings {
		if f.What == what {
			return f, stderr
		}
	}
	t.Fatalf("nothing about the %s: %s", what, stdout)
	return finding{}, ""
}

func TestDoctorProgramCache(t *testing.T) {
	const what = "program cache"
	dir := filepath.Join(t.TempDir(), "programs")
	t.Setenv(programs.EnvFolder, dir)
	t.Setenv(programs.EnvLimit, "0.5")
	if f, _ := diagnose(t, what); !f.OK || f.Detail != "0 programs compiled for the CPU, 0.0 MB of at most 500 MB in "+dir {
		t.Errorf("%+v", f)
	}
	cache := programs.New(dir, 1e9)
	for _, key := range []programs.Key{"a", "b"} {
		if err := cache.Save(key, make([]byte, 1_000_000)); err != nil {
			t.Fatal(err)
		}
	}
	if f, _ := diagnose(t, what); !f.OK || f.Detail != "2 programs compiled for the CPU, 2.0 MB of at most 500 MB in "+dir {
		t.Errorf("%+v", f)
	}
	f, log := diagnose(t, what, "--empty-program-cache")
	if !strings.HasPrefix(f.Detail, "0 programs") || !strings.Contains(log, "removed 2 compiled programs (2.0 MB) from "+dir+"\n") {
		t.Errorf("%+v, %q", f, log)
	}
	t.Setenv(programs.EnvLimit, "much")
	if f, _ := diagnose(t, what); f.OK || !strings.Contains(f.Detail, "must be a number of gigabytes") || f.Mend == "" {
		t.Errorf("%+v", f)
	}
	t.Setenv(programs.EnvFolder, programs.Off)
	if f, _ := diagnose(t, what); !f.OK || f.Detail != "switched off by $SKINATTN_PROGRAM_CACHE" {
		t.Errorf("%+v", f)
	}
	if code, _, stderr := call(t, "doctor", "--empty-program-cache"); code != exitFailed || !strings.Contains(stderr, "switched off") {
		t.Errorf("code %d, %q", code, stderr)
	}
}
