package parallel

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Round is work in pieces, which may be done in any order and at the same time.
type Round struct {
	Pieces int
	Do     func(piece int)
}

// Rounds does all pieces of a round before those of the next. The caller does them together with whoever runs the task that it hands to help: at once, late, several times, or never; nobody
// waits for a helper that has no piece. So pieces should be more than helpers: one that is late, or whose core another program takes, then does fewer of them. A
// panic becomes an error with its stack, and the pieces that have not begun are left out.
func Rounds(help func(task func()), rounds ...Round) error {
	r := &inRounds{rounds: make([]openRound, len(rounds))}
	for i := range rounds {
		r.rounds[i].Round = rounds[i]
	}
	help(r.take)
	r.take()
	if n := len(rounds); n > 0 {
		r.rounds[n-1].await()
	}
	return r.failed
}

// inRounds is work of which some goroutines take pieces.
type inRounds struct {
	rounds  []openRound
	stopped atomic.Bool
	once    sync.Once
	failed  error
}

type openRound struct {
	Round
	claimed, done atomic.Int32 // pieces
}

// take does pieces until there are none left to begin.
func (r *inRounds) take() {
	for i := range r.rounds {
		if i > 0 {
			r.rounds[i-1].await()
		}
		round := &r.rounds[i]
		for piece := round.claimed.Add(1); int(piece) <= round.Pieces; piece = round.claimed.Add(1) {
			r.do(round, int(piece-1))
		}
	}
}

func (r *inRounds) do(round *openRound, piece int) {
	defer round.done.Add(1)
	defer func() {
		if p := recover(); p != nil {
			r.once.Do(func() { r.failed = fmt.Errorf("%v\n%s", p, debug.Stack()) })
			r.stopped.Store(true)
		}
	}()
	if !r.stopped.Load() {
		round.Do(piece)
	}
}

// await waits for the pieces that others do. It looks for them, since to sleep takes longer than most pieces. It leaves the core to another thread often, and to
// another goroutine now and then: for that, Go puts a thread of C's that runs Go's code to sleep.
func (r *openRound) await() {
	for i := 1; int(r.done.Load()) < r.Pieces; i++ {
		switch {
		case i%(1<<16) == 0:
			runtime.Gosched()
		case i%(1<<10) == 0:
			yield()
		}
	}
}
