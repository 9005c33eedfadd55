//go:build unix

package atomicfile

import (
	"errors"
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
	if err := writeInto(pipe, fs.ModeDevice, nil); !errors.Is(err, errDisk) {
		t.Errorf("a disk: %v", err)
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
