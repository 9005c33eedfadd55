package parallel

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

func TestEveryTaskOnce(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 1000} {
		for _, workers := range []int{0, 1, 3, 2000} {
			ran := make([]atomic.Int32, n)
			var made atomic.Int32
			err := ForWorkers(t.Context(), n, workers, func() func(int) error {
				made.Add(1)
				busy := false // of one goroutine: the race detector would tell
				return func(i int) error {
					if busy {
						t.Error("two tasks share a worker")
					}
					busy = true
					ran[i].Add(1)
					busy = false
					return nil
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			for i := range ran {
				if got := ran[i].Load(); got != 1 {
					t.Fatalf("%d tasks, %d workers: task %d ran %d times", n, workers, i, got)
				}
			}
			if workers > 0 && int(made.Load()) > min(workers, n) {
				t.Errorf("%d tasks, %d workers: %d were made", n, workers, made.Load())
			}
		}
	}
}

// TestFirstError lets the fifth task fail after a later task has failed.
func TestFirstError(t *testing.T) {
	later := make(chan struct{})
	var ran atomic.Int32
	err := ForWorkers(t.Context(), 1_000_000, 8, func() func(int) error {
		return func(i int) error {
			ran.Add(1)
			switch i {
			case 4:
				<-later
				return errors.New("task 4")
			case 6:
				defer close(later)
				return errors.New("task 6")
			}
			return nil
		}
	})
	if err == nil || err.Error() != "task 4" {
		t.Errorf("error %v, want that of task 4", err)
	}
	if ran.Load() == 1_000_000 {
		t.Error("all tasks ran after a failure")
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var ran atomic.Int32
	err := ForWorkers(ctx, 100, 1, func() func(int) error {
		return func(i int) error {
			ran.Add(1)
			if i == 9 {
				cancel()
			}
			return nil
		}
	})
	if !errors.Is(err, context.Canceled) || ran.Load() != 10 {
		t.Errorf("%d tasks ran, error %v; want 10 and %v", ran.Load(), err, context.Canceled)
	}
	// Cancelled too late to keep a task from running.
	ctx, cancel = context.WithCancel(t.Context())
	if err := ForWorkers(ctx, 5, 1, func() func(int) error {
		return func(i int) error {
			if i == 4 {
				cancel()
			}
			return nil
		}
	}); err != nil {
		t.Errorf("all tasks ran; error %v", err)
	}
	cancel()
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if err := For(ctx, 3, func(int) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v; want %v", err, context.Canceled)
	}
}

func TestCounter(t *testing.T) {
	const n = 500
	var told []string
	count := Counter(n, func(done, total int) { told = append(told, fmt.Sprint(done, total)) })
	var group sync.WaitGroup
	for range n {
		group.Go(count)
	}
	group.Wait()
	if len(told) != n {
		t.Fatalf("told %d times", len(told))
	}
	for i, s := range told {
		if want := fmt.Sprint(i+1, n); s != want {
			t.Fatalf("call %d told %s, want %s", i, s, want)
		}
	}
	Counter(1, nil)()
}
