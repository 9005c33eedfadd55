package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/skinattn/skinattn/internal/testdisk"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// A full disk stops the run in a save. Earlier checkpoints stay whole, and once the
// disk has room, the resumed run ends like an undisturbed one.
func TestFullDisk(t *testing.T) {
	l := newLab(t)
	disk := testdisk.New(t, 7<<20) // three checkpoints of 1.9 MB, but not a fourth
	dir := filepath.Join(disk.Dir, "run")
	expectFailure(t, l.train(dir), "saving checkpoint ", "no space left on device; make room")
	if left := leftovers(t, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	folder, err := run.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if checkpoint.Newest(folder, checkpoint.Last) == "" {
		t.Error("the test is to have a checkpoint before the disk is full")
	}
	disk.Resize(64 << 20)
	if out, err := l.resume(dir).CombinedOutput(); err != nil {
		t.Errorf("going on: %v\n%s", err, out)
	}
	l.expectWhole(t, dir)
}

// Training into a read-only folder fails, but predict and evaluate can use a finished run
// there.
func TestReadOnlyRunFolder(t *testing.T) {
	l := newLab(t)
	disk := testdisk.New(t, 64<<20)
	dir := filepath.Join(disk.Dir, "run")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(l.dir, "whole"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, ".lock")); err != nil {
		t.Fatal(err)
	}
	disk.ReadOnly()
	const advice = "read-only file system; choose a folder that can be written"
	expectFailure(t, l.resume(dir), "run folder", dir, advice)
	expectFailure(t, l.train(filepath.Join(disk.Dir, "new")), "run folder", "new", advice)
	photos, err := filepath.Glob(filepath.Join(l.data(), "images", "*.jpg"))
	if err != nil || len(photos) == 0 {
		t.Fatal(photos, err)
	}
	for _, command := range []*exec.Cmd{l.skinattn("predict", "--run", dir, photos[0]), l.skinattn("evaluate", dir)} {
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", command.Args[1:], err, out)
		}
	}
	l.expectWhole(t, dir)
}
