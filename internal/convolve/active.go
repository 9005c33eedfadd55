package convolve

import "sync/atomic"

var active atomic.Bool

// Activate says that the process's engine computes convolutions here.
func Activate() { active.Store(true) }

// Active says whether it does. A program that is built for it is also right without it, only slower.
func Active() bool { return active.Load() }
