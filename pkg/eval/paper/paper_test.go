package paper

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// Values by hand.
func TestCompare(t *testing.T) {
	for _, c := range []struct {
		printed, exact Number
		decimals       int
		want           Agreement
	}{
		{"0.90", "0.8986", 0, Rounded},
		{"0.9", "0.8986", 2, Rounded},
		{"0.9", "0.88", 0, Rounded},
		{"0.9", "0.88", 2, Differs},
		{"0.71", "0.7193", 0, Truncated},
		{"0.72", "0.7193", 0, Rounded},
		{"0.73", "0.7193", 0, Differs},
		{"0.70", "0.7193", 0, Differs},
		{"0.12", "0.115", 0, Rounded},
		{"1", "1.00", 2, Rounded},
		{"116", "117", 0, Differs},
		{"5.5M", "5507432", 0, Rounded},
		{"5.5M", "2666922", 0, Differs},
		{"30", "30.6581", 0, Truncated},
		{"-", "0.5", 0, Incomparable},
		{"Unknown", "", 0, Incomparable},
		{"x", "x", 0, Incomparable},
	} {
		if got := Compare(c.printed, c.exact, c.decimals); got != c.want {
			t.Errorf("%q for %q at %d decimals: %v, want %v", c.printed, c.exact, c.decimals, got, c.want)
		}
	}
}

func TestTablesAreComplete(t *testing.T) {
	var ids []string
	for _, table := range Tables() {
		ids = append(ids, table.ID)
		i := 0
		for _, row := range table.Rows {
			for _, column := range table.Columns {
				if i >= len(table.Cells) || table.Cells[i].Row != row.Name || table.Cells[i].Column != column.Name {
					t.Fatalf("table %s: cell %d is not %s, %s", table.ID, i, row.Name, column.Name)
				}
				i++
			}
		}
		if i != len(table.Cells) {
			t.Errorf("table %s has %d cells beyond its rows and columns", table.ID, len(table.Cells)-i)
		}
		if len(table.Caption) == 0 || len(table.Section) == 0 {
			t.Errorf("table %s has no caption or section", table.ID)
		}
	}
	if got := strings.Join(ids, " "); got != "1 2 3 4 5 6 7 8 A3 A4 A5" {
		t.Errorf("tables %s", got)
	}
}

// mark collects which checks a value's discrepancies say that it fails.
func mark(t *testing.T, where string, ids []string, used map[string]bool) map[string]bool {
	t.Helper()
	marked := map[string]bool{}
	for _, id := range ids {
		d, ok := FindDiscrepancy(id)
		if !ok {
			t.Errorf("%s: unknown discrepancy %q", where, id)
		}
		used[id] = true
		for _, check := range d.Checks {
			marked[check] = true
		}
	}
	return marked
}

// A printed value that is neither the rounded nor the truncated logged one
// bears a mark, and no other does; the same for means and their printed rows.
func TestEveryMismatchIsMarkedAndEveryMarkIsOne(t *testing.T) {
	used := map[string]bool{}
	failures := 0
	check := func(where, kind string, got Agreement, marked map[string]bool) {
		t.Helper()
		if got == Differs {
			failures++
		}
		if (got == Differs) != marked[kind] {
			t.Errorf("%s: check %s: %v, marked %v", where, kind, got, marked[kind])
		}
	}
	for _, table := range Tables() {
		for _, c := range table.Cells {
			where := fmt.Sprintf("table %s, %s, %s", table.ID, c.Row, c.Column)
			marked := mark(t, where, c.Discrepancies, used)
			check(where, CheckLog, table.Agreement(c), marked)
			rowMean := Incomparable
			if c.Column == "Mean" {
				rowMean = Compare(c.Printed, printedMean(t, table, c.Row), table.Decimals)
			}
			check(where, CheckRowMean, rowMean, marked)
		}
	}
	for _, s := range Statements() {
		where := "text, " + s.ID
		marked := mark(t, where, s.Discrepancies, used)
		if math.IsNaN(s.Printed.Value()) || math.IsNaN(s.Logged.Value()) {
			t.Errorf("%s: %q and %q are not both numbers", where, s.Printed, s.Logged)
		}
		check(where, CheckLog, Compare(s.Printed, s.Logged, 0), marked)
	}
	for _, d := range Discrepancies() {
		if !used[d.ID] {
			t.Errorf("discrepancy %s marks nothing", d.ID)
		}
		if len(d.Checks) == 0 {
			t.Errorf("discrepancy %s fails no check", d.ID)
		}
	}
	if failures == 0 {
		t.Error("nothing was found to differ: the checks do not work")
	}
}

// printedMean is the mean of the printed class values of a row, to six decimals.
func printedMean(t *testing.T, table *Table, row string) Number {
	t.Helper()
	sum := new(big.Rat)
	for _, class := range Classes {
		c, ok := table.Cell(row, class)
		value, _ := c.Printed.rational()
		if !ok || value == nil {
			t.Fatalf("table %s, %s has no value for %s", table.ID, row, class)
		}
		sum.Add(sum, value)
	}
	return Number(sum.Quo(sum, big.NewRat(int64(len(Classes)), 1)).FloatString(6))
}

// countsOf returns the one-vs-rest counts of a run, from its counts or its matrix.
func countsOf(r Run) map[string]Counts {
	if r.OneVsRest != nil || r.Confusion == nil {
		return r.OneVsRest
	}
	counts := map[string]Counts{}
	for k, class := range Classes {
		counts[class] = Counts(r.Confusion.OneVsRest(k))
	}
	return counts
}

// classValue is a one-vs-rest metric as an exact fraction.
func classValue(c Counts, metric string) *big.Rat {
	ratio := func(a, b int) *big.Rat { return big.NewRat(int64(a), int64(b)) }
	switch metric {
	case "macro_precision":
		return ratio(c.TP, c.TP+c.FP)
	case "macro_recall":
		return ratio(c.TP, c.TP+c.FN)
	case "macro_f1":
		return ratio(2*c.TP, 2*c.TP+c.FP+c.FN)
	case "macro_specificity":
		return ratio(c.TN, c.TN+c.FP)
	case "paper_balanced_accuracy":
		v := new(big.Rat).Add(ratio(c.TP, c.TP+c.FN), ratio(c.TN, c.TN+c.FP))
		return v.Quo(v, big.NewRat(2, 1))
	}
	return nil
}

// recomputed is the value of a metric from a run's counts (to four decimals)
// or, for class values and what the counts can't give, as logged.
func recomputed(r Run, metric string) Number {
	if class, name, ok := strings.Cut(strings.TrimPrefix(metric, "per_class."), "."); ok && strings.HasPrefix(metric, "per_class.") {
		i := slices.Index([]string{"precision", "recall", "f1"}, name)
		return r.PerClass[class][i]
	}
	counts := countsOf(r)
	switch metric {
	case "parameters":
		return Number(fmt.Sprint(r.Parameters))
	case "seconds_per_epoch":
		return Number(fmt.Sprint(r.SecondsPerEpoch))
	case "macro_f1", "macro_specificity", "paper_balanced_accuracy":
		sum := new(big.Rat)
		for _, class := range Classes {
			if counts != nil {
				sum.Add(sum, classValue(counts[class], metric))
			} else if r.PerClass != nil && metric == "macro_f1" {
				v, _ := r.PerClass[class][2].rational()
				sum.Add(sum, v)
			} else {
				return r.Metrics[metric]
			}
		}
		return Number(sum.Quo(sum, big.NewRat(int64(len(Classes)), 1)).FloatString(4))
	}
	return r.Metrics[metric]
}

// Every logged value is that of the run it names, of the same network.
func TestLoggedValuesComeFromTheirRuns(t *testing.T) {
	checked := 0
	check := func(where, run, metric string, logged Number) Run {
		t.Helper()
		r, ok := FindRun(run)
		if !ok {
			t.Fatalf("%s: unknown run %q", where, run)
		}
		checked++
		want := recomputed(r, metric)
		// [14]'s class values have two decimals only, so its F1 stays as logged.
		if metric == "macro_f1" && r.Source == "[14]" {
			want = r.Metrics[metric]
		}
		if logged != want || want == "" {
			t.Errorf("%s: logged %q, the run %s has %q", where, logged, run, want)
		}
		return r
	}
	for _, table := range Tables() {
		for _, c := range table.Cells {
			if c.Run == "" {
				continue
			}
			where := fmt.Sprintf("table %s, %s, %s", table.ID, c.Row, c.Column)
			r := check(where, c.Run, c.Metric, c.Logged)
			if r.Backbone != c.Backbone || r.Regime != c.Regime {
				t.Errorf("%s: the cell is of %s (%s), the run of %s (%s)", where, c.Backbone, c.Regime, r.Backbone, r.Regime)
			}
		}
	}
	for _, s := range Statements() {
		if strings.Contains(s.Quantity, " ") || s.Run == "" || s.Quantity == "epochs" {
			continue
		}
		check("text, "+s.ID, s.Run, s.Quantity, s.Logged)
	}
	if checked < 250 {
		t.Errorf("only %d values were checked", checked)
	}
}

// The ratios in the text, from the runs and the printed depths.
func TestRatiosInTheText(t *testing.T) {
	run := func(id string) Run {
		r, ok := FindRun(id)
		if !ok {
			t.Fatal(id)
		}
		return r
	}
	large, dense, irv2 := run("mobilenet-v3-large-34"), run("densenet201-lr-apr"), run("irv2-10split")
	depth := func(row string) float64 {
		c, _ := FindTable("4").Cell(row, "Depth")
		return c.Printed.Value()
	}
	for id, want := range map[string]float64{
		"abstract-parameters":         float64(dense.Parameters) / float64(large.Parameters),
		"text-parameters-densenet201": float64(dense.Parameters) / float64(large.Parameters),
		"text-parameters-irv2":        float64(irv2.Parameters) / float64(large.Parameters),
		"abstract-time":               dense.SecondsPerEpoch / large.SecondsPerEpoch,
		"text-time-densenet201":       dense.SecondsPerEpoch / large.SecondsPerEpoch,
		"text-time-irv2":              irv2.SecondsPerEpoch / large.SecondsPerEpoch,
		"abstract-layers":             depth("DenseNet201") / depth("MobileNetV3Large"),
		"text-resnet50":               run("resnet50-10split").Metrics["accuracy"].Value() / run("resnet152-15split").Metrics["accuracy"].Value(),
	} {
		s, ok := FindStatement(id)
		if !ok || math.Abs(s.Logged.Value()-want) > 5e-5 {
			t.Errorf("%s: logged %s, recomputed %.4f", id, s.Logged, want)
		}
	}
}

// supports are the held-out images by class, from the classification reports.
var supports = map[int][]int{
	996:  {33, 51, 109, 12, 111, 666, 14},
	1494: {49, 77, 164, 17, 167, 999, 21},
}

// Counts and matrices give the metrics that the same notebook printed.
func TestCountsGiveTheLoggedMetrics(t *testing.T) {
	withCounts, withMatrix := 0, 0
	near := func(where string, logged Number, exact *big.Rat, places int) {
		t.Helper()
		got, _ := exact.Float64()
		if math.Abs(logged.Value()-got) > .5*math.Pow10(-places)+1e-9 {
			t.Errorf("%s: logged %s, from the counts %.5f", where, logged, got)
		}
	}
	for _, r := range Runs() {
		counts := countsOf(r)
		if counts == nil {
			continue
		}
		withCounts++
		correct := 0
		sums := map[string]*big.Rat{"macro_precision": {}, "macro_recall": {}, "macro_f1": {}}
		for k, class := range Classes {
			c := counts[class]
			correct += c.TP
			if c.TP+c.FN != supports[r.N][k] || c.TP+c.FP+c.FN+c.TN != r.N {
				t.Errorf("%s, %s: %+v does not add up to %d of %d", r.ID, class, c, supports[r.N][k], r.N)
			}
			for i, metric := range []string{"macro_precision", "macro_recall", "macro_f1"} {
				v := classValue(c, metric)
				sums[metric].Add(sums[metric], v)
				if r.PerClass != nil {
					near(fmt.Sprintf("%s, %s, %s", r.ID, class, metric[6:]), r.PerClass[class][i], v, 2)
				}
			}
		}
		near(r.ID+" accuracy", r.Metrics["accuracy"], big.NewRat(int64(correct), int64(r.N)), 4)
		if correct != r.Correct() {
			t.Errorf("%s: %d right by the counts, %d by the accuracy", r.ID, correct, r.Correct())
		}
		seven := big.NewRat(7, 1)
		near(r.ID+" macro precision", r.Metrics["macro_precision"], sums["macro_precision"].Quo(sums["macro_precision"], seven), 4)
		near(r.ID+" macro recall", r.Metrics["macro_recall"], sums["macro_recall"].Quo(sums["macro_recall"], seven), 4)
		near(r.ID+" macro F1", r.Metrics["macro_f1"], sums["macro_f1"].Quo(sums["macro_f1"], seven), 2)
		if r.Confusion != nil {
			withMatrix++
			checkMatrix(t, r)
		}
	}
	if withCounts < 12 || withMatrix != 4 {
		t.Errorf("%d runs with counts, %d with a matrix", withCounts, withMatrix)
	}
}

// checkMatrix holds a confusion matrix, as package eval reads it, against the log.
func checkMatrix(t *testing.T, r Run) {
	t.Helper()
	for metric, got := range map[string]float64{
		"accuracy": r.Confusion.Accuracy(), "macro_precision": r.Confusion.MacroPrecision(), "macro_recall": r.Confusion.BalancedAccuracy(),
	} {
		if math.Abs(got-r.Metrics[metric].Value()) > .5e-4+1e-9 {
			t.Errorf("%s: %s is %.5f by the matrix, %s in the log", r.ID, metric, got, r.Metrics[metric])
		}
	}
	for k, class := range Classes {
		if r.PerClass == nil {
			break
		}
		for i, got := range []float64{r.Confusion.Precision(k), r.Confusion.Recall(k), r.Confusion.F1(k)} {
			if math.Abs(got-r.PerClass[class][i].Value()) > .005+1e-9 {
				t.Errorf("%s, %s: value %d is %.4f by the matrix, %s in the log", r.ID, class, i, got, r.PerClass[class][i])
			}
		}
	}
}

// truncate cuts a fraction to two decimals.
func truncate(v *big.Rat) *big.Rat {
	hundred := big.NewRat(100, 1)
	scaled := new(big.Rat).Mul(v, hundred)
	return new(big.Rat).Quo(floor(scaled), hundred)
}

// truncatedMean is what the authors' spreadsheet does: class values cut to two
// decimals, then their mean.
func truncatedMean(values []*big.Rat) Number {
	sum := new(big.Rat)
	for _, v := range values {
		sum.Add(sum, truncate(v))
	}
	return Number(sum.Quo(sum, big.NewRat(int64(len(values)), 1)).FloatString(6))
}

// The explanation "truncated-class-values" holds wherever the class values are known.
func TestTruncatedClassValuesExplainTheirCells(t *testing.T) {
	explained := 0
	for _, table := range Tables() {
		for _, c := range table.Cells {
			if !slices.Contains(c.Discrepancies, "truncated-class-values") {
				continue
			}
			r, _ := FindRun(c.Run)
			var values []*big.Rat
			for _, class := range Classes {
				if c.Metric == "auroc_macro" {
					if v, _ := r.ClassAUROC[class].rational(); v != nil {
						values = append(values, v)
					}
					continue
				}
				values = append(values, classValue(r.OneVsRest[class], c.Metric))
			}
			if len(values) == 0 { // MobileNetV3Large's class areas are not known
				if c.Backbone != "mobilenet_v3_large" {
					t.Errorf("table %s, %s, %s: no class values", table.ID, c.Row, c.Column)
				}
				continue
			}
			explained++
			if got := Compare(c.Printed, truncatedMean(values), 0); got != Truncated && got != Rounded {
				t.Errorf("table %s, %s, %s: printed %s, the truncated class values have the mean %s", table.ID, c.Row, c.Column, c.Printed, truncatedMean(values))
			}
		}
	}
	if explained != 3 {
		t.Errorf("%d cells were explained, want 3", explained)
	}
}

// The copies that the discrepancies tell of are copies.
func TestCopiedCellsAreCopies(t *testing.T) {
	f1, recall := FindTable("A3"), FindTable("A4")
	printed := func(table *Table, row, column string) Number {
		c, ok := table.Cell(row, column)
		if !ok {
			t.Fatalf("no cell %s, %s", row, column)
		}
		return c.Printed
	}
	copies := 0
	for _, c := range f1.Cells {
		if slices.Contains(c.Discrepancies, "a3-vasc-copied") {
			copies++
			if nv := printed(f1, c.Row, "nv"); c.Printed != nv {
				t.Errorf("%s: vasc %s, nv %s", c.Row, c.Printed, nv)
			}
		}
	}
	if copies != 6 {
		t.Errorf("%d copies of nv, want 6", copies)
	}
	large, _ := FindRun("mobilenet-v3-large-28")
	dense, _ := FindRun("densenet201-ad")
	const nasnet, largeRow, denseRow = "NasNetLarge with Metadata and WeightLoss", "MobileNetV3Large with Metadata and WeightLoss", "DenseNet201 with Augmented Data"
	for _, class := range Classes {
		if got := Compare(printed(recall, nasnet, class), large.PerClass[class][1], 2); got != Rounded {
			t.Errorf("A4, NASNetLarge, %s: not MobileNetV3Large's recall", class)
		}
		if a, b := printed(recall, largeRow, class), printed(f1, largeRow, class); a != b {
			t.Errorf("A4, MobileNetV3Large, %s: %s is not its F1 in A3, %s", class, a, b)
		}
	}
	for _, class := range []string{"nv", "vasc"} {
		if got := Compare(printed(recall, denseRow, class), dense.PerClass[class][2], 2); got != Rounded {
			t.Errorf("A4, DenseNet201 (AD), %s: not its F1", class)
		}
	}
}

// N/(C*N_i), truncated to two decimals, but for the last (10.07 was cut to 10).
func TestClassWeights(t *testing.T) {
	table := FindTable("2")
	total := 0
	weights := ClassWeights()
	for _, w := range weights {
		total += w.Images
	}
	if c, _ := table.Cell("No. Sample", "Total"); int(c.Printed.Value()) != total {
		t.Errorf("the classes have %d images, Table 2 prints %s", total, c.Printed)
	}
	for i, w := range weights {
		if w.Class != Classes[i] {
			t.Errorf("weight %d is of %s", i, w.Class)
		}
		if c, _ := table.Cell("No. Sample", strings.ToUpper(w.Class)); int(c.Printed.Value()) != w.Images {
			t.Errorf("%s: %d images, Table 2 prints %s", w.Class, w.Images, c.Printed)
		}
		exact := truncate(big.NewRat(int64(total), int64(len(weights)*w.Images)))
		used, _ := w.Used.rational()
		if (used.Cmp(exact) == 0) != (w.Discrepancy == "") {
			t.Errorf("%s: used %s, truncated %s, discrepancy %q", w.Class, w.Used, exact.FloatString(2), w.Discrepancy)
		}
	}
}

func TestClaimsNameWhatIsThere(t *testing.T) {
	ids := map[string]bool{}
	for _, c := range Claims() {
		if ids[c.ID] || c.Verdict == "" || len(c.Quotes) == 0 {
			t.Errorf("claim %s is there twice, or without verdict or quote", c.ID)
		}
		ids[c.ID] = true
		for _, id := range c.Numbers {
			if _, ok := FindStatement(id); !ok {
				t.Errorf("claim %s: no statement %s", c.ID, id)
			}
		}
		for _, p := range c.Pairs {
			with, ok1 := FindRun(p.With)
			without, ok2 := FindRun(p.Without)
			if !ok1 || !ok2 {
				t.Errorf("claim %s: no run %s or %s", c.ID, p.With, p.Without)
			}
			if p.SameImages && with.Split != without.Split {
				t.Errorf("claim %s: %s and %s are of different hold-outs", c.ID, p.With, p.Without)
			}
		}
	}
	for _, table := range Tables() {
		for _, c := range table.Cells {
			if c.Source != "" {
				if _, ok := FindReference(c.Source); !ok {
					t.Errorf("table %s, %s: no reference %s", table.ID, c.Row, c.Source)
				}
			}
		}
	}
}

func TestRunsAreSound(t *testing.T) {
	known := []string{"accuracy", "macro_precision", "macro_recall", "macro_f1", "weighted_f1", "auroc_weighted", "auroc_macro", "auroc_micro"}
	ids := map[string]bool{}
	for _, r := range Runs() {
		if ids[r.ID] {
			t.Errorf("run %s is there twice", r.ID)
		}
		ids[r.ID] = true
		for path, v := range r.Metrics {
			if f := v.Value(); !(f > 0 && f <= 1) || !slices.Contains(known, path) {
				t.Errorf("run %s: %s is %q", r.ID, path, v)
			}
		}
		if r.Regime != Augmented && r.Regime != Metadata || r.N == 0 {
			t.Errorf("run %s: regime %q, %d images", r.ID, r.Regime, r.N)
		}
	}
}
