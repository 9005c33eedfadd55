package weights

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/skinattn/skinattn/internal/atomicfile"
)

// RunFolder is OccupiedError.What for the folder of an imported run.
const RunFolder = "run folder"

// OccupiedError says that Import or Export would overwrite something.
type OccupiedError struct {
	What string // RunFolder, "folder" or "file"
	Path string
	File string // an entry of the folder
}

func (e *OccupiedError) Error() string {
	if e.File == "" {
		return e.Path + " exists"
	}
	return fmt.Sprintf("%s %s is not empty (it has %s)", e.What, e.Path, e.File)
}

// placeFolder has fill write into a temporary folder beside dir, which must be empty or
// absent, and renames the folder to dir. what is for an *OccupiedError, mark is part of
// the temporary name.
func placeFolder(what, dir, mark string, fill func(temporary string) error) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	entries, err := os.ReadDir(dir)
	switch {
	case len(entries) > 0:
		return &OccupiedError{what, dir, entries[0].Name()}
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	return atomicfile.WriteDir(dir, "."+filepath.Base(dir)+mark, fill)
}
