//go:build unix

package plots

import (
	"os"
	"path/filepath"
	"testing"
)

// Beside a device go no numbers.
func TestNoDataBesideADevice(t *testing.T) {
	link := filepath.Join(t.TempDir(), "null.svg")
	if err := os.Symlink("/dev/null", link); err != nil {
		t.Fatal(err)
	}
	if err := SaveWithData(link, NewDistribution([]string{"a", "b"}, []int{3, 1}), Paper()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Dir(link))
	if err != nil || len(entries) != 1 || entries[0].Type()&os.ModeSymlink == 0 {
		t.Errorf("%v, %v", entries, err)
	}
}
