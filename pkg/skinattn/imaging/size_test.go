package imaging

import (
	"os"
	"path/filepath"
	"testing"
)

// The header says what decoding gives, for every test picture.
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
