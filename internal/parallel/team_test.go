package parallel

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Nobody takes a step before all have taken the one before, also where a goroutine sleeps through the time in which the others look for it.
func TestTeamTakesStepsTogether(t *testing.T) {
	ways(t, stepsTogether)
}

// A team's way to come together.
type teamOf = func(threads int, work func(part int, wait func())) error

// ways runs a test with goroutines that are started, and with those that wait for a team: too few, as many as it takes, and too many.
func ways(t *testing.T, test func(t *testing.T, team teamOf)) {
	t.Run("started", func(t *testing.T) { test(t, Team) })
	for _, helpers := range []int{0, 1, 4, 9} {
		t.Run(fmt.Sprintf("%d waiting", helpers), func(t *testing.T) {
			var crew Crew
			var ended atomic.Bool
			var group sync.WaitGroup
			for range helpers {
				group.Go(func() {
					for !ended.Load() {
						crew.Join(ended.Load)
					}
				})
			}
			test(t, crew.Team)
			ended.Store(true)
			group.Wait()
		})
	}
}

func stepsTogether(t *testing.T, team teamOf) {
	for _, threads := range []int{1, 2, 5} {
		var taken atomic.Int64
		err := team(threads, func(part int, wait func()) {
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
func TestTeamStopsAfterPanic(t *testing.T) { ways(t, stopsAfterPanic) }

func stopsAfterPanic(t *testing.T, team teamOf) {
	for _, threads := range []int{1, 3} {
		err := team(threads, func(part int, wait func()) {
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

// A team whose parts do not wait for each other ends too, whether anybody joins it or not.
func TestTeamWithoutSteps(t *testing.T) {
	ways(t, func(t *testing.T, team teamOf) {
		for range 100 {
			var parts atomic.Int64
			if err := team(3, func(part int, _ func()) { parts.Add(1 << (8 * part)) }); err != nil || parts.Load() != 0x010101 {
				t.Fatalf("parts %x, %v", parts.Load(), err)
			}
		}
	})
}

// Join goes away when there is no team to be had.
func TestJoinGivesUp(t *testing.T) {
	var crew Crew
	crew.Join(func() bool { return true })
	crew.Join(func() bool { return false })
}
