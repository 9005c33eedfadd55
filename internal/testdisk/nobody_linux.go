package testdisk

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// AsNobody calls f without the rights of root, who may read every folder, on a thread that
// is not used again; f must not call t.FailNow or t.Fatal. The folders on the way to dir are opened to all.
func AsNobody(t *testing.T, dir string, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("the test changes the owner of a folder, which root can")
	}
	for parent := dir; parent != os.TempDir() && parent != "/" && parent != "."; parent = filepath.Dir(parent) {
		if err := os.Chmod(parent, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		const nobody = 65534
		if err := unix.Setfsuid(nobody); err != nil {
			t.Error(err)
			return
		}
		f()
	}()
	<-done
}
