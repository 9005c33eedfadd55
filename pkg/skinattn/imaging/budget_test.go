package imaging

import (
	"sync"
	"sync/atomic"
	"testing"
)

// Tasks never have more than the budget at once, and all of them end; one that asks for more
// than there is gets all.
func TestBudget(t *testing.T) {
	b := newBudget(100)
	var now, most atomic.Int64
	var group sync.WaitGroup
	for i := range 200 {
		group.Go(func() {
			n := b.take([]int{1, 30, 60, 100, 1000}[i%5])
			if sum := now.Add(int64(n)); sum > most.Load() {
				most.Store(sum)
			}
			now.Add(-int64(n))
			b.give(n)
		})
	}
	group.Wait()
	if most.Load() > 100 || most.Load() < 60 || b.left != 100 {
		t.Errorf("at most %d pixels at once, %d left", most.Load(), b.left)
	}
}

// An image that is refused or damaged gives its pixels back.
func TestDecodingGivesBack(t *testing.T) {
	for _, data := range []string{"", "\xff\xd8", "\x89PNG\r\n\x1a\n", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x09\x00\x00\x00\x09\x10\x06\x00\x00\x00"} {
		if _, err := Decode([]byte(data)); err == nil {
			t.Errorf("%q is decoded", data)
		}
	}
	if decoding.left != MaxPixels {
		t.Errorf("%d pixels are not given back", MaxPixels-decoding.left)
	}
}
