package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/skinattn/skinattn/internal/testdisk"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

const nobody = 65534

// asNobody makes a command one of a user who owns nothing, with a cache folder.
func asNobody(command *exec.Cmd, cache string) *exec.Cmd {
	command.Env = append(command.Env, "HOME=/", "XDG_CACHE_HOME="+cache)
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return command
}

// openToAll lets everyone read folders that were made for their user alone.
func openToAll(t *testing.T, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		for ; dir != os.TempDir() && dir != "/" && dir != "."; dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Cached photos and features that another user, here root, has made are used, although
// nothing can be written beside them; what is not there ends the command with one line, for
// which no folder of the user's was to blame. So it is with a cache on a disk that is read-only.
func TestCachesOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can run commands as another user")
	}
	for _, options := range []options{plainOptions, everyOption} {
		l := labOf(t, *testEngine, options)
		own := t.TempDir()
		openToAll(t, own, l.dir)
		if err := os.Chown(own, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		roots := filepath.Join(l.base, "cache")
		before := namesIn(t, filepath.Join(roots, "skinattn"))
		dir := filepath.Join(own, "run")
		if out, err := asNobody(l.train(dir), roots).CombinedOutput(); err != nil {
			t.Errorf("%s, with the caches of root: %v\n%s", options.name, err, out)
		}
		l.expectWhole(t, dir)
		if after := namesIn(t, filepath.Join(roots, "skinattn")); strings.Join(after, " ") != strings.Join(before, " ") {
			t.Errorf("%s: the cache has %q, and had %q", options.name, after, before)
		}

		empty := t.TempDir()
		openToAll(t, empty)
		const advice = "permission denied; set $XDG_CACHE_HOME to a folder that can be written"
		expectFailure(t, asNobody(l.train(filepath.Join(own, "new")), empty), empty, advice)
		if err := os.Mkdir(filepath.Join(empty, "skinattn"), 0o755); err != nil {
			t.Fatal(err)
		}
		expectFailure(t, asNobody(l.train(filepath.Join(own, "new")), empty), empty, advice)
		expectFailure(t, asNobody(l.train(filepath.Join(own, "new")), "/nowhere"), "/nowhere", advice)
		// What may not be read is not there, and may not be made.
		caches, err := filepath.Glob(filepath.Join(roots, "skinattn", "*.cache"))
		if err != nil || len(caches) == 0 {
			t.Fatal(caches, err)
		}
		for _, cache := range caches {
			if err := os.Chmod(cache, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		expectFailure(t, asNobody(l.train(filepath.Join(own, "new")), roots), roots, "permission denied; ")
		for _, cache := range caches {
			if err := os.Chmod(cache, 0o644); err != nil {
				t.Fatal(err)
			}
		}

		disk := testdisk.New(t, 64<<20)
		if err := os.CopyFS(disk.Dir, os.DirFS(roots)); err != nil {
			t.Fatal(err)
		}
		disk.ReadOnly()
		readOnly := *l
		readOnly.cache = disk.Dir
		dir = filepath.Join(t.TempDir(), "run")
		if out, err := readOnly.train(dir).CombinedOutput(); err != nil {
			t.Errorf("%s, with caches on a read-only disk: %v\n%s", options.name, err, out)
		}
		l.expectWhole(t, dir)
		readOnly.cache = testdisk.New(t, 64<<10).Dir
		expectFailure(t, readOnly.train(filepath.Join(t.TempDir(), "run")), readOnly.cache, "no space left on device; make room")
	}
}

func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// Every command that reads a finished run reads it for a user who may not write there, and
// leaves it as it is.
func TestRunOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can run commands as another user")
	}
	l := newLab(t)
	whole, own := filepath.Join(l.dir, "whole"), t.TempDir()
	openToAll(t, own, l.dir)
	if err := os.Chown(own, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	photos, err := filepath.Glob(filepath.Join(l.data(), "images", "*.jpg"))
	if err != nil || len(photos) == 0 {
		t.Fatal(photos, err)
	}
	out := func(name string) string { return filepath.Join(own, name) }
	for _, args := range [][]string{
		{"predict", "--run", whole, photos[0]},
		{"explain", "--run", whole, "--out", out("maps"), photos[0]},
		{"evaluate", whole, "--resamples", "20"},
		{"figures", whole, "--out", out("figures"), "--format", "svg"},
		{"report", whole, "--out", out("page.html")},
		{"export", whole, "--ro-crate", "--out", out("crate.zip")},
		{"weights", "export", "--run", whole, "--out", out("weights.h5")},
		{"doctor"},
	} {
		command := asNobody(l.skinattn(args...), out("cache"))
		var stdout, stderr bytes.Buffer
		command.Stdout, command.Stderr = &stdout, &stderr
		if err := command.Run(); err != nil || !json.Valid(stdout.Bytes()) {
			t.Errorf("%v: %v\n%s%s", args, err, stdout.String(), stderr.String())
		}
	}
	expectFailure(t, asNobody(l.resume(whole), out("cache")), "run folder", whole, "permission denied; ")
	expectFailure(t, asNobody(l.skinattn("figures", whole, "--out", filepath.Join(whole, "figures"), "--format", "svg"), out("cache")), "permission denied; choose a folder that can be written")
	if _, err := os.Stat(filepath.Join(whole, "figures")); err == nil {
		t.Error("figures were made in the run folder")
	}
	if _, err := run.Open(whole); err != nil {
		t.Error(err)
	}
	l.expectWhole(t, whole)
}
