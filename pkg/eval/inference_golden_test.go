package eval

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	approx "gonum.org/v1/gonum/floats/scalar"
	"gonum.org/v1/gonum/stat"
)

// readGolden reads a CSV file of testdata/inference as rows by column name.
func readGolden(t *testing.T, name string) []map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata/inference", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for _, r := range records[1:] {
		row := make(map[string]string)
		for i, key := range records[0] {
			row[key] = r[i]
		}
		rows = append(rows, row)
	}
	if len(rows) < 30 {
		t.Fatalf("%s: %d rows, want at least 30", name, len(rows))
	}
	return rows
}

func parse(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func parseAll(t *testing.T, text string) []float64 {
	var values []float64
	for _, field := range strings.Fields(text) {
		values = append(values, parse(t, field))
	}
	return values
}

// near compares with a tolerance of 1e-12; NaN is near NaN.
func near(a, b float64) bool {
	return math.IsNaN(a) && math.IsNaN(b) || approx.EqualWithinAbs(a, b, goldenTolerance)
}

// Expected values: R 4.2.2, pROC 1.18.0 (var, cov, ci.auc and roc.test, method
// "delong"); tools/golden/eval/inference.R. pROC's difference is a - b.
func TestDeLongAgreesWithPROC(t *testing.T) {
	type scores struct {
		positive []bool
		a, b     []float64
	}
	cases := make(map[string]*scores)
	for _, row := range readGolden(t, "delong_cases.csv") {
		c := cases[row["case"]]
		if c == nil {
			c = &scores{}
			cases[row["case"]] = c
		}
		c.positive = append(c.positive, row["positive"] == "1")
		c.a, c.b = append(c.a, parse(t, row["a"])), append(c.b, parse(t, row["b"]))
	}
	for _, want := range readGolden(t, "delong.csv") {
		c := cases[want["case"]]
		d, err := NewDeLong(c.positive, nil, c.a, c.b)
		if err != nil {
			t.Fatal(err)
		}
		test, ci := d.Test(0, 1), d.Interval(0, 0.95)
		for key, got := range map[string]float64{
			"auc_a": d.AUC[0], "auc_b": d.AUC[1], "var_a": d.Cov[0][0], "var_b": d.Cov[1][1], "cov": d.Cov[0][1],
			"low": ci.Low, "high": ci.High, "z": -test.Z, "p": test.P,
		} {
			if w := parse(t, want[key]); !near(got, w) {
				t.Errorf("case %s: %s = %v, pROC gives %v", want["case"], key, got, w)
			}
		}
	}
}

// Expected values: SciPy 1.17.1, stats.bootstrap(method="BCa") given the same
// replicates; tools/golden/eval/inference.py.
func TestBCaAgreesWithSciPy(t *testing.T) {
	text, err := os.ReadFile("testdata/inference/bca.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Samples    [][]float64
			Statistic  string
			Level      float64
			Replicates []float64
			Low, High  float64
		}
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Cases) < 30 {
		t.Fatalf("%d cases", len(golden.Cases))
	}
	statistics := map[string]func(x ...[]float64) float64{
		"mean": func(x ...[]float64) float64 { return stat.Mean(x[0], nil) },
		"sd":   func(x ...[]float64) float64 { return stat.PopStdDev(x[0], nil) },
		"median": func(x ...[]float64) float64 {
			sorted := sortedDefined(x[0])
			return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
		},
		"difference": func(x ...[]float64) float64 { return stat.Mean(x[0], nil) - stat.Mean(x[1], nil) },
	}
	for n, c := range golden.Cases {
		statistic := statistics[c.Statistic]
		var jackknife []float64
		var strata [][]int
		for s, sample := range c.Samples {
			strata = append(strata, nil)
			for i := range sample {
				without := append([][]float64(nil), c.Samples...)
				without[s] = append(append([]float64(nil), sample[:i]...), sample[i+1:]...)
				strata[s] = append(strata[s], len(jackknife))
				jackknife = append(jackknife, statistic(without...))
			}
		}
		estimate := statistic(c.Samples...)
		got, err := bcaInterval(estimate, sortedDefined(c.Replicates), acceleration(jackknife, strata), c.Level)
		if err != nil || !near(got.Low, c.Low) || !near(got.High, c.High) {
			t.Errorf("case %d (%s): %v, %v; SciPy gives [%v, %v]", n, c.Statistic, got, err, c.Low, c.High)
		}
		if len(c.Samples) == 1 {
			if public, err := BCaInterval(estimate, c.Replicates, jackknife, c.Level); err != nil || public != got {
				t.Errorf("case %d: BCaInterval gives %v, %v, want %v", n, public, err, got)
			}
		}
	}
}

// Expected values: R 4.2.2, prop.test(correct = FALSE).
func TestWilsonAgreesWithR(t *testing.T) {
	for _, row := range readGolden(t, "wilson.csv") {
		got := Wilson(int(parse(t, row["successes"])), int(parse(t, row["n"])), parse(t, row["level"]))
		if !near(got.Low, parse(t, row["low"])) || !near(got.High, parse(t, row["high"])) {
			t.Errorf("%v: got %v", row, got)
		}
	}
	for _, got := range []Interval{Wilson(0, 0, .95), Wilson(-1, 5, .95), Wilson(6, 5, .95), Wilson(1, 5, 95)} {
		if !math.IsNaN(got.Low) || !math.IsNaN(got.High) {
			t.Errorf("no proportion: got %v", got)
		}
	}
}

// Expected values: R 4.2.2, binom.test. Small p-values have a relative tolerance.
func TestMcNemarAgreesWithR(t *testing.T) {
	for _, row := range readGolden(t, "mcnemar.csv") {
		got, want := McNemar(int(parse(t, row["only_a"])), int(parse(t, row["only_b"]))), parse(t, row["p"])
		if !approx.EqualWithinRel(got, want, 1e-9) || !near(got, want) {
			t.Errorf("%v: got %v", row, got)
		}
	}
	if got := McNemar(-1, 3); !math.IsNaN(got) {
		t.Errorf("negative count: got %v", got)
	}
}

// Expected values: R 4.2.2, t.test.
func TestSummarizeAgreesWithR(t *testing.T) {
	for _, row := range readGolden(t, "t.csv") {
		got, err := Summarize(parseAll(t, row["values"]), parse(t, row["level"]))
		if err != nil {
			t.Fatal(err)
		}
		for key, v := range map[string]float64{"mean": got.Mean, "sd": got.SD, "low": got.CI.Low, "high": got.CI.High} {
			if !near(v, parse(t, row[key])) {
				t.Errorf("%v: %s = %v", row, key, v)
			}
		}
	}
	if s, err := Summarize([]float64{0.5}, .95); err != nil || s.Mean != 0.5 || !math.IsNaN(s.SD) || !math.IsNaN(s.CI.Low) {
		t.Errorf("one value: %+v, %v", s, err)
	}
	if s, err := Summarize(nil, .95); err != nil || !math.IsNaN(s.Mean) {
		t.Errorf("no value: %+v, %v", s, err)
	}
	if _, err := Summarize([]float64{1, math.NaN()}, .95); err == nil {
		t.Error("NaN: no error")
	}
	if _, err := Summarize([]float64{1, 2}, 95); err == nil {
		t.Error("level 95: no error")
	}
}

// Expected values: R 4.2.2, p.adjust(method = "holm"), which leaves NA out.
func TestHolmAgreesWithR(t *testing.T) {
	for _, row := range readGolden(t, "holm.csv") {
		got, err := Holm(parseAll(t, row["p"]))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range parseAll(t, row["adjusted"]) {
			if !near(got[i], want) {
				t.Errorf("%v: got %v", row, got)
				break
			}
		}
	}
	if _, err := Holm([]float64{0.5, 1.5}); err == nil {
		t.Error("p of 1.5: no error")
	}
}

// Expected values: SciPy 1.17.1 (brentq, trust-exact); tools/golden/eval/scaling.py.
func TestScalingAgreesWithSciPy(t *testing.T) {
	text, err := os.ReadFile("testdata/scaling.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]json.RawMessage
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	delete(golden, "made_with")
	tables := goldenTables(t)
	for name, raw := range golden {
		var want struct {
			Temperature struct{ Temperature, NLL float64 }
			Vector      struct {
				Weight, Bias []float64
				NLL          float64
			}
		}
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		got, err := FitTemperature(tableOf(tables[name]))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !approx.EqualWithinRel(got.Temperature(), want.Temperature.Temperature, 1e-7) || !near(got.NLLAfter, want.Temperature.NLL) {
			t.Errorf("%s: temperature %v, loss %v; want %+v", name, got.Temperature(), got.NLLAfter, want.Temperature)
		}
		if got, err = FitVector(tableOf(tables[name])); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !approx.EqualWithinAbs(got.NLLAfter, want.Vector.NLL, 1e-9) {
			t.Errorf("%s: loss %v after vector scaling, want %v", name, got.NLLAfter, want.Vector.NLL)
		}
		for k := range got.Weight {
			if !approx.EqualWithinAbs(got.Weight[k], want.Vector.Weight[k], 1e-4) || !approx.EqualWithinAbs(got.Bias[k], want.Vector.Bias[k], 1e-4) {
				t.Errorf("%s: class %d: weight %v, bias %v; want %v, %v", name, k, got.Weight[k], got.Bias[k], want.Vector.Weight[k], want.Vector.Bias[k])
			}
		}
	}
	if len(golden) < 10 {
		t.Errorf("%d tables", len(golden))
	}
}
