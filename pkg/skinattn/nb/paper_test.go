package nb

import (
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/reproduce"
)

// Table 5: printed and logged values (by hand, from the paper and the authors'
// notebooks), and a committed run of ours.
func TestPaperTable(t *testing.T) {
	r := record(t)
	report := Reproduction()
	if err := paperTable(report, "5"); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.SplitSeq(r.plain, "\n") {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	for _, want := range []string{
		"Model ACC(AD) ACC(MD) discrepancy",
		"InceptionResNetV2 as printed 0.79 0.90",
		"as logged 0.7858 0.8986",
		"NasNetLarge as printed - 0.84 ‡ t5-nasnetlarge",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("the table lacks the line %q: %s", want, r.plain)
		}
	}
	if !strings.Contains(r.plain, "ours, grouped") || !strings.Contains(r.plain, "0.768 [0.745, 0.791]") {
		t.Errorf("the table lacks our run: %s", r.plain)
	}
	if strings.Contains(r.plain, "datta828") || strings.Contains(r.plain, "not run") {
		t.Errorf("the table has lines without a value: %s", r.plain)
	}
	if err := paperTable(report, "99"); err == nil {
		t.Error("no error for a table that is not there")
	}
}

func TestRecordText(t *testing.T) {
	v, low, high := .768, .745, .791
	for _, c := range []struct {
		record reproduce.Record
		want   string
	}{
		{reproduce.Record{Text: "not run: needs weights"}, ""},
		{reproduce.Record{Text: "long", Value: &v, Low: &low, High: &high}, "0.768 [0.745, 0.791]"},
		{reproduce.Record{Text: "0.84", Value: &v, Discrepancies: []string{"x"}}, "0.84 ‡"},
		{reproduce.Record{Text: "-"}, "-"},
	} {
		if got := recordText(c.record); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.record, got, c.want)
		}
	}
}
