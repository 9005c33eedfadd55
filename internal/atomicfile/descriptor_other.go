//go:build !unix

package atomicfile

import "os"

const nonBlocking = 0

// descriptor returns nil: no path stands for an open file.
func descriptor(string) *os.File { return nil }
