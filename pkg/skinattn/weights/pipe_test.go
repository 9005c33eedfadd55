//go:build unix

package weights

import (
	"os"
	"syscall"
	"testing"
)

// What is no file, in the place of installed weights, is named at once: nothing waits for a
// pipe, reads a device for ever or takes the place of a folder's content.
func TestNoFileInThePlaceOfWeights(t *testing.T) {
	t.Setenv(EnvDir, t.TempDir())
	place, err := Path("mobilenet_v2")
	if err != nil {
		t.Fatal(err)
	}
	source := applicationsOf(t, "mobilenet_v2", false).save(t, "whole.h5")
	paths := mirror(t, []byte("not asked for"))
	for name, c := range map[string]struct {
		make func() error
		says string
	}{
		"folder": {func() error { return os.Mkdir(place, 0o755) }, place + " is a folder"},
		"pipe":   {func() error { return syscall.Mkfifo(place, 0o600) }, place + " is no file"},
		"device": {func() error { return os.Symlink("/dev/zero", place) }, place + " is no file"},
	} {
		if err := c.make(); err != nil {
			t.Fatal(err)
		}
		if _, err := SHA256(place); err == nil {
			t.Errorf("%s: it has a digest", name)
		}
		_, err := Fetch(t.Context(), "mobilenet_v2", nil, nil)
		expectLine(t, err, c.says)
		_, err = Import(ImportOptions{Keras: source, Backbone: "mobilenet_v2"})
		expectLine(t, err, c.says)
		if err := os.Remove(place); err != nil {
			t.Fatal(err)
		}
	}
	if len(*paths) > 0 {
		t.Errorf("asked for %q", *paths)
	}
	if err := syscall.Mkfifo(place+recordEnding, 0o600); err != nil {
		t.Fatal(err)
	}
	expectLine(t, CheckInstalled("mobilenet_v2", place, ""), place+recordEnding+" is no file")
}
