package eval

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// Rows that contradict each other are noted: in the table, in its metrics, and in tables that
// are made of it.
func TestContradictionsAreNoted(t *testing.T) {
	const header = "image_id,lesion_id,dx,mel,nv\n"
	for name, c := range map[string]struct {
		rows string
		want []string
	}{
		"none":              {"ISIC_1,HAM_1,mel,.5,.5\nISIC_2,HAM_1,mel,.5,.5\nISIC_3,,nv,.5,.5\nISIC_4,,mel,.5,.5\nISIC_5,HAM_1,,.5,.5\n", nil},
		"small and capital": {"ISIC_1,HAM_1,mel,.5,.5\nisic_2,HAM_2,mel,.5,.5\n", nil},
		"one lesion": {"ISIC_1,HAM_1,mel,.5,.5\nISIC_2,HAM_1,nv,.5,.5\nISIC_3,HAM_1,mel,.5,.5\n",
			[]string{"the photos of lesion HAM_1 (mel and nv) have different diagnoses: one of them, or the lesion id, is wrong"}},
		"two lesions": {"ISIC_1,HAM_1,mel,.5,.5\nISIC_2,HAM_2,nv,.5,.5\nISIC_3,HAM_2,mel,.5,.5\nISIC_4,HAM_1,nv,.5,.5\n",
			[]string{"the photos of 2 lesions, such as HAM_2 (nv and mel), have different diagnoses: some of them, or of the lesion ids, are wrong"}},
		"the same photo twice": {"ISIC_1,HAM_1,mel,.5,.5\nisic_1,HAM_1,mel,.5,.5\nIsic_1,HAM_1,mel,.5,.5\n",
			[]string{"2 of 3 image ids are those of other rows but for capital letters, such as ISIC_1 and isic_1: if they are the same photos, these count twice"}},
	} {
		table, err := ParsePredictions(strings.NewReader(header + c.rows))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := table.Notes(); !slices.Equal(got, c.want) {
			t.Errorf("%s: notes %q, want %q", name, got, c.want)
		}
		metrics, err := Evaluate(ctx, table, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, err := json.Marshal(metrics)
		if err != nil {
			t.Fatal(err)
		}
		var read Metrics
		if err := json.Unmarshal(text, &read); err != nil || !slices.Equal(read.Notes, c.want) {
			t.Errorf("%s: metrics have the notes %q, %v", name, read.Notes, err)
		}
		if again, err := table.WithProbs(table.Predictions().Probs); err != nil || !slices.Equal(again.Notes(), c.want) {
			t.Errorf("%s: with other probabilities: %q, %v", name, again.Notes(), err)
		}
	}
}
