package engine

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/programs"
)

// A plug-in that is cut short, anywhere, or is no library is named before the system maps
// it; this test's own program stands for a whole one.
func TestDamagedPlugIn(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the format is that of Linux")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := checkWhole(program); err != nil {
		t.Error(err)
	}
	whole, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "plugin.so")
	for name, content := range map[string][]byte{
		"empty": {}, "text": []byte("no library"), "head alone": whole[:64], "a page": whole[:4096], "half": whole[:len(whole)/2], "without its last bytes": whole[:len(whole)-100],
	} {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := checkWhole(path); err == nil || !strings.HasPrefix(err.Error(), "the plug-in "+path+" is damaged: ") {
			t.Errorf("%s: %v", name, err)
		}
		t.Setenv(EnvPlugin, path)
		if _, err := overridePlugin(); err == nil || !strings.Contains(err.Error(), EnvPlugin) || !strings.Contains(err.Error(), "is damaged") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := checkWhole(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("no file, no error")
	}
}

// Bits that changed in a known plug-in are found, with and without the cache that keeps its
// SHA-256; a plug-in of another length is a user's own. A copy of this test's program stands
// for the plug-in.
func TestChangedPlugIn(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("plug-ins are known for Linux")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "plugin.so")
	write := func() {
		t.Helper()
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	known := []cpuWheel{
		{wheel{name: "other", version: "1"}, 17, "of another plug-in"},
		{wheel{name: "plug-in", version: "2"}, int64(len(content)), fmt.Sprintf("%x", sha256.Sum256(content))},
	}
	for _, cache := range []string{filepath.Join(t.TempDir(), "programs"), programs.Off} {
		t.Setenv(programs.EnvFolder, cache)
		write()
		for range 2 {
			if err := checkPlugin(path, known); err != nil {
				t.Error(err)
			}
		}
		content[len(content)/2] ^= 1
		write()
		want := "the plug-in " + path + " is damaged: it is as long as that of plug-in 2 and has another SHA-256"
		if err := checkPlugin(path, known); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
		if err := checkPlugin(path, known[:1]); err != nil {
			t.Error(err)
		}
		content[len(content)/2] ^= 1
	}
}

// The table's plug-ins are those of its wheels: the installed one, if it is of a length that
// the table has, has its SHA-256.
func TestInstalledPlugIn(t *testing.T) {
	dir, err := PluginDir()
	if err != nil {
		t.Skip(err)
	}
	for _, w := range platformWheels() {
		path := filepath.Join(dir, w.file)
		if !fileExists(path) {
			continue
		}
		if err := checkPlugin(path, platformWheels()); err != nil {
			t.Error(err)
		}
	}
}
