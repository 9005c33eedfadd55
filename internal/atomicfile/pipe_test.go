//go:build unix

package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// What is no file stays what it is: a file must not take the place of /dev/null or of a pipe, as it could where root writes.
func TestDevicesAndPipes(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteBytes(pipe, []byte("text")); !errors.Is(err, syscall.ENXIO) {
		t.Errorf("a pipe that nothing reads: %v", err)
	}
	read, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	if err := WriteBytes(pipe, []byte("text")); err != nil {
		t.Error(err)
	}
	text := make([]byte, 4)
	if _, err := io.ReadFull(read, text); err != nil || string(text) != "text" {
		t.Errorf("the pipe gave %q, %v", text, err)
	}
	if info, err := os.Lstat(pipe); err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		t.Errorf("the pipe became %v, %v", info.Mode(), err)
	}
	// Links, so that a mistake here would not replace the devices.
	for device, want := range map[string]error{"/dev/null": nil, "/dev/full": syscall.ENOSPC} {
		link := filepath.Join(dir, filepath.Base(device))
		if err := os.Symlink(device, link); err != nil {
			t.Fatal(err)
		}
		if err := WriteBytes(link, []byte("text")); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", device, err, want)
		}
		if info, err := os.Stat(link); err != nil || info.Mode()&fs.ModeCharDevice == 0 {
			t.Errorf("%s became %v, %v", device, info.Mode(), err)
		}
	}
	disks, err := filepath.Glob("/dev/[lvs]*") // such as loop0, vda, sda
	if err != nil {
		t.Fatal(err)
	}
	for _, disk := range disks {
		if info, err := os.Stat(disk); err == nil && info.Mode()&fs.ModeDevice != 0 && info.Mode()&fs.ModeCharDevice == 0 {
			if err := writeInto(disk, nil); !errors.Is(err, errDisk) { // nothing to write: a mistake here destroys no disk
				t.Errorf("a disk: %v", err)
			}
			break
		}
	}
	file := filepath.Join(dir, "file")
	if err := WriteBytes(file, []byte("text")); err != nil {
		t.Fatal(err)
	}
	if err := WriteDir(file, ".x-*", func(string) error { return nil }); err == nil {
		t.Error("a folder took the place of a file")
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != "text" {
		t.Errorf("the file has %q, %v", content, err)
	}
}

// A file that the process has open is written into, at the place that it has reached, and not
// replaced: so is standard output where it goes to a file.
func TestOpenFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	link := filepath.Join(dir, "link") // as /dev/stdout is one
	if err := os.Symlink(fmt.Sprintf("/dev/fd/%d", out.Fd()), link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{fmt.Sprintf("/dev/fd/%d", out.Fd()), link} {
		if Replaces(name) {
			t.Errorf("%s is to be replaced", name)
		}
		if _, err := out.WriteString("before "); err != nil {
			t.Fatal(err)
		}
		if err := WriteBytes(name, []byte("text ")); err != nil {
			t.Error(err)
		}
	}
	if _, err := out.WriteString("after"); err != nil {
		t.Errorf("the open file was closed: %v", err)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "before text before text after" {
		t.Errorf("the file has %q, %v", content, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("left %v, %v", entries, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info, err)
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, loop, "/dev/fd/99999", filepath.Join(dir, "none")} {
		if !Replaces(name) {
			t.Errorf("%s is not to be replaced", name)
		}
	}
}
