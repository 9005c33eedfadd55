// Package userdir knows the folder in which the program keeps files between runs.
package userdir

import (
	"fmt"
	"os"
	"path/filepath"
)

// Cache returns the folder for image caches, weights, features and the notebooks'
// work: skinattn in the user's cache folder ([os.UserCacheDir]: $XDG_CACHE_HOME or
// ~/.cache on Linux). Where the system names no cache folder it is skinattn-UID in the
// folder for temporary files, which users share. Cache makes no folder.
func Cache() string {
	base, err := os.UserCacheDir()
	if err != nil {
		return filepath.Join(os.TempDir(), fmt.Sprintf("skinattn-%d", os.Getuid()))
	}
	return filepath.Join(base, "skinattn")
}
