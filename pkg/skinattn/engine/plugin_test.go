package engine

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
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
