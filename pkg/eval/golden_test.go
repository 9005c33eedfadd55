package eval

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	approx "gonum.org/v1/gonum/floats/scalar"
)

// goldenTolerance bounds the difference from scikit-learn: both programs sum in
// float64, in different orders.
const goldenTolerance = 1e-12

// differsFromSklearn lists the values that are undefined in this package on purpose
// and have a default in scikit-learn.
var differsFromSklearn = map[string]bool{
	// 0/0 when truth and prediction are all of one class; scikit-learn says 0.
	// (one_row is the only such golden table.)
	"one_row.mcc": true,
}

func goldenTables(t testing.TB) map[string]*Predictions {
	t.Helper()
	files, err := filepath.Glob("testdata/golden/*.csv")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden tables: %v", err)
	}
	tables := make(map[string]*Predictions)
	for _, f := range files {
		p, err := ReadPredictions(f)
		if err != nil {
			t.Fatal(err)
		}
		tables[strings.TrimSuffix(filepath.Base(f), ".csv")] = p.Predictions()
	}
	return tables
}

func goldenObject(t testing.TB, name string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/golden", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	return object
}

// Expected values: scikit-learn 1.7.2, tools/golden/eval/make.py.
func TestMetricsAgreeWithScikitLearn(t *testing.T) {
	for name, p := range goldenTables(t) {
		t.Run(name, func(t *testing.T) {
			want := goldenObject(t, name)
			m, err := Evaluate(ctx, tableOf(p), Options{})
			if err != nil {
				t.Fatal(err)
			}
			// Through the JSON form, so that names and nulls are compared too.
			text, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]any
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			undefined := got["undefined"].(map[string]any)
			compareJSON(t, name, "", got, want, undefined)
		})
	}
}

// compareJSON compares every key of want with got, and wants a reason for
// every null.
func compareJSON(t *testing.T, table, path string, got, want any, undefined map[string]any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s: got %v, want an object", path, got)
			return
		}
		for key, w := range want {
			if key == "made_with" || key == "curve" {
				continue
			}
			compareJSON(t, table, strings.TrimPrefix(path+"."+key, "."), object[key], w, undefined)
		}
	case []any:
		if text(got) != text(want) {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	case nil:
		if got != nil {
			t.Errorf("%s: got %v, want null", path, got)
		}
		if reason, _ := undefined[path].(string); reason == "" {
			t.Errorf("%s: null without a reason in undefined", path)
		}
	case float64:
		v, ok := got.(float64)
		if !ok && differsFromSklearn[table+"."+path] && undefined[path] != "" {
			return
		}
		if !ok || !approx.EqualWithinAbs(v, want, goldenTolerance) {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	default:
		t.Errorf("%s: cannot compare %T", path, want)
	}
}

func text(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// Expected values: scikit-learn's roc_curve(drop_intermediate=False) and
// precision_recall_curve (reversed).
func TestCurvesAgreeWithScikitLearn(t *testing.T) {
	compared := 0
	for name, p := range goldenTables(t) {
		curve, ok := goldenObject(t, name)["curve"].(map[string]any)
		if !ok {
			continue
		}
		compared++
		k := p.ClassIndex(curve["class"].(string))
		roc, err := tableOf(p).ROC(k)
		if err != nil {
			t.Fatal(err)
		}
		pr, err := tableOf(p).PR(k)
		if err != nil {
			t.Fatal(err)
		}
		// scikit-learn's precision-recall curve repeats no recall 0 point: it
		// ends in (0, 1) without a threshold, where ours starts, at +Inf.
		for _, c := range []struct {
			what string
			got  []float64
		}{
			{"fpr", roc.FPR}, {"tpr", roc.TPR}, {"roc_thresholds", roc.Thresholds[1:]},
			{"precision", pr.Precision}, {"recall", pr.Recall}, {"pr_thresholds", pr.Thresholds[1:]},
		} {
			want := curve[c.what].([]any)
			if len(want) != len(c.got) {
				t.Errorf("%s %s: %d points, want %d", name, c.what, len(c.got), len(want))
				continue
			}
			for i, w := range want {
				if !approx.EqualWithinAbs(c.got[i], w.(float64), goldenTolerance) {
					t.Errorf("%s %s[%d]: got %v, want %v", name, c.what, i, c.got[i], w)
				}
			}
		}
	}
	if compared < 3 {
		t.Errorf("compared %d curves, want at least 3", compared)
	}
}

// The fields of Metrics, the tables of metrics and the paths agree.
func TestPathsMatchValues(t *testing.T) {
	m, err := Evaluate(ctx, tableOf(goldenTables(t)["even"]), Options{})
	if err != nil {
		t.Fatal(err)
	}
	paths, values := m.Paths(), m.Values()
	if len(paths) != len(values) || len(paths) != len(overallMetrics)+(7+1)*len(classMetrics) {
		t.Fatalf("%d paths, %d values, %d overall metrics, %d of each class", len(paths), len(values), len(overallMetrics), len(classMetrics))
	}
	i := slices.Index(paths, ClassPath("mel", "recall"))
	if got, _ := m.Value("per_class.mel.recall"); got != m.PerClass[4].Recall || values[i] != got {
		t.Errorf("per_class.mel.recall = %v by path, %v by index, %v by field", got, values[i], m.PerClass[4].Recall)
	}
	if v, ok := m.Value("per_class.mel.beauty"); ok || !math.IsNaN(v) {
		t.Errorf("Value of an unknown path = %v, %v", v, ok)
	}
}
