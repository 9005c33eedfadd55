package parallel

import (
	"runtime"
	"sync"
)

var spare struct {
	sync.Mutex
	before, now int // GOMAXPROCS without and with the spare processors
}

// Cores is on how many cores Go's code shall run at the same time: GOMAXPROCS without the spare processors.
func Cores() int {
	spare.Lock()
	defer spare.Unlock()
	n := runtime.GOMAXPROCS(0)
	if n == spare.now {
		n = spare.before
	}
	return n
}

// Spare raises GOMAXPROCS by n: a thread of C's that calls Go needs one of Go's processors, and Go takes them from threads that are in C only every now and then. It
// is raised once; a program that sets GOMAXPROCS afterwards has what it asks for.
func Spare(n int) {
	spare.Lock()
	defer spare.Unlock()
	if spare.now == 0 {
		spare.before = runtime.GOMAXPROCS(0)
		spare.now = spare.before + n
		runtime.GOMAXPROCS(spare.now)
	}
}
