package nb

import (
	"strings"
	"testing"
)

// Table 5 has two numbers of ours, and names what is wrong with NasNetLarge's.
func TestPaperTable(t *testing.T) {
	r := record(t)
	report := Reproduction()
	if err := paperTable(report, "5"); err != nil {
		t.Fatal(err)
	}
	page := r.pages[0]
	for _, text := range []string{"as printed", "as logged", "ours, leaky", "ours, grouped", "0.8986", "MobileNetV2", "0.768 [0.745, 0.791]", "t5-nasnetlarge"} {
		if !strings.Contains(page, text) {
			t.Errorf("the table lacks %q: %s", text, page)
		}
	}
	// Nothing was run by protocol datta828, and nothing is counted.
	for _, text := range []string{"datta828", "counted here", "not run"} {
		if strings.Contains(page, text) {
			t.Errorf("the table has %q: %s", text, page)
		}
	}
	if n := strings.Count(page, "<tr>"); n != 1+9*2 {
		t.Errorf("the table has %d rows, want a header and 9 networks in 2 regimes", n)
	}
	if err := paperTable(report, "99"); err == nil {
		t.Error("no error for a table that is not there")
	}
}
