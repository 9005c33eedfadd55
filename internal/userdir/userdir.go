// Package userdir knows the folder in which the program keeps files between runs.
package userdir

import (
	"fmt"
	"os"
	"path/filepath"
)

// Cache returns the folder for image caches, weights, features and the notebooks'
// work: skinattn in the user's cache folder ([os.UserCacheDir]: $XDG_CACHE_HOME or
// ~/.cache on Linux, where a relative $XDG_CACHE_HOME does not count). Where the system
// names no cache folder it is skinattn-UID in the
// folder for temporary files, which users share. Cache makes no folder.
func Cache() string {
	base, err := os.UserCacheDir()
	if home, known := os.UserHomeDir(); err != nil && known == nil && os.Getenv("XDG_CACHE_HOME") != "" {
		base, err = filepath.Join(home, ".cache"), nil
	}
	if err != nil {
		return filepath.Join(os.TempDir(), fmt.Sprintf("skinattn-%d", os.Getuid()))
	}
	return filepath.Join(base, "skinattn")
}
