package ham10000

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/internal/csvtable"
)

// NoTableError says that a folder has no metadata table, and what it has instead.
type NoTableError struct {
	Dir string
	// Folder is a folder in Dir that has a table; empty if there is none.
	Folder string
	// Parts are folders in Dir if several have a table, such as the train and test of a copy
	// for the library datasets; sorted.
	Parts []string
	// Sorted is set if the photos lie in folders named by diagnosis, which do not say what
	// photos show one lesion.
	Sorted bool
	// Other is the form that the data set may have there instead, in words; empty if none is
	// known.
	Other string
	// File says why a file in Dir is not the table; nil if none looks like it. For a file of
	// another format it has a *csvtable.FormatError.
	File error
}

func (e *NoTableError) Error() string {
	text := fmt.Sprintf("%s holds no %s", e.Dir, metadataNames[0])
	switch {
	case e.Folder != "":
		text += ", but its folder " + e.Folder + " does"
	case e.Parts != nil:
		text += ", but its folders " + strings.Join(e.Parts, ", ") + " have a table each"
	case e.File != nil:
		text += ": " + e.File.Error()
	case e.Other != "":
		text += ", but " + e.Other
	case e.Sorted:
		text += ", but folders by diagnosis, which do not tell the photos that show one lesion"
	}
	return text
}

// Unwrap returns what is wrong with the file that looks like the table.
func (e *NoTableError) Unwrap() error { return e.File }

// otherForms are forms of the data set that are not read, by patterns of the names of their
// files in small letters.
var otherForms = []struct{ pattern, what string }{
	{"dermamnist*.npz", "MedMNIST's copy, which has neither ids nor lesions: photos of one lesion could not be kept together"},
	{"*.arrow", "Arrow files of the library datasets: its to_parquet writes Parquet files, which can be converted"},
	{"*.tfrec", "TFRecord files of TensorFlow, which are not read"},
	{"*.tfrecord*", "TFRecord files of TensorFlow, which are not read"},
}

// otherForm tells the form that files have by their names, empty if none is known.
func otherForm(names []string) string {
	for _, form := range otherForms {
		for _, name := range names {
			if is, _ := filepath.Match(form.pattern, strings.ToLower(name)); is { // the patterns are right
				return form.what
			}
		}
	}
	for _, name := range names {
		if IsPacked(name) {
			return "an archive: unpack " + name
		}
	}
	return ""
}

// noTable looks for what people have in place of the table. names are the files of dir,
// folders the folders there.
func noTable(dir string, names, folders []string) *NoTableError {
	e := &NoTableError{Dir: dir}
	for _, folder := range folders {
		if _, err := os.Stat(filepath.Join(dir, folder, metadataNames[0])); err == nil {
			e.Folder = folder
			return e
		}
	}
	for _, folders := range [][]string{folders, below(dir, folders)} {
		for _, folder := range folders {
			if hasTable(filepath.Join(dir, folder)) {
				e.Parts = append(e.Parts, folder)
			}
		}
		if e.Parts != nil {
			break
		}
	}
	switch {
	case len(e.Parts) == 1:
		e.Folder, e.Parts = e.Parts[0], nil
		return e
	case e.Parts != nil:
		slices.Sort(e.Parts)
		return e
	}
	e.Other = otherForm(names)
	isTable := func(name string) bool { return slices.Contains(tableEndings, strings.ToLower(filepath.Ext(name))) }
	tables := 0
	for _, name := range names {
		if isTable(name) {
			tables++
		}
	}
	for _, name := range names {
		switch named := strings.Contains(strings.ToLower(name), "metadata"); {
		case named, tables == 1 && isTable(name):
			if e.File == nil {
				e.File = whyNoTable(filepath.Join(dir, name))
			}
		}
	}
	for _, below := range []string{"", "*"} {
		found, err := filepath.Glob(filepath.Join(escape(dir), below, "*"))
		if err != nil {
			continue // the pattern is right
		}
		classes := map[string]bool{}
		for _, path := range found {
			info, err := os.Stat(path)
			if dx, known := DiagnosisOf(filepath.Base(path)); known && err == nil && info.IsDir() {
				classes[dx] = true
			}
		}
		e.Sorted = e.Sorted || len(classes) > 1
	}
	return e
}

// below lists the folders in the given folders of dir, by their paths from dir. What can't be
// read has none.
func below(dir string, folders []string) (paths []string) {
	for _, folder := range folders {
		entries, err := os.ReadDir(filepath.Join(dir, folder))
		if err != nil {
			continue
		}
		for _, entry := range entries {
			if entry.IsDir() && !strings.HasPrefix(entry.Name(), ".") {
				paths = append(paths, filepath.Join(folder, entry.Name()))
			}
		}
	}
	return paths
}

// hasTable reports whether a folder itself has a metadata table.
func hasTable(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		info, err := os.Stat(filepath.Join(dir, e.Name()))
		return err == nil && info.Mode().IsRegular() && !strings.HasPrefix(e.Name(), ".") &&
			slices.Contains(tableEndings, strings.ToLower(filepath.Ext(e.Name()))) && hasMetadata(filepath.Join(dir, e.Name()))
	})
}

// whyNoTable tells what keeps a file from being the metadata table.
func whyNoTable(path string) error {
	err := csvtable.ReadFile(path, func(t *csvtable.Reader) error {
		required := withImage(columns[:len(columns)-1], imageColumn(t.Header()))
		if isArchive(t.Header()) {
			required = archiveRequired
		}
		_, err := t.Columns(required)
		return err
	})
	if _, in := errors.AsType[*csvtable.Error](err); !in {
		return nil // a file that can't be read looks like nothing
	}
	return err
}
