package imaging

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPhotosMatchPillow wants real photos as Pillow decodes them, to the last bit.
// tools/golden/imaging/photos.py makes the list of hashes. A photo whose file is
// not the listed one, such as another edition of the data set, is left out.
func TestPhotosMatchPillow(t *testing.T) {
	dir := os.Getenv("SKINATTN_DATA")
	if dir == "" {
		t.Skip("SKINATTN_DATA is not set to a HAM10000 folder")
	}
	list, err := os.ReadFile("testdata/photos.sha256")
	if err != nil {
		t.Fatal(err)
	}
	type hashes struct{ file, pixels string }
	want := make(map[string]hashes)
	for line := range strings.Lines(string(list)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			t.Fatalf("line %q", line)
		}
		want[fields[2]+".jpg"] = hashes{fields[0], fields[1]}
	}
	compared := 0
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		w, ok := want[entry.Name()]
		if !ok {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if fmt.Sprintf("%x", sha256.Sum256(data)) != w.file {
			return nil
		}
		compared++
		img, err := Decode(data)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		} else if fmt.Sprintf("%x", sha256.Sum256(img.Pix)) != w.pixels {
			t.Errorf("%s: decoded to other pixels than Pillow's", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if compared == 0 {
		t.Skipf("%s has none of the %d listed files", dir, len(want))
	}
	t.Logf("compared %d photos", compared)
}
