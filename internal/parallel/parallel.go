// Package parallel runs the tasks of a loop on several cores.
package parallel

import (
	"context"
	"sync"
	"sync/atomic"
)

// For calls work(i) for every i from 0 to n-1, on as many goroutines as Go may
// use cores, and waits for them.
//
// Tasks start in rising order. After a task has failed or ctx is done, no further
// task starts. The result is the error of the first task, in the order of i, that
// failed; which one it is does not depend on timing, since all tasks before it have
// started. Without a failed task the result is nil if all tasks ran, otherwise ctx's
// error.
func For(ctx context.Context, n int, work func(i int) error) error {
	return ForWorkers(ctx, n, 0, func() func(int) error { return work })
}

// ForWorkers is [For] on at most the given number of goroutines, 0 meaning as many as
// Go may use cores. Each goroutine calls newWorker once and the returned function for
// its tasks, so what newWorker allocates is used by one task at a time.
func ForWorkers(ctx context.Context, n, workers int, newWorker func() func(i int) error) error {
	if workers <= 0 {
		workers = Cores()
	}
	var (
		next    atomic.Int64
		stopped atomic.Bool
		mu      sync.Mutex
		failed  = n // the first task that failed
		err     error
		group   sync.WaitGroup
	)
	for range min(workers, n) {
		group.Go(func() {
			work := newWorker()
			for !stopped.Load() && ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if e := work(i); e != nil {
					stopped.Store(true)
					mu.Lock()
					if i < failed {
						failed, err = i, e
					}
					mu.Unlock()
				}
			}
		})
	}
	group.Wait()
	if err == nil && int(next.Load()) < n {
		err = ctx.Err()
	}
	return err
}

// Counter returns a function for tasks to call when they are done. It tells progress
// how many of total are: one call at a time, with done rising from 1. A nil progress is
// told nothing.
func Counter(total int, progress func(done, total int)) func() {
	if progress == nil {
		return func() {}
	}
	var mu sync.Mutex
	done := 0
	return func() {
		mu.Lock()
		defer mu.Unlock()
		done++
		progress(done, total)
	}
}
