package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// freeBytes returns the free space for a folder, which need not exist yet.
func freeBytes(dir string) (uint64, error) {
	for {
		var stat unix.Statfs_t
		err := unix.Statfs(dir, &stat)
		if err == nil {
			return stat.Bavail * uint64(stat.Bsize), nil
		}
		if parent := filepath.Dir(dir); errors.Is(err, fs.ErrNotExist) && parent != dir {
			dir = parent
			continue
		}
		return 0, &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
}

// notebookKernel looks for the GoNB kernel where scripts/notebooks.sh installs it
// and where Jupyter does.
func notebookKernel() (detail string, ok bool) {
	dirs := []string{os.Getenv("JUPYTER_DATA_DIR"), filepath.Join(os.Getenv("SKINATTN_NOTEBOOKS_ENV"), "share", "jupyter")}
	if dir, err := os.Getwd(); err == nil { // the repository, or a folder in it
		for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			dirs = append(dirs, filepath.Join(dir, ".venv-notebooks", "share", "jupyter"))
		}
	}
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, ".local", "share", "jupyter"))
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, "kernels", "gonb", "kernel.json")
		if _, err := os.Stat(path); filepath.IsAbs(dir) && err == nil {
			return path, true
		}
	}
	return "no GoNB kernel is installed", false
}
