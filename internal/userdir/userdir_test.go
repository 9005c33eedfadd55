package userdir

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestCache(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the variables are those of Linux")
	}
	shared := fmt.Sprintf("/t/skinattn-%d", os.Getuid())
	for _, tc := range []struct{ cache, home, want string }{
		{"/c", "/h", "/c/skinattn"},
		{"", "/h", "/h/.cache/skinattn"},
		{"", "", shared},
		{"relative", "/h", "/h/.cache/skinattn"}, // to be ignored, by the XDG specification
		{"relative", "", shared},
	} {
		t.Setenv("XDG_CACHE_HOME", tc.cache)
		t.Setenv("HOME", tc.home)
		t.Setenv("TMPDIR", "/t")
		if got := Cache(); got != filepath.FromSlash(tc.want) {
			t.Errorf("with XDG_CACHE_HOME=%q and HOME=%q: %s, want %s", tc.cache, tc.home, got, tc.want)
		}
	}
}
