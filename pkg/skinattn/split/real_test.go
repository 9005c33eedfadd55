package split

import (
	"math"
	"os"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

func realRecords(t *testing.T) []ham10000.Record {
	t.Helper()
	dir := os.Getenv("SKINATTN_DATA")
	if dir == "" {
		t.Skip("SKINATTN_DATA is not set to a HAM10000 folder")
	}
	d, err := ham10000.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Records) != 10015 {
		t.Skipf("%s has %d records, not the published 10015", dir, len(d.Records))
	}
	return d.Records
}

type classCounts = [ham10000.NumClasses]int

func TestRealCounts(t *testing.T) {
	records := realRecords(t)
	tests := []struct {
		name string
		opts Options
		want map[Part]classCounts
	}{
		// The supports in the classification reports of the paper's authors.
		{Paper, Options{}, map[Part]classCounts{Train: {294, 463, 980, 103, 1000, 5994, 128}, Val: {33, 51, 109, 12, 111, 666, 14}}},
		// The supports of the authors' 15 % and 20 % splits.
		{Paper, Options{TestShare: .15}, map[Part]classCounts{Train: {278, 437, 925, 98, 944, 5661, 121}, Val: {49, 77, 164, 17, 167, 999, 21}}},
		{Paper, Options{TestShare: .2}, map[Part]classCounts{Train: {261, 411, 871, 92, 889, 5328, 114}, Val: {66, 103, 218, 23, 222, 1332, 28}}},
		// The supports of Datta et al. 2021.
		{Datta828, Options{AsRun: true}, map[Part]classCounts{Train: {304, 488, 1033, 109, 1079, 6042, 132}, Test: {23, 26, 66, 6, 34, 663, 10}}},
		{Datta828, Options{}, map[Part]classCounts{Test: {23, 26, 66, 6, 34, 663, 10}}},
	}
	for _, test := range tests {
		for seed := range uint64(5) {
			test.opts.Seed = seed
			s, err := New(test.name, records, test.opts)
			if err != nil {
				t.Fatal(err)
			}
			got := make(map[Part]classCounts)
			for _, c := range s.Counts() {
				got[c.Part] = c.ByClass
			}
			for part, want := range test.want {
				if got[part] != want {
					t.Errorf("%s, seed %d: %s %v, published %v", test.name, seed, part, got[part], want)
				}
			}
			if test.opts.AsRun && len(got) != 2 {
				t.Errorf("%s as run has parts %v", test.name, got)
			}
		}
	}
}

// The authors' three splits (10, 15 and 20 % of 9,958 images) and the other
// test sizes of Datta et al. test the rounding further.
func TestRealRounding(t *testing.T) {
	records := realRecords(t)
	var known []ham10000.Record
	for _, r := range records {
		if r.HasAge() {
			known = append(known, r)
		}
	}
	var single []unit
	for _, lesion := range lesions(records) {
		if len(lesion.images) == 1 {
			single = append(single, lesion)
		}
	}
	tests := []struct {
		name  string
		units []unit
		share float64
		want  classCounts
	}{
		{"paper 10 %", images(known), .10, classCounts{33, 51, 109, 12, 111, 666, 14}},
		{"paper 15 %", images(known), .15, classCounts{49, 77, 164, 17, 167, 999, 21}},
		{"paper 20 %", images(known), .20, classCounts{66, 103, 218, 23, 222, 1332, 28}},
		{"Datta 15 %", single, .15, classCounts{23, 26, 66, 6, 34, 663, 10}},
		{"Datta 20 %", single, .20, classCounts{30, 35, 88, 8, 46, 883, 13}},
		{"Datta 30 %", single, .30, classCounts{45, 53, 132, 12, 69, 1325, 19}},
	}
	for _, test := range tests {
		var got classCounts
		_, held := (&draw{seed: 1}).hold(test.units, test.share, "test")
		for _, u := range held {
			got[u.class]++
		}
		if got != test.want {
			t.Errorf("%s: %v, published %v", test.name, got, test.want)
		}
	}
}

// Mean leak rates of the image-level split, from a simulation with scikit-learn on the
// same table: 42 % of all held-out images, by class 50, 61, 56, 61, 73, 32 and 54 %.
func TestRealPaperLeak(t *testing.T) {
	records := realRecords(t)
	const seeds = 40
	var overall float64
	var byClass [ham10000.NumClasses]float64
	for seed := range uint64(seeds) {
		s, err := New(Paper, records, Options{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		leak := s.LeakRate()
		overall += leak.Overall.Share() / seeds
		for class, rate := range leak.ByClass {
			byClass[class] += rate.Share() / seeds
		}
	}
	if math.Abs(overall-.42) > .01 {
		t.Errorf("mean leak %.3f, want about .42", overall)
	}
	for class, want := range []float64{.50, .61, .56, .61, .73, .32, .54} {
		// Four standard errors of the mean over the seeds, and the rounding of want.
		n := []float64{33, 51, 109, 12, 111, 666, 14}[class] * seeds
		if tolerance := 4*math.Sqrt(want*(1-want)/n) + .005; math.Abs(byClass[class]-want) > tolerance {
			t.Errorf("mean leak of %s %.3f, want %.2f within %.3f", ham10000.Classes[class], byClass[class], want, tolerance)
		}
	}
}
