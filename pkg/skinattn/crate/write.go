package crate

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// MetadataFile is the description of a crate, in its root.
const MetadataFile = "ro-crate-metadata.json"

// License is the default licence of a crate: a run folder repeats image ids, lesion ids and
// diagnoses of HAM10000, which is under this one.
const License = "https://creativecommons.org/licenses/by-nc/4.0/"

// Options are the facts about a crate that run folders do not have.
type Options struct {
	// Name is the crate's title; empty: the names of the runs.
	Name string
	// Published is the day of publication, in UTC. It is also the time of the files in a zip
	// archive, so that equal options and runs give equal bytes.
	Published time.Time
	// License is the address of the licence; empty: [License].
	License string
	// Author ran the trainings; empty: unknown. ORCID is the author's address there, such as
	// https://orcid.org/0000-0002-1825-0097.
	Author, ORCID string
	// Checkpoints includes the checkpoints of the runs, which hold the weights.
	Checkpoints bool
}

// ErrOccupied says that the folder or file for the crate is there already.
var ErrOccupied = errors.New("is there already")

// SameNameError says that two runs have one name, which is their folder in the crate.
type SameNameError struct{ First, Second string }

func (e *SameNameError) Error() string {
	return fmt.Sprintf("%s and %s have the same name, and would be one folder of the crate; rename one", e.First, e.Second)
}

// Write makes a crate of run folders: a zip archive if out ends in .zip, else a folder. It
// returns the number of files. Nothing is left behind on an error. A folder that is no run
// is a [*run.NotFolderError], an out that exists is [ErrOccupied].
func Write(out string, runs []string, opts Options) (files int, err error) {
	var all []*source
	byName := map[string]string{}
	for _, dir := range runs {
		s, err := openSource(dir, opts.Checkpoints)
		if err != nil {
			return 0, err
		}
		if other, twice := byName[s.name]; twice {
			return 0, &SameNameError{other, dir}
		}
		byName[s.name] = dir
		all = append(all, s)
		files += len(s.files)
	}
	if len(all) == 0 {
		return 0, errors.New("a crate needs a run folder")
	}
	if err := requireFree(out); err != nil {
		return 0, err
	}
	if strings.EqualFold(filepath.Ext(out), ".zip") {
		err = atomicfile.WriteFile(out, func(w io.Writer) error {
			archive := zip.NewWriter(w)
			if err := fill(all, opts, func(name string) (io.WriteCloser, error) {
				entry, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: day(opts.Published)})
				return unclosed{entry}, err
			}); err != nil {
				return err
			}
			return archive.Close()
		})
	} else {
		err = atomicfile.WriteDir(filepath.Clean(out), ".crate-*", func(temporary string) error {
			return fill(all, opts, func(name string) (io.WriteCloser, error) {
				full := filepath.Join(temporary, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
					return nil, err
				}
				return os.Create(full)
			})
		})
	}
	if err != nil {
		return 0, fmt.Errorf("writing the crate %s: %w", out, err)
	}
	return files + 1, nil
}

// requireFree refuses a crate that is there already. An empty folder may be.
func requireFree(out string) error {
	entries, err := os.ReadDir(out)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && len(entries) == 0:
		return nil
	}
	if _, err := os.Lstat(out); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking at the place of the crate: %w", err)
	}
	return fmt.Errorf("%s %w", out, ErrOccupied)
}

func day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// unclosed is an entry of an archive, which the next entry ends.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }

// source is a run folder that becomes a folder of the crate.
type source struct {
	*run.Folder
	name  string
	files []*file
}

// file is a file of a run, by its path in the run folder with slashes.
type file struct {
	path   string
	size   int64
	sha256 string
}

// openSource lists the files of a run. Locks, temporary and hidden files and links stay
// outside, and so do checkpoints that are not wanted and the descriptions of other crates.
func openSource(dir string, checkpoints bool) (*source, error) {
	folder, err := run.Open(dir)
	if err != nil {
		return nil, err
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding %s: %w", dir, err)
	}
	s := &source{Folder: folder, name: filepath.Base(absolute)}
	err = filepath.WalkDir(dir, func(full string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, full)
		if err != nil || name == "." {
			return err
		}
		name = filepath.ToSlash(name)
		unwanted := strings.HasPrefix(path.Base(name), ".") || atomicfile.IsTemporary(path.Base(name)) ||
			name == run.CheckpointDir && !checkpoints
		switch {
		case unwanted && entry.IsDir():
			return fs.SkipDir
		case !unwanted && entry.Type().IsRegular() && path.Base(name) != MetadataFile:
			s.files = append(s.files, &file{path: name})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing the run: %w", err)
	}
	return s, nil
}

// fill copies the files of the runs and writes the description, which has their sizes and
// checksums. It is called with create making a file of the crate.
func fill(runs []*source, opts Options, create func(name string) (io.WriteCloser, error)) error {
	for _, s := range runs {
		for _, f := range s.files {
			in, err := os.Open(s.Path(filepath.FromSlash(f.path)))
			if err != nil {
				return err
			}
			sum := sha256.New()
			f.size, err = put(create, s.name+"/"+f.path, io.TeeReader(in, sum))
			in.Close()
			if err != nil {
				return err
			}
			f.sha256 = hex.EncodeToString(sum.Sum(nil))
		}
	}
	graph, err := describe(runs, opts)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(graph); err != nil {
		return err
	}
	_, err = put(create, MetadataFile, &text)
	return err
}

// put writes one file of the crate.
func put(create func(string) (io.WriteCloser, error), name string, content io.Reader) (size int64, err error) {
	out, err := create(name)
	if err != nil {
		return 0, err
	}
	size, err = io.Copy(out, content)
	return size, errors.Join(err, out.Close())
}
