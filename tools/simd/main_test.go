package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The committed assembly is what the generator writes: go generate ./internal/simd makes it so.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join("..", "..", "internal", "simd")
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is stale: go generate ./internal/simd", name)
		}
	}
	committed, err := filepath.Glob(filepath.Join(folder, "kernels_*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(committed) != len(files) {
		t.Errorf("%s has %d generated files, the generator makes %d", folder, len(committed), len(files))
	}
}
