package run

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/synthetic"
)

// committed is a run whose config.json of before its migration, at commit 3884172, is
// testdata/format0.json.
const committed = "../../../results/mobilenet_v2-modern-grouped-128px-seed1"

// old is a copy of the committed run as it was in format 0.
func old(t *testing.T) *Folder {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.CopyFS(dir, os.DirFS(committed)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/format0.json")
	if err != nil {
		t.Fatal(err)
	}
	f := &Folder{Dir: dir}
	write(t, f.Path(ConfigFile), string(text))
	return f
}

func text(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// A run of format 0 reads like the migrated run, except the size of its photos, and
// can be resumed by a version that compares with the migrated run.
func TestFormat0(t *testing.T) {
	f := old(t)
	got, err := f.Config()
	if err != nil {
		t.Fatal(err)
	}
	want, err := (&Folder{Dir: committed}).Config()
	if err != nil {
		t.Fatal(err)
	}
	if want.Data.SourceSize != "448x336" {
		t.Errorf("the committed run has photos of %q", want.Data.SourceSize)
	}
	want.Data.SourceSize = ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-migrated +as read):\n%s", diff)
	}
	if got.Network.Views != 8 || got.Network.ChannelOrder != "rgb" || got.Regime.Name != "modern" {
		t.Errorf("%+v", got)
	}
	if err := f.RequireConfig(want); err != nil {
		t.Error(err)
	}
}

func TestMigrateWithoutData(t *testing.T) {
	f := old(t)
	if m, err := Migrate(t.Context(), f.Dir, nil); err != nil || !m.Changed || m.SourceSize != "" {
		t.Fatalf("%+v, %v", m, err)
	}
	want := strings.Replace(text(t, filepath.Join(committed, ConfigFile)), ",\n    \"source_size\": \"448x336\"", "", 1)
	if diff := cmp.Diff(want, text(t, f.Path(ConfigFile))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if m, err := Migrate(t.Context(), f.Dir, nil); err != nil || m.Changed {
		t.Errorf("a second time: %+v, %v", m, err)
	}
	if left := names(t, f.Dir); len(left) != len(names(t, committed)) {
		t.Errorf("the folder has %v", left)
	}
}

// The photos that the run was trained on give the committed file.
func TestMigrateWithTheRunsPhotos(t *testing.T) {
	dir := os.Getenv("SKINATTN_DATA")
	if dir == "" {
		t.Skip("$SKINATTN_DATA is not set")
	}
	data, err := ham10000.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	f := old(t)
	if _, err := Migrate(t.Context(), f.Dir, data); err != nil {
		if strings.Contains(err.Error(), "the run was trained on photos with") {
			t.Skip(err) // another size of the same photos
		}
		t.Fatal(err)
	}
	if diff := cmp.Diff(text(t, filepath.Join(committed, ConfigFile)), text(t, f.Path(ConfigFile))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Photos of another run give no size, and the file stays as it is.
func TestMigrateWithOtherPhotos(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := synthetic.Generate(t.Context(), dir, synthetic.Options{Images: 20, Seed: 1, Width: 48, Height: 36}, nil); err != nil {
		t.Fatal(err)
	}
	data, err := ham10000.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	f := old(t)
	before := text(t, f.Path(ConfigFile))
	if _, err := Migrate(t.Context(), f.Dir, data); err == nil || !strings.Contains(err.Error(), "the run was trained on photos with 00722ccd18f9") {
		t.Error(err)
	}
	if after := text(t, f.Path(ConfigFile)); after != before {
		t.Errorf("config.json has changed to %s", after)
	}

	// Photos of the run: 48 x 36 pixels, as they were generated.
	cfg, err := f.Config()
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Data.ImagesSHA256, err = data.ContentHash(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteConfig(cfg); err != nil {
		t.Fatal(err)
	}
	if m, err := Migrate(t.Context(), f.Dir, data); err != nil || m.SourceSize != "48x36" {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestFormatsThatAreNot(t *testing.T) {
	f := &Folder{Dir: t.TempDir()}
	for format, want := range map[string]string{
		"2":  "the run folder has format 2, and this version reads formats up to 1; take a newer version",
		"-1": "the run folder has format -1, and there is no such format",
	} {
		write(t, f.Path(ConfigFile), `{"format": `+format+`, "weather": "fine"}`)
		if _, err := f.Config(); err == nil || err.Error() != "reading "+f.Path(ConfigFile)+": "+want {
			t.Errorf("format %s: %v", format, err)
		}
	}
}
