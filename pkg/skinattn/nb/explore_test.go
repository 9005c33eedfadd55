package nb

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Without a browser the still form is drawn once, with the first positions.
func TestExploreIsStill(t *testing.T) {
	r := record(t)
	t.Setenv(EnvLive, "off")
	var drawn [][]int
	Explore(func(at []int) Panel {
		drawn = append(drawn, slices.Clone(at))
		return Panel{"<b>page</b>", "plain\n"}
	}, Slide("age", 0, 85, 50, func(at int) string { return fmt.Sprint(at, " years") }), Choose("site", 1, "back", "<face>"))
	if fmt.Sprint(drawn) != "[[50 1]]" || r.plain != "age: 50 years, site: <face>\nplain\n" {
		t.Errorf("drawn at %v: %q", drawn, r.plain)
	}
	for _, pages := range r.updates {
		if len(pages) != 1 || pages[0] != "<p>age: 50 years, site: &lt;face&gt;</p><b>page</b>" {
			t.Errorf("%q", pages)
		}
	}
}

// Moves draw anew in the same place, until the button is pressed or nobody moves anything.
func TestExploreFollowsMoves(t *testing.T) {
	for _, end := range []string{"button", "nobody"} {
		r := record(t)
		moves, done, clock := make(chan move), make(chan struct{}), make(chan time.Time)
		var waits []time.Duration
		removed := false
		oldDesk, oldPatience := desk, patience
		desk = func([]Control) (<-chan move, <-chan struct{}, func(), bool) {
			return moves, done, func() { removed = true }, true
		}
		patience = func(d time.Duration) <-chan time.Time { waits = append(waits, d); return clock }
		var drawn []string
		go func() {
			for _, m := range []move{{0, 7}, {1, 0}, {1, 0}} { // the last changes nothing
				moves <- m
			}
			if end == "button" {
				close(done)
			} else {
				clock <- time.Time{}
			}
		}()
		Explore(func(at []int) Panel {
			drawn = append(drawn, fmt.Sprint(at))
			return Panel{plain: "x\n"}
		}, Slide("n", 0, 9, 3, nil), Choose("word", 1, "a", "b"))
		desk, patience = oldDesk, oldPatience
		if got := strings.Join(drawn, " "); got != "[3 1] [7 1] [7 0]" || !removed {
			t.Errorf("%s: drawn at %s, removed: %v", end, got, removed)
		}
		if waits[0] != untilFirst || waits[len(waits)-1] != untilNext {
			t.Errorf("%s: waited %v", end, waits)
		}
		if len(r.updates) != 1 || !strings.HasPrefix(r.plain, "n: 3, word: b\nx\nn: 7, word: b\n") {
			t.Errorf("%s: %d places, %q", end, len(r.updates), r.plain)
		}
	}
}
