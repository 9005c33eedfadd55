// Package testdisk gives tests a disk of their own that is full or read-only
// when they want it: a small file system in memory. Only root can mount one;
// elsewhere the test is skipped and says so. (Taking away permissions instead
// tells nothing where tests run as root.)
package testdisk

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// Disk is a mounted file system.
type Disk struct {
	Dir string
	t   *testing.T
}

// New mounts a disk of that many bytes, rounded up to pages, for the time of
// the test.
func New(t *testing.T, bytes int) *Disk {
	t.Helper()
	d := &Disk{Dir: t.TempDir(), t: t}
	if err := unix.Mount("tmpfs", d.Dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Skipf("a disk of its own can't be mounted (%v); root can, in a machine or a privileged container", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(d.Dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	return d
}

// Resize changes the disk's size.
func (d *Disk) Resize(bytes int) { d.remount(0, fmt.Sprintf("size=%d", bytes)) }

// ReadOnly makes the disk read-only.
func (d *Disk) ReadOnly() { d.remount(unix.MS_RDONLY, "") }

func (d *Disk) remount(flags uintptr, options string) {
	d.t.Helper()
	if err := unix.Mount("", d.Dir, "", unix.MS_REMOUNT|flags, options); err != nil {
		d.t.Fatalf("remounting: %v", err)
	}
}
