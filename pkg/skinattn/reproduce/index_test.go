package reproduce

import (
	"strings"
	"testing"
)

// The claims in a line each; the verdicts of pkg/eval/paper/data/claims.json, read by hand.
func TestVerdictsInShort(t *testing.T) {
	want := map[string]string{
		"Soft-Attention helps":                      "Not tested by the authors",
		"Metadata helps":                            "Weakly supported",
		"The weighted loss balances the classes":    "Not tested by the authors",
		"InceptionResNetV2 is the best network":     "Not supported",
		"Better than other work on five indicators": "Contradicted by Table 8 itself",
	}
	lines := verdicts()
	if len(lines) != 7 {
		t.Errorf("%d claims; the page says ten lines, of which seven are claims", len(lines))
	}
	for _, l := range lines {
		if w, ok := want[l.Claim]; ok && l.Verdict != w {
			t.Errorf("%s: %q, want %q", l.Claim, l.Verdict, w)
		}
		if l.Verdict == "" || l.Why == "" || strings.HasSuffix(l.Why, ".") || len(l.Verdict) > 60 {
			t.Errorf("%s: verdict %q, because %q", l.Claim, l.Verdict, l.Why)
		}
	}
}
