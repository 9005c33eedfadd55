// Package userdir knows the folder in which the program keeps files between runs.
package userdir

import (
	"os"
	"path/filepath"
)

// Cache returns the folder for image caches, weights, features and the notebooks'
// work: skinattn in the user's cache folder ([os.UserCacheDir]: $XDG_CACHE_HOME or
// ~/.cache on Linux), or in the folder for temporary files where the system names no
// cache folder. Cache makes no folder.
func Cache() string {
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	return filepath.Join(base, "skinattn")
}
