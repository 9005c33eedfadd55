//go:build unix

package split

import (
	"os"
	"path/filepath"
	"testing"
)

// Beside a device goes no summary: /dev/null.json is a file that nobody wants, and that root
// would write.
func TestNoSummaryBesideADevice(t *testing.T) {
	link := filepath.Join(t.TempDir(), "null") // so that a mistake here would not replace the device
	if err := os.Symlink("/dev/null", link); err != nil {
		t.Fatal(err)
	}
	s := &Split{Rows: []Row{{ImageID: "ISIC_1", LesionID: "HAM_1", Dx: "nv", Part: Train}, {ImageID: "ISIC_2", LesionID: "HAM_2", Dx: "nv", Part: Val}}}
	if err := s.WriteFile(link); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Dir(link))
	if err != nil || len(entries) != 1 || entries[0].Type()&os.ModeSymlink == 0 {
		t.Errorf("%v, %v", entries, err)
	}
}
