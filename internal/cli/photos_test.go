package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skinattn/skinattn/internal/testdisk"
)

// A folder of photos is searched as a data folder is: behind links, without hidden files, and
// what is left out is said.
func TestPhotosBelow(t *testing.T) {
	top := t.TempDir()
	dir, elsewhere := filepath.Join(top, "photos"), t.TempDir()
	for _, name := range []string{
		"b.jpg", "a.JPEG", "more/c.jfif", "more/._c.jfif", ".download/d.jpg", "__MACOSX/._b.jpg", "e.heic", "f.webp", "more/ISIC_0000001_segmentation.png", "part.zip", "notes.txt",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(elsewhere, "g.png"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"linked": elsewhere, "loop": dir, "h.jpg": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	root := filepath.Join(top, "link") // the folder itself may be one
	if err := os.Symlink(dir, root); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	s := &session{stderr: &stderr, common: common{Quiet: true}}
	for _, dir := range []string{dir, root} {
		stderr.Reset()
		got, err := s.photosBelow(dir)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, name := range []string{"a.JPEG", "b.jpg", "linked/g.png", "more/c.jfif"} {
			want = append(want, filepath.Join(dir, name))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		said := "note: left out of " + dir + ": 2 photos in formats that are not read, such as " + filepath.Join(dir, "e.heic") +
			", the mask " + filepath.Join(dir, "more", "ISIC_0000001_segmentation.png") + ", the archive " + filepath.Join(dir, "part.zip") + "\n"
		if stderr.String() != said {
			t.Errorf("said %q, want %q", stderr.String(), said)
		}
	}

	packed := t.TempDir()
	if err := os.WriteFile(filepath.Join(packed, "photos.zip"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.photosBelow(packed); err == nil || !strings.HasSuffix(err.Error(), " files are in it, but the archive "+filepath.Join(packed, "photos.zip")) {
		t.Errorf("an archive alone: %v", err)
	}

	secret := filepath.Join(dir, "lost+found")
	if err := os.Mkdir(secret, 0o700); err != nil {
		t.Fatal(err)
	}
	testdisk.AsNobody(t, dir, func() {
		stderr.Reset()
		if got, err := s.photosBelow(dir); err != nil || len(got) != 4 || !strings.Contains(stderr.String(), "the folder that may not be read "+secret) {
			t.Errorf("%v, %v, %s", got, err, stderr.String())
		}
	})
}
