package imaging

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// writePhotos makes n small JPEG files of different shapes and returns them as items.
func writePhotos(t testing.TB, n int) []Item {
	t.Helper()
	dir := t.TempDir()
	items := make([]Item, n)
	for i := range items {
		items[i] = Item{ID: fmt.Sprintf("ISIC_%07d", i), Path: filepath.Join(dir, fmt.Sprintf("ISIC_%07d.jpg", i))}
		if err := os.WriteFile(items[i].Path, encodeJPEG(t, 40+i, 30+i%3), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return items
}

// openCounting opens a cache and returns the number of images that were decoded for it.
func openCounting(t *testing.T, dir string, items []Item, size int, opts CacheOptions) (*Cache, int) {
	t.Helper()
	built := 0
	opts.Progress = func(done, total int) {
		if built++; done != built || total != len(items) {
			t.Errorf("progress %d of %d at call %d", done, total, built)
		}
	}
	c, err := OpenCache(context.Background(), dir, items, size, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, built
}

func TestCacheHoldsResizedPhotos(t *testing.T) {
	items := writePhotos(t, 7)
	for _, fit := range []ResizeMode{CenterCrop, Stretch} {
		t.Run(fit.String(), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new", "folder")
			c, built := openCounting(t, dir, items, 16, CacheOptions{Resize: fit})
			if built != 7 || c.Len() != 7 || c.header.Size != 16 {
				t.Fatalf("built %d, Len %d, Size %d", built, c.Len(), c.header.Size)
			}
			for i, item := range items {
				if j, ok := c.Index(item.ID); !ok || j != i {
					t.Errorf("Index(%s) = %d, %v", item.ID, j, ok)
				}
				img, err := DecodeFile(item.Path)
				if err != nil {
					t.Fatal(err)
				}
				want := SmartResize(img, 16, 16)
				if fit == Stretch {
					want = StretchResize(img, 16, 16)
				}
				got := c.Image(i)
				if len(got) != len(want) {
					t.Fatalf("image %d: %d bytes, want %d", i, len(got), len(want))
				}
				for k := range got {
					if d := float32(got[k]) - want[k]; d > 0.5 || d <= -0.5 {
						t.Fatalf("image %d value %d: %d for %v", i, k, got[k], want[k])
					}
				}
			}
			if _, ok := c.Index("ISIC_9999999"); ok {
				t.Error("found an id that is not there")
			}
			again, built := openCounting(t, dir, items, 16, CacheOptions{Resize: fit})
			if built != 0 {
				t.Errorf("the second opening worked on %d images", built)
			}
			if again.ContentHash() != c.ContentHash() || len(again.ContentHash()) != 64 {
				t.Errorf("content hash %s, then %s", c.ContentHash(), again.ContentHash())
			}
		})
	}
}

func TestCacheBytesDoNotDependOnWorkers(t *testing.T) {
	items := writePhotos(t, 9)
	var files [][]byte
	for _, workers := range []int{1, 4, 100} {
		c, _ := openCounting(t, t.TempDir(), items, 12, CacheOptions{Workers: workers})
		data, err := os.ReadFile(c.file.Path())
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, data)
	}
	if !bytes.Equal(files[0], files[1]) || !bytes.Equal(files[0], files[2]) {
		t.Error("cache files of 1, 4 and 100 workers differ")
	}
}

// TestCacheIsRebuilt damages or outdates a cache in each way it may be met.
func TestCacheIsRebuilt(t *testing.T) {
	flip := func(at int64) func(t *testing.T, path string, items []Item) {
		return func(t *testing.T, path string, items []Item) {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			b := make([]byte, 1)
			if _, err := f.ReadAt(b, at); err != nil {
				t.Fatal(err)
			}
			b[0] ^= 1
			if _, err := f.WriteAt(b, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	resize := func(by int64) func(t *testing.T, path string, items []Item) {
		return func(t *testing.T, path string, items []Item) {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, max(0, info.Size()+by)); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name   string
		damage func(t *testing.T, path string, items []Item)
	}{
		{"magic", flip(0)},
		{"version", flip(8)},
		{"size", flip(12)},
		{"count", flip(20)},
		{"key", flip(30)},
		{"content hash", flip(70)},
		{"checksum", flip(92)},
		{"padding", flip(headerBytes - 1)},
		{"first pixel", flip(headerBytes)},
		{"last pixel", flip(headerBytes + 4*8*8*3 - 1)},
		{"short by a byte", resize(-1)},
		{"long by a byte", resize(1)},
		{"empty", resize(-1 << 40)},
		{"a photo touched", func(t *testing.T, path string, items []Item) {
			later := time.Now().Add(time.Hour)
			if err := os.Chtimes(items[2].Path, later, later); err != nil {
				t.Fatal(err)
			}
		}},
		{"a photo replaced by a longer one", func(t *testing.T, path string, items []Item) {
			if err := os.WriteFile(items[1].Path, encodeJPEG(t, 90, 90), 0o644); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			items, dir := writePhotos(t, 4), t.TempDir()
			c, _ := openCounting(t, dir, items, 8, CacheOptions{})
			path := c.file.Path()
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			tc.damage(t, path, items)
			again, built := openCounting(t, dir, items, 8, CacheOptions{})
			if built != 4 {
				t.Fatalf("worked on %d images, want all 4", built)
			}
			if again.file.Path() != path {
				t.Errorf("moved from %s to %s, leaving the old file", path, again.file.Path())
			}
			img, err := DecodeFile(items[1].Path)
			if err != nil {
				t.Fatal(err)
			}
			if d := float32(again.Image(1)[5]) - SmartResize(img, 8, 8)[5]; d > 0.5 || d < -0.5 {
				t.Error("the rebuilt cache does not hold the photo")
			}
		})
	}
}

func TestCachesOfDifferentKindLieSideBySide(t *testing.T) {
	items, dir := writePhotos(t, 3), t.TempDir()
	for round := range 2 {
		for _, kind := range []struct {
			items []Item
			size  int
			fit   ResizeMode
		}{{items, 8, CenterCrop}, {items, 9, CenterCrop}, {items, 8, Stretch}, {items[:2], 8, CenterCrop}} {
			_, built := openCounting(t, dir, kind.items, kind.size, CacheOptions{Resize: kind.fit})
			if want := len(kind.items) * (1 - round); built != want {
				t.Errorf("round %d, size %d %v: built %d, want %d", round, kind.size, kind.fit, built, want)
			}
		}
	}
}

func TestCacheErrors(t *testing.T) {
	items := writePhotos(t, 30)
	missing := append([]Item{{ID: "ISIC_7", Path: "/nowhere/ISIC_7.jpg"}}, items[:2]...)
	double := []Item{items[0], items[1], {ID: items[0].ID, Path: items[2].Path}}
	for i := 0; i < 24; i += 2 {
		if err := os.WriteFile(items[i].Path, []byte("damaged"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name  string
		items []Item
		size  int
		fit   ResizeMode
		want  []string
	}{
		{"size 0", items, 0, CenterCrop, []string{"size of 0 pixels"}},
		{"no images", nil, 8, CenterCrop, []string{"no images"}},
		{"unknown resizing", items, 8, "squeeze", []string{`resize is "squeeze"`}},
		{"id twice", double, 8, CenterCrop, []string{items[0].ID, items[0].Path, items[2].Path}},
		{"missing photo", missing, 8, CenterCrop, []string{"1 of 3", "/nowhere/ISIC_7.jpg", "does not exist"}},
		{"one damaged", items[22:], 8, CenterCrop, []string{"1 of 8", items[22].Path, "neither a JPEG nor a PNG"}},
		{"twelve damaged", items, 8, CenterCrop, []string{"12 of 30", items[0].Path, items[18].Path, "and 2 more"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := OpenCache(context.Background(), dir, tc.items, tc.size, CacheOptions{Resize: tc.fit})
			if err == nil {
				t.Fatal("no error")
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines: %q", err)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
			if tc.name == "twelve damaged" && strings.Contains(err.Error(), items[20].Path) {
				t.Error("more than ten files are named")
			}
			checkNoPixels(t, dir)
		})
	}
}

// Damaged pixels are told, and come back as they were.
func TestDamagedPixelsAreTold(t *testing.T) {
	items, dir := writePhotos(t, 4), t.TempDir()
	c, _ := openCounting(t, dir, items, 8, CacheOptions{})
	want := bytes.Clone(c.Image(2))
	path := c.file.Path()
	c.Close()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[headerBytes+2*len(want)+17] ^= 0x40
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	var lines []string
	again, _ := openCounting(t, dir, items, 8, CacheOptions{Log: func(line string) { lines = append(lines, line) }})
	if !bytes.Equal(again.Image(2), want) {
		t.Error("the pixels have changed")
	}
	if len(lines) != 1 || !strings.Contains(lines[0], "warning: "+path+" is damaged") {
		t.Errorf("said %q", lines)
	}
}

// checkNoPixels wants dir to hold nothing but lock files.
func checkNoPixels(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".lock") {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func TestCacheBuildCanBeCancelled(t *testing.T) {
	items, dir := writePhotos(t, 20), t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	_, err := OpenCache(ctx, dir, items, 8, CacheOptions{Workers: 1, Progress: func(done, total int) {
		if done == 5 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want context.Canceled", err)
	}
	checkNoPixels(t, dir)
	if _, built := openCounting(t, dir, items, 8, CacheOptions{}); built != 20 {
		t.Errorf("worked on %d images afterwards", built)
	}
}

// TestCacheIsBuiltOnce has six builders want the same cache at once; the lock
// is on the file handle, so that goroutines stand for processes.
func TestCacheIsBuiltOnce(t *testing.T) {
	items, dir := writePhotos(t, 12), t.TempDir()
	var mu sync.Mutex
	var wg sync.WaitGroup
	worked := 0
	for range 6 {
		wg.Go(func() {
			c, err := OpenCache(context.Background(), dir, items, 8, CacheOptions{Progress: func(done, total int) {
				mu.Lock()
				worked++
				mu.Unlock()
			}})
			if err != nil {
				t.Error(err)
				return
			}
			if c.Len() != 12 {
				t.Errorf("Len %d", c.Len())
			}
			c.Close()
		})
	}
	wg.Wait()
	if worked != 12 {
		t.Errorf("worked on %d images, want 12", worked)
	}
}

func TestCacheOverwritesWhatAKilledBuilderLeft(t *testing.T) {
	items, dir := writePhotos(t, 3), t.TempDir()
	c, _ := openCounting(t, dir, items, 8, CacheOptions{})
	path := c.file.Path()
	c.Close()
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".partial", bytes.Repeat([]byte("x"), 1<<16), 0o644); err != nil {
		t.Fatal(err)
	}
	openCounting(t, dir, items, 8, CacheOptions{})
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, good) {
		t.Errorf("the new file differs from the first (%v)", err)
	}
	if _, err := os.Stat(path + ".partial"); !errors.Is(err, os.ErrNotExist) {
		t.Error("the partial file is still there")
	}
}

func TestCloseTwice(t *testing.T) {
	c, _ := openCounting(t, t.TempDir(), writePhotos(t, 1), 8, CacheOptions{})
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
