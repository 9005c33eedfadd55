package eval

import (
	"bytes"
	"encoding/json"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestMetricsJSONRoundTrip(t *testing.T) {
	for name, p := range goldenTables(t) {
		for _, resamples := range []int{0, 20} {
			want, err := Evaluate(ctx, tableOf(p), Options{Resamples: resamples, Seed: 3})
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "metrics.json")
			if err := want.WriteFile(path); err != nil {
				t.Fatal(err)
			}
			got, err := ReadMetrics(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("%s: (-want +got)\n%s", name, diff)
			}
		}
	}
}

// The keys of metrics.json, which other programs read, in their order; metrics that
// were added since may stand between them.
func TestMetricsJSONKeys(t *testing.T) {
	m, err := Evaluate(ctx, tableOf(goldenTables(t)["absent_classes"]), Options{Resamples: 20, Seed: 9})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := m.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, match := range regexp.MustCompile(`(?m)^  "(\w+)":`).FindAllStringSubmatch(out.String(), -1) {
		keys = append(keys, match[1])
	}
	want := strings.Fields(`n n_unknown classes accuracy balanced_accuracy paper_balanced_accuracy macro_precision macro_recall macro_f1 weighted_f1
		auroc_macro auroc_weighted auroc_micro ap_macro mcc kappa nll brier ece
		top2_accuracy top3_accuracy ece_equal_width ece_classwise macro_specificity confusion per_class groups brier_decomposition ci bootstrap undefined notes`) // notes: of lesions with two diagnoses, which the table has
	added := func(key string) bool { return !slices.Contains(want, key) && slices.Contains(m.Paths(), key) }
	if diff := cmp.Diff(want, slices.DeleteFunc(keys, added)); diff != "" {
		t.Errorf("keys (-want +got)\n%s", diff)
	}
	var names []string
	for _, metric := range classMetrics {
		names = append(names, metric.name)
	}
	if diff := cmp.Diff(strings.Fields("precision recall specificity f1 auroc ap partial_auroc sensitivity_at_90_specificity sensitivity_at_95_specificity"), names); diff != "" {
		t.Errorf("keys of a class (-want +got)\n%s", diff)
	}
	for _, part := range []string{
		`"bootstrap": {` + "\n" + `    "resamples": 20,` + "\n" + `    "seed": 9,` + "\n" + `    "unit": "lesion",`,
		`"per_class.bcc.recall": "no image of class bcc"`,
		`"ci.per_class.bcc.recall": "no image of class bcc"`,
		`"recall": null`,
		`"per_class.bcc.recall": null,`,
	} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("%s is not in\n%s", part, &out)
		}
	}
	if !regexp.MustCompile(`"accuracy": \[0\.\d+, [01]\.?\d*\]`).Match(out.Bytes()) {
		t.Errorf("interval is not on one line:\n%s", &out)
	}
	again, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if more, _ := json.Marshal(m); !bytes.Equal(again, more) {
		t.Error("two encodings differ")
	}
}

// Class names may look like JSON.
func TestMetricsJSONOddClassNames(t *testing.T) {
	p := syntheticPredictions(newRNG(1), 20, 3, 0)
	p.Classes = []string{"[1,2]", `"`, "a.b"}
	want, err := Evaluate(ctx, tableOf(p), Options{Resamples: 5})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := want.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	got := new(Metrics)
	if err := json.Unmarshal(out.Bytes(), got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestMetricsJSONErrors(t *testing.T) {
	m, err := Evaluate(ctx, tableOf(goldenTables(t)["two_classes"]), Options{Resamples: 5})
	if err != nil {
		t.Fatal(err)
	}
	good, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"missing metric":       {`"kappa"`, `"capper"`},
		"not a number":         {`"mcc":`, `"mcc":"high","was":`},
		"missing class":        {`"per_class":{"benign"`, `"per_class":{"bening"`},
		"missing class metric": {`{"precision"`, `{"precise"`},
		"ragged confusion":     {`"confusion":[[`, `"confusion":[[1,`},
		"one-sided interval":   {`"ci":{"accuracy":[`, `"ci":{"accuracy":[0,`},
		"unit":                 {`"unit":"lesion"`, `"unit":"patient"`},
	} {
		bad := strings.Replace(string(good), change[0], change[1], 1)
		if bad == string(good) {
			t.Errorf("%s: the damage was not done", name)
		}
		if err := json.Unmarshal([]byte(bad), new(Metrics)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := ReadMetrics(filepath.Join(t.TempDir(), "absent.json")); err == nil || !strings.Contains(err.Error(), "absent.json") {
		t.Errorf("missing file: %v", err)
	}
}

// A file that is older than operating points and groups can be read: missing values
// are NaN, with a reason.
func TestMetricsJSONOlderFile(t *testing.T) {
	m, err := Evaluate(ctx, tableOf(goldenTables(t)["even"]), Options{Resamples: 5})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var older map[string]any
	if err := json.Unmarshal(text, &older); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"groups", "brier_decomposition", "top2_accuracy", "ece_classwise"} {
		delete(older, key)
	}
	for _, c := range older["per_class"].(map[string]any) {
		delete(c.(map[string]any), "youden")
		delete(c.(map[string]any), "partial_auroc")
	}
	delete(older["bootstrap"].(map[string]any), "stratified")
	if text, err = json.Marshal(older); err != nil {
		t.Fatal(err)
	}
	got := new(Metrics)
	if err := json.Unmarshal(text, got); err != nil {
		t.Fatal(err)
	}
	if got.Accuracy != m.Accuracy || got.PerClass[4].AUROC != m.PerClass[4].AUROC || len(got.Groups) != 0 || !math.IsNaN(got.Top2Accuracy) || !math.IsNaN(got.PerClass[4].Youden.Threshold) {
		t.Errorf("read %+v", got)
	}
	if reason := got.Undefined["per_class.mel.partial_auroc"]; reason != "not in the file" {
		t.Errorf("reason %q", reason)
	}
}
