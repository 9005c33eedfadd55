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

// mark returns the checks that a value fails, from its discrepancies.
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

// A printed value has a mark if and only if it is neither the rounded nor the
// truncated logged value; the same holds for means and their printed rows.
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

// printedMean returns the mean of the printed class values of a row, to six decimals.
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

// truncate cuts a fraction to two decimals.
func truncate(v *big.Rat) *big.Rat {
	hundred := big.NewRat(100, 1)
	scaled := new(big.Rat).Mul(v, hundred)
	return new(big.Rat).Quo(floor(scaled), hundred)
}

// truncatedMean is the formula of the authors' spreadsheet: the mean of class values cut
// to two decimals.
func truncatedMean(values []*big.Rat) Number {
	sum := new(big.Rat)
	for _, v := range values {
		sum.Add(sum, truncate(v))
	}
	return Number(sum.Quo(sum, big.NewRat(int64(len(values)), 1)).FloatString(6))
}

// The explanation "truncated-class-values" is true for all known class values.
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

// Values that a discrepancy calls copies are equal.
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

// N/(C*N_i), truncated to two decimals, except for the last (10.07 was cut to 10).
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
