package imaging

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// The header gives the size of the decoded picture, for every test picture.
func TestSizeFile(t *testing.T) {
	files, err := filepath.Glob("testdata/*.jpg")
	if err != nil {
		t.Fatal(err)
	}
	pngs, err := filepath.Glob("testdata/*.png")
	if err != nil {
		t.Fatal(err)
	}
	turned := 0
	for _, path := range append(files, pngs...) {
		img, err := DecodeFile(path)
		if err != nil {
			t.Fatal(err)
		}
		width, height, err := SizeFile(path)
		if err != nil || width != img.Width || height != img.Height {
			t.Errorf("%s: %d x %d, %v; decoded %d x %d", path, width, height, err, img.Width, img.Height)
		}
		if width != height {
			turned++
		}
	}
	if turned == 0 {
		t.Error("no picture that is not square")
	}
	empty := filepath.Join(t.TempDir(), "empty.jpg")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{empty, "testdata", "testdata/none.jpg", "testdata/exif-1.rgb"} {
		if _, _, err := SizeFile(path); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
}

// TestSizeFileReadsHeaders reads photos with long headers, and photos whose coded
// pixels are damaged and too long to be read unnoticed.
func TestSizeFileReadsHeaders(t *testing.T) {
	photo, err := os.ReadFile("testdata/exif-6.jpg")
	if err != nil {
		t.Fatal(err)
	}
	comment := append([]byte{0xFF, 0xFE, 0xFF, 0xFF}, make([]byte, 0xFFFD)...)
	scan := bytes.LastIndex(photo, []byte{0xFF, 0xDA})
	path := filepath.Join(t.TempDir(), "photo.jpg")
	for _, comments := range []int{0, 1, 10} {
		long := slices.Concat(photo[:2], bytes.Repeat(comment, comments), photo[2:scan+20])
		if err := os.WriteFile(path, long, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 256<<20); err != nil { // sparse: no disk used
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		width, height, err := SizeFile(path)
		runtime.ReadMemStats(&after)
		if err != nil || width != 16 || height != 24 { // stored as 24 x 16, orientation 6
			t.Errorf("%d comments: %d x %d pixels, %v", comments, width, height, err)
		}
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 8<<20 {
			t.Errorf("%d comments: %d bytes allocated for the size of a photo", comments, allocated)
		}
	}
}
