package ham10000

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/internal/csvtable"
)

// metadataNames are the names that the metadata table may have; Open reads the first
// file that exists. The last two names belong to the official test images of ISIC 2018
// Task 3, which the authors publish in the same form.
var metadataNames = []string{
	"HAM10000_metadata.csv", "HAM10000_metadata", "HAM10000_metadata.tab",
	"ISIC2018_Task3_Test_GroundTruth.csv", "ISIC2018_Task3_Test_GroundTruth.tab",
}

// tableEndings are the endings of tables. JSON Lines are the other form of the table in
// folders for the library datasets of Hugging Face.
var tableEndings = []string{".csv", ".tsv", ".tab", ".txt", ".jsonl"}

// ManyTablesError says that several files of a folder may be its metadata table.
type ManyTablesError struct {
	Dir    string
	Tables []string // names, sorted
}

func (e *ManyTablesError) Error() string {
	return fmt.Sprintf("%s holds several metadata tables: %s", e.Dir, strings.Join(e.Tables, ", "))
}

// UnconvertedError says that a folder has the data set in a form that must be converted
// first; see package convert.
type UnconvertedError struct {
	Dir  string
	What string // such as "Parquet files"
}

func (e *UnconvertedError) Error() string {
	return fmt.Sprintf("%s holds no %s, but %s", e.Dir, metadataNames[0], e.What)
}

// findMetadata finds the table of a data folder: the first file with one of metadataNames,
// in letters of any case, or else the only table in the folder that has the columns of one
// of the forms that [ReadMetadata] reads, such as the ISIC Archive's metadata.csv.
func findMetadata(dir string) (string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return "", notFolder(dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var names, folders []string
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(dir, e.Name()))
		switch {
		case err != nil || strings.HasPrefix(e.Name(), "."):
		case info.Mode().IsRegular():
			names = append(names, e.Name())
		case info.IsDir():
			folders = append(folders, e.Name())
		}
	}
	for _, known := range metadataNames {
		for _, same := range []func(string) bool{
			func(name string) bool { return name == known },
			func(name string) bool { return strings.EqualFold(name, known) },
		} {
			if i := slices.IndexFunc(names, same); i >= 0 {
				return filepath.Join(dir, names[i]), nil
			}
		}
	}
	var tables []string
	for _, name := range names {
		if slices.Contains(tableEndings, strings.ToLower(filepath.Ext(name))) && hasMetadata(filepath.Join(dir, name)) {
			tables = append(tables, name)
		}
	}
	switch len(tables) {
	case 0:
		if what := unconverted(dir, names); what != "" {
			return "", &UnconvertedError{dir, what}
		}
		return "", noTable(dir, names, folders)
	case 1:
		return filepath.Join(dir, tables[0]), nil
	}
	return "", &ManyTablesError{dir, tables}
}

// notFolder is the error for a file in the place of a folder.
func notFolder(path string) error {
	if IsPacked(path) {
		return fmt.Errorf("%s is an archive: unpack it, and name the folder", path)
	}
	return fmt.Errorf("%s is a file", path)
}

// hasMetadata reports whether a file has the columns of a metadata table.
func hasMetadata(path string) bool {
	found := false
	csvtable.ReadFile(path, func(t *csvtable.Reader) error {
		required := withImage([]string{"image_id", "lesion_id", "dx", "localization"}, imageColumn(t.Header()))
		if isArchive(t.Header()) {
			required = archiveRequired
		}
		_, err := t.Columns(required)
		found = err == nil
		return nil
	}) // a file that can't be read is no table
	return found
}

// unconverted tells what a folder holds instead of a table, "" if nothing is known. names
// are its files.
func unconverted(dir string, names []string) string {
	if found, err := filepath.Glob(filepath.Join(escape(dir), "data", "*.parquet")); err == nil && len(found) > 0 {
		return "Parquet files, as Hugging Face has them"
	}
	for _, name := range names {
		switch strings.ToLower(filepath.Ext(name)) {
		case ".parquet":
			return "Parquet files, as Hugging Face has them"
		}
	}
	return ""
}

// escape makes a folder's name one that a pattern takes literally.
func escape(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// denied reports whether err says that a file may not be read.
func denied(err error) bool { return errors.Is(err, fs.ErrPermission) }
