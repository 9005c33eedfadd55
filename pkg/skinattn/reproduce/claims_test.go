package reproduce

import (
	"math"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/eval/paper"
	"github.com/skinattn/skinattn/pkg/skinattn/reproduce/internal/render"
)

// Every claim and every number of the text is on a page.
func TestClaimsPageHasEveryStatement(t *testing.T) {
	results(t)
	page := pages()["claims.md"]
	for _, c := range paper.Claims() {
		if !strings.Contains(page, "## "+c.Title+"\n") || !strings.Contains(page, render.Plain(c.Verdict)) {
			t.Errorf("claims.md lacks %s", c.ID)
		}
		for _, q := range c.Quotes {
			if !strings.Contains(page, "> "+render.Plain(q.Text)) {
				t.Errorf("claims.md lacks the quote %q", q.Text)
			}
		}
	}
	for _, s := range paper.Statements() {
		for _, id := range s.Discrepancies {
			if !isSetting(s) && !strings.Contains(page, "**"+id+"**") {
				t.Errorf("claims.md does not explain %s of %s", id, s.ID)
			}
		}
	}
}

// The verdicts say what their tables show.
func TestVerdictsHold(t *testing.T) {
	claim := func(id string) paper.Claim {
		for _, c := range paper.Claims() {
			if c.ID == id {
				return c
			}
		}
		t.Fatalf("no claim %s", id)
		return paper.Claim{}
	}
	differences := func(id string) (lowest, highest float64, clear int) {
		lowest, highest = math.Inf(1), math.Inf(-1)
		for _, p := range claim(id).Pairs {
			a, _ := paper.FindRun(p.With)
			b, _ := paper.FindRun(p.Without)
			d := float64(a.Correct())/float64(a.N) - float64(b.Correct())/float64(b.N)
			lowest, highest = min(lowest, d), max(highest, d)
			if ci := newcombe(a.Correct(), a.N, b.Correct(), b.N); ci.Low > 0 || ci.High < 0 {
				clear++
			}
		}
		return lowest, highest, clear
	}
	if low, high, clear := differences("soft-attention"); low != 0 || math.Abs(high-0.023) > 5e-4 || clear != 0 {
		t.Errorf("Soft-Attention: from %.4f to %.4f, %d clear of zero", low, high, clear)
	}
	if low, high, _ := differences("metadata"); math.Abs(low-0.010) > 5e-4 || math.Abs(high-0.036) > 5e-4 {
		t.Errorf("metadata: from %.4f to %.4f", low, high)
	}
	if _, _, clear := differences("irv2-best"); clear != 0 {
		t.Error("InceptionResNetV2 and DenseNet201 differ")
	}
	irv2, _ := paper.FindRun("irv2-10split")
	dense, _ := paper.FindRun("densenet201-lr-apr")
	for metric, irv2IsHigher := range map[string]bool{"accuracy": true, "auroc_macro": true, "macro_precision": false, "macro_recall": false, "macro_f1": false} {
		if (irv2.Metrics[metric].Value() > dense.Metrics[metric].Value()) != irv2IsHigher {
			t.Errorf("%s: %s and %s", metric, irv2.Metrics[metric], dense.Metrics[metric])
		}
	}
}

// Newcombe 1998, Statistics in Medicine 17:873, table II, contrast (a) by method
// 10: 56/70 and 48/80.
func TestNewcombe(t *testing.T) {
	ci := newcombe(56, 70, 48, 80)
	if math.Abs(ci.Low-0.0524) > 5e-5 || math.Abs(ci.High-0.3339) > 5e-5 {
		t.Errorf("interval [%.4f, %.4f], want [0.0524, 0.3339]", ci.Low, ci.High)
	}
}
