package cli

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

func TestVersion(t *testing.T) {
	env := run.CurrentEnvironment("", "")
	for _, args := range [][]string{{"version"}, {"--version"}, {"-V"}} {
		code, stdout, stderr := call(t, args...)
		if code != 0 || stderr != "" || !strings.HasPrefix(stdout, "skinattn") || !strings.Contains(stdout, runtime.Version()+" "+runtime.GOOS) || !strings.Contains(stdout, "engine go: ") {
			t.Errorf("%v: exit code %d: %s%s", args, code, stdout, stderr)
		}
		code, stdout, _ = call(t, append(args, "--json")...)
		var answer versionAnswer
		if err := json.Unmarshal([]byte(stdout), &answer); code != 0 || err != nil || answer.Go != env.Go || answer.Commit != env.Commit || len(answer.Modules) != len(env.Modules) {
			t.Errorf("%v --json: exit code %d, %v: %s", args, code, err, stdout)
		}
	}
}

func TestProgramOf(t *testing.T) {
	for want, env := range map[string]run.Environment{
		"skinattn v1.2.3":                        {Version: "v1.2.3"}, // by go install
		"skinattn v1.2.3, commit 0abc, modified": {Version: "v1.2.3", Commit: "0abc", Modified: true},
		"skinattn, commit 0abc":                  {Commit: "0abc"}, // by go run
		"skinattn, of an unknown commit":         {},
	} {
		if got := programOf(env); got != want {
			t.Errorf("%+v: %q, want %q", env, got, want)
		}
	}
}

// What people type first, because other programs have it.
func TestHelpAsPeopleAskForIt(t *testing.T) {
	t.Chdir(t.TempDir())
	for asked, want := range map[string]string{
		"help": "--help", "": "--help", "-h": "--help", "help train": "train --help", "train help": "train --help", "help data check": "data check --help",
		"data help": "data --help", "data check help": "data check --help", "evaluate help": "evaluate --help", "predict help": "predict --help",
	} {
		code, stdout, stderr := call(t, strings.Fields(asked)...)
		wantCode, wanted, _ := call(t, strings.Fields(want)...)
		if code != 0 || wantCode != 0 || stdout != wanted || stderr != "" {
			t.Errorf("%q: exit code %d, %s\nis not the answer to %q", asked, code, stderr, want)
		}
	}
	for _, asked := range []string{"help nothing", "trian help", "predict photo.jpg help"} {
		if code, _, stderr := call(t, strings.Fields(asked)...); code == 0 || stderr == "" {
			t.Errorf("%q: exit code %d, %q", asked, code, stderr)
		}
	}
	writePNG(t, "help", false)
	if code, stdout, stderr := call(t, "predict", "--engine", "go", "help"); code != 0 || !strings.Contains(stdout, "help ") {
		t.Errorf("a photo named help: exit code %d: %s%s", code, stdout, stderr)
	}
}
