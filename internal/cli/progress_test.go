package cli

import (
	"testing"
	"time"
)

func TestRestOfRun(t *testing.T) {
	for _, c := range []struct {
		name    string
		rest    restOfRun
		done    int
		elapsed time.Duration
		want    time.Duration
	}{
		{"nothing done", restOfRun{epochs: 9, total: 100}, 0, time.Second, 0},
		{"first epoch", restOfRun{epochs: 9, total: 100}, 25, time.Minute, (3 + 9*4) * time.Minute},
		{"with validation", restOfRun{epochs: 2, total: 100, last: 5 * time.Minute}, 50, 2 * time.Minute, (2 + 2*5) * time.Minute},
		{"end of the last epoch", restOfRun{total: 100, last: time.Hour}, 100, time.Minute, 0},
	} {
		if got := c.rest.after(c.done, c.elapsed); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
