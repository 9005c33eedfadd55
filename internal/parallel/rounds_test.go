package parallel

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// helpers are ways to help with rounds: nobody, on the spot, at the same time, too late.
var helpers = map[string]func(task func()){
	"nobody":     func(func()) {},
	"beforehand": func(task func()) { task() },
	"four": func(task func()) {
		for range 4 {
			go task()
		}
	},
	"late": func(task func()) { time.AfterFunc(time.Millisecond, task) },
}

// No piece is done before all of the round before, nor twice, also where one takes longer than the others look for it.
func TestRounds(t *testing.T) {
	for name, help := range helpers {
		for _, pieces := range []int{1, 2, 7} {
			t.Run(fmt.Sprintf("%s, %d", name, pieces), func(t *testing.T) {
				var rounds []Round
				var done atomic.Int64
				times := make([]atomic.Int32, 200*pieces)
				for round := range 200 {
					rounds = append(rounds, Round{pieces, func(piece int) {
						if round == 100 && piece == pieces-1 {
							time.Sleep(20 * time.Millisecond)
						}
						if n := int(done.Load()); n < round*pieces {
							t.Errorf("round %d begins after %d pieces", round, n)
						}
						times[round*pieces+piece].Add(1)
						done.Add(1)
					}})
				}
				if err := Rounds(help, rounds...); err != nil || int(done.Load()) != len(times) {
					t.Errorf("%d pieces, %v", done.Load(), err)
				}
				for i := range times {
					if n := times[i].Load(); n != 1 {
						t.Errorf("piece %d of round %d is done %d times", i%pieces, i/pieces, n)
					}
				}
			})
		}
	}
}

// A panic is an error that names it. Later rounds are left out.
func TestRoundsStopAfterPanic(t *testing.T) {
	for name, help := range helpers {
		err := Rounds(help, Round{3, func(int) {}}, Round{3, func(piece int) {
			if piece == 1 {
				panic("broken")
			}
		}}, Round{3, func(int) { t.Errorf("%s: a round begins after a panic", name) }})
		if err == nil || !strings.HasPrefix(err.Error(), "broken\n") || !strings.Contains(err.Error(), "rounds_test.go") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
