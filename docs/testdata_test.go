package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every folder of test data is explained by a README in it or named in the one of
// the golden files' makers.
func TestTestdataIsExplained(t *testing.T) {
	page, err := os.ReadFile("../tools/golden/README.md")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
		switch {
		case path != ".." && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case entry.Name() != "testdata":
			return nil
		}
		if _, err := os.Stat(filepath.Join(path, "README.md")); err != nil && !strings.Contains(string(page), "`"+name) {
			t.Errorf("nothing says what %s holds: add it to tools/golden/README.md, or a README.md beside it", name)
		}
		return fs.SkipDir
	})
	if err != nil {
		t.Fatal(err)
	}
}
