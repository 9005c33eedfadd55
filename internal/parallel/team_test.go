package parallel

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Nobody takes a step before all have taken the one before, also where a goroutine sleeps through the time in which the others look for it.
func TestTeamTakesStepsTogether(t *testing.T) {
	for _, threads := range []int{1, 2, 5} {
		var taken atomic.Int64
		err := Team(threads, func(part int, wait func()) {
			for step := range 200 {
				if step == 100 && part == threads-1 {
					time.Sleep(20 * time.Millisecond)
				}
				if n := int(taken.Load()); n < step*threads || n >= (step+1)*threads {
					t.Errorf("%d of %d: step %d after %d", part, threads, step, n)
				}
				taken.Add(1)
				wait()
			}
		})
		if err != nil || int(taken.Load()) != 200*threads {
			t.Errorf("%d goroutines: %d steps, %v", threads, taken.Load(), err)
		}
	}
}

// A panic is an error that names it, and the others do not wait forever.
func TestTeamStopsAfterPanic(t *testing.T) {
	for _, threads := range []int{1, 3} {
		err := Team(threads, func(part int, wait func()) {
			wait()
			if part == 0 {
				panic("broken")
			}
			wait()
			t.Error("a goroutine went on")
		})
		if err == nil || !strings.HasPrefix(err.Error(), "broken\n") || !strings.Contains(err.Error(), "team_test.go") {
			t.Errorf("%d goroutines: %v", threads, err)
		}
	}
}
