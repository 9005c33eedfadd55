// Package testgolden compares pictures with golden files, and the generated parts of
// documents with what generates them.
package testgolden

import (
	"os"
	"path/filepath"
	"testing"

	"gonum.org/v1/plot/cmpimg"
)

// tolerance is the colour distance of package cmpimg for two greys 4 of 255
// levels apart, one of the 64 shades that package plots leaves in a PNG. A build
// with fused multiply-add (GOAMD64=v3) differs by that in a pixel of two figures,
// and in none elsewhere. The lines of a grid are 24 levels off the white ground.
const tolerance = 0.016

// Equal reports whether a picture in PNG format equals the golden file at path.
func Equal(t testing.TB, path string, png []byte) bool {
	t.Helper()
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	same, err := cmpimg.EqualApprox("png", png, want, tolerance)
	if err != nil {
		t.Fatal(err)
	}
	return same
}

// Check fails the test if a picture in PNG format differs from the golden file at
// path, or writes the file if update is set.
func Check(t testing.TB, path string, png []byte, update bool) {
	t.Helper()
	if update {
		if err := os.WriteFile(path, png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !Equal(t, path, png) {
		failed := filepath.Join(os.TempDir(), "golden-"+filepath.Base(path))
		os.WriteFile(failed, png, 0o644)
		t.Errorf("differs from %s; see %s, and -update if it is as it should be", path, failed)
	}
}

// CheckNames fails the test if the folder of golden files has a PNG that known
// does not know by its name without extension.
func CheckNames(t testing.TB, dir string, known func(name string) bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.png"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if name := filepath.Base(path); !known(name[:len(name)-len(".png")]) {
			t.Errorf("%s belongs to no figure", path)
		}
	}
}
