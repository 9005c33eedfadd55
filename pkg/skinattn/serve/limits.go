package serve

import (
	"context"
	"sync"
	"time"
)

// limits is what requests share. Each takes its share at the beginning and gives it back
// when it is answered; what is not there is refused at once, so that nothing grows.
type limits struct {
	mu       sync.Mutex
	requests int // that may still come in
	bytes    int64
	// takers may prepare a photo, one at a time; ready are places for photos that are
	// prepared and not predicted yet, which take megabytes each.
	takers, ready chan struct{}
}

func newLimits(requests int, bytes int64, takers, ready int) *limits {
	return &limits{requests: requests, bytes: bytes, takers: make(chan struct{}, takers), ready: make(chan struct{}, ready)}
}

// admit takes a place and memory for a request of that many bytes. It returns nil if there is
// none, else the function that gives both back.
func (l *limits) admit(bytes int64) func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.requests == 0 || l.bytes < bytes {
		return nil
	}
	l.requests--
	l.bytes -= bytes
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.requests++
		l.bytes += bytes
	}
}

// place waits for a place in ch, at most until the deadline or the end of ctx.
func place(ctx context.Context, ch chan struct{}, deadline time.Time) bool {
	select {
	case ch <- struct{}{}:
		return true
	default:
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case ch <- struct{}{}:
		return true
	case <-timer.C:
		return false
	case <-ctx.Done():
		return false
	}
}

// waiting is the number of requests that have been admitted and are not answered.
func (l *limits) waiting(all int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return all - l.requests
}
