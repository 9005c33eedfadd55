package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// photoSearch is what lies below a folder.
type photoSearch struct {
	photos []string // in the order of their names
	masks  []string // of lesions, beside the photos of a data set
	unread []string // photos in formats that are not read
	packed []string // archives
	denied []string // folders that may not be read
	seen   map[string]bool
}

// photosBelow are all JPEG and PNG files below a folder, in the order of their names, also
// behind links. As in data folders, hidden files are left out, and masks, photos in other formats and folders that may
// not be read with a note. A folder without any photo is an error.
func (s *session) photosBelow(dir string) ([]string, error) {
	found := &photoSearch{seen: map[string]bool{}}
	if err := found.walk(dir, true); err != nil {
		return nil, fmt.Errorf("looking for photos in %s: %w", dir, err)
	}
	var notes []string
	add := func(names []string, one, many string) {
		switch len(names) {
		case 0:
		case 1:
			notes = append(notes, one+" "+names[0])
		default:
			notes = append(notes, fmt.Sprintf("%d %s, such as %s", len(names), many, names[0]))
		}
	}
	add(found.unread, "the photo in a format that is not read", "photos in formats that are not read")
	add(found.masks, "the mask", "masks")
	add(found.packed, "the archive", "archives")
	add(found.denied, "the folder that may not be read", "folders that may not be read")
	left := strings.Join(notes, ", ")
	if len(found.photos) == 0 {
		err := fmt.Errorf("looking for photos in %s: no %s files are in it", dir, strings.Join(ham10000.PhotoEndings(), ", "))
		if left != "" {
			err = fmt.Errorf("%w, but %s", err, left)
		}
		return nil, err
	}
	if left != "" {
		s.log("note: left out of " + dir + ": " + left)
	}
	return found.photos, nil
}

// walk adds what is below a folder, which is entered once.
func (f *photoSearch) walk(dir string, top bool) error {
	real, err := filepath.EvalSymlinks(dir)
	if err == nil && f.seen[real] {
		return nil
	}
	f.seen[real] = true
	var entries []os.DirEntry
	if err == nil {
		entries, err = os.ReadDir(dir)
	}
	if err != nil && !top && errors.Is(err, fs.ErrPermission) {
		f.denied = append(f.denied, dir)
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		path := filepath.Join(dir, name)
		info, err := os.Stat(path) // of what a link leads to
		switch {
		case err != nil || strings.HasPrefix(name, "."): // such as macOS's stubs ._name.jpg
		case info.IsDir():
			if err := f.walk(path, false); err != nil {
				return err
			}
		default:
			f.add(path)
		}
	}
	return nil
}

func (f *photoSearch) add(path string) {
	photo, read := ham10000.PhotoByName(path)
	for _, kind := range []struct {
		is    bool
		names *[]string
	}{
		{ham10000.IsMask(path), &f.masks}, {read, &f.photos}, {photo, &f.unread}, {ham10000.IsPacked(path), &f.packed},
	} {
		if kind.is {
			*kind.names = append(*kind.names, path)
			return
		}
	}
}
