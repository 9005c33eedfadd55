package filecache

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/filelock"
)

// The names of files beside a cached file. Builders that write at many places at once use
// the name with PartialSuffix, others package atomicfile.
const (
	lockSuffix    = ".lock"
	PartialSuffix = ".partial"
)

// Tidied counts what [Tidy] removed.
type Tidied struct {
	Files int
	Bytes int64
}

// Tidy removes what processes that were killed, and older versions of this program, left of
// cached files in the folder dir: temporary files, checksums of files that are gone and lock
// files. Files that another process is building are left alone, and so is what can't be removed.
func Tidy(dir string) (t Tidied) {
	for path, names := range leftovers(dir) {
		lock, err := filelock.Try(path + lockSuffix)
		if lock == nil || err != nil {
			continue
		}
		t.add(tidy(path))
		if slices.Contains(names, path+lockSuffix) { // it goes when it is released
			t.add(Tidied{Files: 1})
		}
		lock.Release()
	}
	return t
}

// Leftovers counts what [Tidy] would remove, files that are being built included.
func Leftovers(dir string) (t Tidied) {
	for _, names := range leftovers(dir) {
		for _, name := range names {
			if info, err := os.Lstat(name); err == nil {
				t.add(Tidied{1, info.Size()})
			}
		}
	}
	return t
}

func (t *Tidied) add(more Tidied) {
	t.Files += more.Files
	t.Bytes += more.Bytes
}

// tidy removes what is left of the file at path but for its lock, which the caller has. It
// looks again: a builder may have ended meanwhile.
func tidy(path string) (t Tidied) {
	for _, name := range leftovers(filepath.Dir(path))[path] {
		if name == path+lockSuffix {
			continue
		}
		info, err := os.Lstat(name)
		if err == nil && os.Remove(name) == nil {
			t.add(Tidied{1, info.Size()})
		}
	}
	return t
}

// leftovers are the files in dir that are no cached files and belong to one, by its path.
func leftovers(dir string) map[string][]string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	there := map[string]bool{}
	for _, entry := range entries {
		there[entry.Name()] = true
	}
	all := map[string][]string{}
	for _, entry := range entries {
		if of := owner(entry.Name()); entry.Type().IsRegular() && of != "" && !(there[of] && entry.Name() == of+sumsSuffix) {
			path := filepath.Join(dir, of)
			all[path] = append(all[path], filepath.Join(dir, entry.Name()))
		}
	}
	return all
}

// Extension ends the names of cached files.
const Extension = ".cache"

// owner is the name of the cached file that a file with the given name lies beside, empty if
// there is none.
func owner(name string) string {
	if atomicfile.IsTemporary(name) {
		name = name[1:]
	}
	of, rest, found := strings.Cut(name, Extension+".")
	if !found || of == "" {
		return ""
	}
	switch "." + rest {
	case lockSuffix, PartialSuffix, sumsSuffix:
		return of + Extension
	}
	if strings.HasSuffix(rest, ".tmp") { // RANDOM.tmp or sums.RANDOM.tmp
		return of + Extension
	}
	return ""
}
