package cli

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skinattn/skinattn/pkg/skinattn/run"
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

// Without a terminal a run says what it does at least once a minute, and what takes the
// first minutes.
func TestLinesWithoutTerminal(t *testing.T) {
	var stderr strings.Builder
	clock := time.Unix(0, 0)
	b := newTrainingBar(&session{stderr: &stderr})
	b.now = func() time.Time { return clock }
	step := func(done int, after time.Duration) {
		clock = clock.Add(after)
		b.Step(done, 1.5, .25)
	}
	b.StartEpoch(1, 2, 1000)
	step(100, 40*time.Second)
	step(200, 19*time.Second) // 59 s after the beginning: no line yet
	step(400, 41*time.Second) // 100 s for 400 of 1,000 images: 150 s and one epoch of 250 s are left
	step(500, 59*time.Second)
	b.EndEpoch(run.Epoch{Epoch: 1, Seconds: 250}, false)
	b.StartEpoch(2, 2, 1000)
	step(100, time.Second)
	want := []string{"compiling (once)", "compiled, and the first batch trained, in 40s",
		"epoch 1 of at most 2: 400 of 1000 images, loss 1.5000, accuracy 0.250; the run ends in at most 6m40s"}
	lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	if len(lines) != 5 || !slices.Equal(lines[:3], want) { // then the table's head and a row
		t.Errorf("lines:\n%s\nwant\n%s", stderr.String(), strings.Join(want, "\n"))
	}
}
