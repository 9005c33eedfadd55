package synthetic

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

var small = Options{Images: 40, Seed: 5, Width: 64, Height: 48, Masks: true}

func generate(t *testing.T, dir string, opts Options) {
	t.Helper()
	if err := Generate(context.Background(), dir, opts, nil); err != nil {
		t.Fatal(err)
	}
}

// files returns the content of every file below dir by its relative name.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	content := make(map[string][]byte)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		content[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestGenerateWritesAHAM10000Folder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	calls := 0
	err := Generate(context.Background(), dir, small, func(done, total int) {
		if calls++; done != calls || total != 40 {
			t.Errorf("progress %d of %d at call %d", done, total, calls)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if calls != 40 {
		t.Errorf("%d progress calls, want 40", calls)
	}
	data, err := ham10000.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(data.Records) != 40 {
		t.Fatalf("%d rows, want 40", len(data.Records))
	}
	header, _, _ := bytes.Cut(files(t, dir)[MetadataFile], []byte("\n"))
	if want := "lesion_id,image_id,dx,dx_type,age,sex,localization,dataset"; string(header) != want {
		t.Errorf("header %q, want %q", header, want)
	}
	for _, r := range data.Records {
		img, err := imaging.DecodeFile(filepath.Join(dir, ImageDir, r.ImageID+".jpg"))
		if err != nil {
			t.Fatal(err)
		}
		if img.Width != 64 || img.Height != 48 {
			t.Errorf("%s has %d x %d pixels", r.ImageID, img.Width, img.Height)
		}
		inside := countMask(t, filepath.Join(dir, MaskDir, r.ImageID+"_segmentation.png"), 64, 48)
		if part := float64(inside) / (64 * 48); part < 0.01 || part > 0.9 {
			t.Errorf("%s: the lesion covers %.3f of the photo", r.ImageID, part)
		}
	}
	if n := len(files(t, dir)); n != 40+40+2 {
		t.Errorf("%d files, want 40 photos, 40 masks, metadata and marker", n)
	}
}

// countMask checks that a mask has only 0 and 255 and returns how many are 255.
func countMask(t *testing.T, path string, width, height int) int {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mask, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if b := mask.Bounds(); b.Dx() != width || b.Dy() != height {
		t.Fatalf("mask %s of %d x %d", path, b.Dx(), b.Dy())
	}
	inside := 0
	for y := range height {
		for x := range width {
			switch v, _, _, _ := mask.At(x, y).RGBA(); v {
			case 0:
			case 0xffff:
				inside++
			default:
				t.Fatalf("mask %s has the value %d", path, v>>8)
			}
		}
	}
	return inside
}

func TestSameSeedSameBytesOnAnyNumberOfCores(t *testing.T) {
	var sets []map[string][]byte
	for _, cores := range []int{1, 3} {
		before := runtime.GOMAXPROCS(cores)
		dir := t.TempDir()
		generate(t, dir, small)
		runtime.GOMAXPROCS(before)
		sets = append(sets, files(t, dir))
	}
	if len(sets[0]) != len(sets[1]) {
		t.Fatalf("%d and %d files", len(sets[0]), len(sets[1]))
	}
	for name, content := range sets[0] {
		if !bytes.Equal(content, sets[1][name]) {
			t.Errorf("%s differs between 1 and 3 cores", name)
		}
	}
	other := small
	other.Seed++
	dir := t.TempDir()
	generate(t, dir, other)
	for name, content := range files(t, dir) {
		if bytes.Equal(content, sets[0][name]) {
			t.Errorf("%s is the same with another seed", name)
		}
	}
}

func TestGenerateReplacesOnlyItsOwn(t *testing.T) {
	dir := t.TempDir()
	generate(t, dir, small)
	mine := filepath.Join(dir, ImageDir, "notes.txt")
	if err := os.WriteFile(mine, []byte("kept"), 0o644); err != nil {
		t.Fatal(err)
	}
	fewer := Options{Images: 10, Seed: 5, Width: 48, Height: 40}
	generate(t, dir, fewer)
	got := files(t, dir)
	if len(got) != 10+2+1 { // photos, metadata and marker, notes
		t.Errorf("%d files remain", len(got))
	}
	if string(got["images/notes.txt"]) != "kept" {
		t.Error("a file of the user's is gone")
	}
	fresh := t.TempDir()
	generate(t, fresh, fewer)
	for name, content := range files(t, fresh) {
		if !bytes.Equal(content, got[name]) {
			t.Errorf("%s differs from a set made in a new folder", name)
		}
	}

	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, MetadataFile), []byte("real data"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := Generate(context.Background(), foreign, small, nil)
	if err == nil || !strings.Contains(err.Error(), foreign) {
		t.Errorf("error %v, want one that names %s", err, foreign)
	}
	if after := files(t, foreign); len(after) != 1 || string(after[MetadataFile]) != "real data" {
		t.Error("a foreign folder was changed")
	}
}

func TestCancelledSetHasNoMetadata(t *testing.T) {
	dir := t.TempDir()
	generate(t, dir, small)
	ctx, cancel := context.WithCancel(context.Background())
	err := Generate(ctx, dir, small, func(done, total int) {
		if done == 5 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want context.Canceled", err)
	}
	if _, err := os.Stat(filepath.Join(dir, MetadataFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the unfinished set has metadata")
	}
	generate(t, dir, small) // and can be made again
}

func TestGenerateRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		dir  string
		opts Options
		want string
	}{
		{"too few images", t.TempDir(), Options{Images: 6}, "at least 7"},
		{"negative images", t.TempDir(), Options{Images: -1}, "at least 7"},
		{"too many images", t.TempDir(), Options{Images: maxImages + 1}, "at most"},
		{"too small", t.TempDir(), Options{Width: 31}, "31 x 240"},
		{"too large", t.TempDir(), Options{Height: 2049}, "320 x 2049"},
		{"no folder", "", small, "no folder"},
		{"a file", file, small, file},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			err := Generate(context.Background(), tc.dir, tc.opts, nil)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want it to contain %q", err, tc.want)
			}
			if tc.dir != "" && tc.dir != file && len(files(t, tc.dir)) > 0 {
				t.Error("something was written")
			}
		})
	}
}

func TestComplete(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	opts := Options{Images: 7, Seed: 1, Width: 32, Height: 32}
	if Complete(dir, opts) {
		t.Error("a folder that is not there is complete")
	}
	if err := Generate(t.Context(), dir, opts, nil); err != nil {
		t.Fatal(err)
	}
	if !Complete(dir, opts) {
		t.Error("a complete folder is not")
	}
	for _, other := range []Options{{Images: 8, Seed: 1, Width: 32, Height: 32}, {Images: 7, Seed: 2, Width: 32, Height: 32}, {Images: 3}} {
		if Complete(dir, other) {
			t.Errorf("complete for %+v, too", other)
		}
	}
	if err := os.Remove(filepath.Join(dir, MetadataFile)); err != nil {
		t.Fatal(err)
	}
	if Complete(dir, opts) {
		t.Error("complete without its metadata")
	}
}
