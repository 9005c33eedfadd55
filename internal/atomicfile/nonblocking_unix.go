//go:build unix

package atomicfile

import "syscall"

// nonBlocking is a flag of opening.
const nonBlocking = syscall.O_NONBLOCK
