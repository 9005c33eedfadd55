package parallel

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Team runs work on so many goroutines at the same time, for steps that take microseconds: wait waits for all others, and looks for a while before it
// sleeps. All call wait equally often. A panic becomes an error with its stack; the others stop at their next wait.
func Team(threads int, work func(part int, wait func())) error {
	t := &team{barrier: barrier{parties: int32(threads)}}
	var group sync.WaitGroup
	for part := 1; part < threads; part++ {
		group.Go(func() { t.guard(func() { work(part, t.wait) }) })
	}
	t.guard(func() { work(0, t.wait) })
	group.Wait()
	return t.failed
}

// team is some goroutines that take steps together.
type team struct {
	barrier
	once   sync.Once
	failed error
}

// guard runs one goroutine of the team. A panic becomes the team's error; the others stop at their next barrier.
func (t *team) guard(work func()) {
	defer func() {
		if r := recover(); r != nil {
			if r != errStopped {
				t.once.Do(func() { t.failed = fmt.Errorf("%v\n%s", r, debug.Stack()) })
			}
			t.stop()
		}
	}()
	work()
}

// errStopped is what a barrier panics with in a team of which a thread failed.
var errStopped = new(int)

// barrier has threads wait for each other.
type barrier struct {
	parties    int32
	arrived    atomic.Int32
	generation atomic.Uint32
	stopped    atomic.Bool
	mu         sync.Mutex
	cond       *sync.Cond
}

// looks is how often a thread looks for the others before it sleeps: about a millisecond, longer than most steps take. To wake a
// thread takes as long as a small step; a single image of InceptionResNetV2 or ResNet50 takes a sixth longer with a fiftieth of the
// looks.
const looks = 1000000

func (b *barrier) wait() {
	generation := b.generation.Load()
	if b.arrived.Add(1) == b.parties {
		b.arrived.Store(0)
		b.next()
	} else {
		b.await(generation)
	}
	if b.stopped.Load() {
		panic(errStopped)
	}
}

func (b *barrier) next() {
	b.mu.Lock()
	b.generation.Add(1)
	if b.cond != nil {
		b.cond.Broadcast()
	}
	b.mu.Unlock()
}

func (b *barrier) await(generation uint32) {
	for i := range looks {
		if b.generation.Load() != generation || b.stopped.Load() {
			return
		}
		if i%1024 == 1023 {
			runtime.Gosched() // another goroutine may need the core, perhaps the one that is waited for
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cond == nil {
		b.cond = sync.NewCond(&b.mu)
	}
	for b.generation.Load() == generation && !b.stopped.Load() {
		b.cond.Wait()
	}
}

// stop has every thread that waits, now or later, go on.
func (b *barrier) stop() {
	b.stopped.Store(true)
	b.next()
}
