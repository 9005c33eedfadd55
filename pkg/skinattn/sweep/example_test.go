package sweep

import (
	"slices"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// 10 networks x 2 regimes x 3 protocols x 3 seeds with metadata, 12 networks as often without.
func TestPaperExample(t *testing.T) {
	if names := Examples(); !slices.Equal(names, []string{"paper", "small"}) {
		t.Errorf("examples %v", names)
	}
	cells := expand(t, string(Example("paper")))
	if want := (10 + 12) * 2 * 3 * 3; len(cells) != want {
		t.Errorf("%d cells, want %d", len(cells), want)
	}
	count := map[string]int{}
	for _, c := range cells {
		cfg := c.Config()
		count[cfg.Network.Backbone+" "+cfg.Regime.Name+" "+cfg.Data.Protocol]++
		if share := cfg.Data.TestShare; (share == .15) != (cfg.Network.Metadata == false && cfg.Data.Protocol == split.Paper) {
			t.Errorf("%s holds %g out", c.Name, share)
		}
	}
	for setting, n := range count {
		if n != 3 {
			t.Errorf("%s has %d seeds, want 3", setting, n)
		}
	}
	if cells := expand(t, string(Example("small"))); len(cells) != 4 {
		t.Errorf("the small example has %d cells", len(cells))
	}
}
