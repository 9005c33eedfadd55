package weights

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
)

// A bit that flips in installed weights leaves a file that fits the network: only the
// digest that was written down tells. Fetching mends it, and importing does.
func TestDamagedInstalledWeights(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "weights")
	t.Setenv(EnvDir, dir)
	whole := applicationsOf(t, "mobilenet_v2", false).bytes()
	paths := mirror(t, whole)
	net, err := skinattn.NewNetwork(config(t, "mobilenet_v2", nil))
	if err != nil {
		t.Fatal(err)
	}
	load := func(path string) error { return LoadBackbone(path, net, model.NewStore()) }
	fetched, err := Fetch(t.Context(), "mobilenet_v2", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	place := fetched.File
	expectEntries(t, dir, filepath.Base(place), filepath.Base(place)+recordEnding)
	if text, err := os.ReadFile(place + recordEnding); err != nil || string(text) != fetched.SHA256+"  "+filepath.Base(place)+"\n" {
		t.Errorf("written down: %q, %v", text, err)
	}
	if err := load(place); err != nil {
		t.Errorf("whole: %v", err)
	}
	damage := func(change func(content []byte) []byte) {
		t.Helper()
		if err := os.WriteFile(place, change(append([]byte(nil), whole...)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	flip := func(content []byte) []byte { content[len(content)/2] ^= 1; return content }
	damage(flip)
	if err := fitsApplications(place, "mobilenet_v2"); err != nil {
		t.Fatalf("the flipped bit is to be in a value: %v", err)
	}
	var changed *ChangedError
	if err := load(place); !errors.As(err, &changed) || changed.Path != place || changed.Want != fetched.SHA256 || changed.Backbone != "mobilenet_v2" {
		t.Errorf("a flipped bit: %v", err)
	}
	expectLine(t, load(place), "was damaged or changed: its SHA-256 is ")
	elsewhere := filepath.Join(t.TempDir(), "mine.h5") // the same bytes, named by their owner
	if err := os.WriteFile(elsewhere, flip(append([]byte(nil), whole...)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := load(elsewhere); err != nil {
		t.Errorf("another file: %v", err)
	}
	mended := func(how string, mend func() error) {
		t.Helper()
		if err := mend(); err != nil {
			t.Errorf("%s: %v", how, err)
		}
		if err := load(place); err != nil {
			t.Errorf("%s: then %v", how, err)
		}
	}
	fetch := func() error { _, err := Fetch(t.Context(), "mobilenet_v2", nil, nil); return err }
	before := len(*paths)
	mended("fetched after a flipped bit", fetch)
	if len(*paths) != before+1 {
		t.Errorf("asked for %q", *paths)
	}
	source := filepath.Join(t.TempDir(), "whole.h5")
	if err := os.WriteFile(source, whole, 0o644); err != nil {
		t.Fatal(err)
	}
	install := func() error { _, err := Import(ImportOptions{Keras: source, Backbone: "mobilenet_v2"}); return err }
	for name, change := range map[string]func(content []byte) []byte{
		"a flipped bit":   flip,
		"cut short":       func(content []byte) []byte { return content[:len(content)/2] },
		"empty":           func([]byte) []byte { return nil },
		"another network": func([]byte) []byte { return applicationsOf(t, "mobilenet", false).bytes() },
	} {
		damage(change)
		if err := load(place); !errors.As(err, &changed) {
			t.Errorf("%s: %v", name, err)
		}
		mended("imported over: "+name, install)
		damage(change)
		mended("fetched over: "+name, fetch)
	}
	// A file that was put there by hand counts as it is, once it fits; fetching writes its digest down.
	if err := os.Remove(place + recordEnding); err != nil {
		t.Fatal(err)
	}
	damage(flip)
	before = len(*paths)
	mended("put there by hand", fetch)
	if len(*paths) != before {
		t.Error("a file that fits was fetched again")
	}
	damage(func(content []byte) []byte { return content })
	if err := load(place); !errors.As(err, &changed) {
		t.Errorf("a digest written down for a file that was put there: %v", err)
	}
}

// Where Keras publishes a checksum, a file without a digest of its own must have it.
func TestInstalledWeightsHaveThePublishedChecksum(t *testing.T) {
	b, err := backbone.Find("mobilenet_v2")
	if err != nil {
		t.Fatal(err)
	}
	before := b.Weights
	defer func() { b.Weights = before }()
	t.Setenv(EnvDir, t.TempDir())
	place, err := Path("mobilenet_v2")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(place, []byte("the file"), 0o644); err != nil {
		t.Fatal(err)
	}
	sum, err := SHA256(place)
	if err != nil {
		t.Fatal(err)
	}
	b.Weights.MD5 = "9144da26b6b58c823799dd4a8a884f26" // of "the file", by md5sum
	if err := CheckInstalled("mobilenet_v2", place, sum); err != nil {
		t.Error(err)
	}
	b.Weights.MD5 = "5d9cd5c85ea9bc7b05bb7fd41b1d8b75"
	var changed *ChangedError
	if err := CheckInstalled("mobilenet_v2", place, sum); !errors.As(err, &changed) || !changed.Published || !strings.Contains(err.Error(), "Keras publishes "+b.Weights.MD5) {
		t.Errorf("another: %v", err)
	}
	if err := record(place, sum); err != nil { // as Import does
		t.Fatal(err)
	}
	if err := CheckInstalled("mobilenet_v2", place, sum); err != nil {
		t.Errorf("imported: %v", err)
	}
}
