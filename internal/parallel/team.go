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
	t := newTeam(threads, work)
	t.fill()
	return t.lead(func() {})
}

// Crew is goroutines that wait for teams: to start one takes longer than a small step.
type Crew struct{ open atomic.Pointer[team] }

// Team is [Team] with the goroutines that are in Join. Those that are missing when the first step ends are started.
func (c *Crew) Team(threads int, work func(part int, wait func())) error {
	t := newTeam(threads, work)
	c.open.Store(t)
	return t.lead(sync.OnceFunc(func() {
		c.open.CompareAndSwap(t, nil)
		t.fill()
	}))
}

// Join takes a part in the next team, unless there is none to be had before over says that it is, or within about a millisecond.
func (c *Crew) Join(over func() bool) {
	for i := 0; i < looks && !over(); i++ {
		if t := c.open.Load(); t != nil {
			if part, ok := t.claim(); ok {
				t.take(part)
				return
			}
		}
		if i%1024 == 1023 {
			runtime.Gosched()
		}
	}
}

// team is some goroutines that take steps together.
type team struct {
	barrier
	work    func(part int, wait func())
	claimed atomic.Int32 // parts, besides the first
	group   sync.WaitGroup
	once    sync.Once
	failed  error
}

func newTeam(threads int, work func(part int, wait func())) *team {
	t := &team{barrier: barrier{parties: int32(threads)}, work: work}
	t.group.Add(threads - 1)
	return t
}

// claim is a part that nobody else takes.
func (t *team) claim() (part int, ok bool) {
	if t.claimed.Load() >= t.parties {
		return 0, false
	}
	part = int(t.claimed.Add(1))
	return part, part < int(t.parties)
}

// take does a part that was claimed.
func (t *team) take(part int) {
	defer t.group.Done()
	t.guard(func() { t.work(part, t.wait) })
}

// fill starts goroutines for the parts that nobody has claimed.
func (t *team) fill() {
	for part, ok := t.claim(); ok; part, ok = t.claim() {
		go t.take(part)
	}
}

// lead does the first part and waits for the others, after it has made sure that there are some.
func (t *team) lead(fill func()) error {
	t.guard(func() { t.work(0, func() { fill(); t.wait() }) })
	fill()
	t.group.Wait()
	return t.failed
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
	if b.parties == 1 {
		return
	}
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
