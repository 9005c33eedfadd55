package parallel

import (
	"runtime"
	"testing"
)

// Spare processors are nobody's cores, and what a program asks for afterwards counts.
func TestSpare(t *testing.T) {
	was, now := spare.before, spare.now
	before := runtime.GOMAXPROCS(3)
	defer func() { spare.before, spare.now = was, now; runtime.GOMAXPROCS(before) }()
	spare.before, spare.now = 0, 0
	for range 2 {
		Spare(4)
		if all, cores := runtime.GOMAXPROCS(0), Cores(); all != 7 || cores != 3 {
			t.Errorf("%d of Go's processors for %d cores, want 7 and 3", all, cores)
		}
	}
	runtime.GOMAXPROCS(5)
	if cores := Cores(); cores != 5 {
		t.Errorf("%d cores, want 5", cores)
	}
}
