package cli

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/skinattn/skinattn/internal/userdir"
)

// A cache folder that can't be made, as with HOME=/ for a plain user, is no folder that the
// user chose: the advice names the variable.
func TestAdviceOnCacheFolder(t *testing.T) {
	cache := userdir.Cache()
	for path, ours := range map[string]bool{
		cache: true, filepath.Dir(cache): true, filepath.Join(cache, "images.cache"): true, "/elsewhere": false, cache + "-other": false,
	} {
		err := fmt.Errorf("making a folder: %w", &fs.PathError{Op: "mkdir", Path: path, Err: syscall.EACCES})
		if got := strings.Contains(adviceOn(err), "XDG_CACHE_HOME"); got != ours {
			t.Errorf("%s: %s", path, adviceOn(err))
		}
	}
}
