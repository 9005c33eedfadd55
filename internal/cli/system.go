package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// freeBytes is the free space for a folder that need not exist yet.
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

// notebookKernel looks for the GoNB kernel where Jupyter does.
func notebookKernel() (detail string, ok bool) {
	dirs := []string{os.Getenv("JUPYTER_DATA_DIR")}
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, ".local", "share", "jupyter"))
	}
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		path := filepath.Join(dir, "kernels", "gonb", "kernel.json")
		if _, err := os.Stat(path); err == nil {
			return path, true
		}
	}
	return "no GoNB kernel is installed", false
}
