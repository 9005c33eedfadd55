//go:build !linux

package testdisk

import "testing"

// Disk is a mounted file system.
type Disk struct{ Dir string }

// New skips the test.
func New(t *testing.T, _ int) *Disk {
	t.Skip("a disk of its own can be mounted on Linux only")
	return nil
}

// Resize changes the disk's size.
func (*Disk) Resize(int) {}

// ReadOnly makes the disk read-only.
func (*Disk) ReadOnly() {}

// AsNobody skips the test.
func AsNobody(t *testing.T, dir string, f func()) { t.Skip("tested on Linux only") }
