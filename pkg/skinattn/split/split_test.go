package split

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

func TestSmallDataSets(t *testing.T) {
	// Every number of lesions gives a split that keeps its promises, or an error with the
	// reason; a class may be absent from a part.
	for lesions := range 40 {
		records := synthetic(uint64(lesions), lesions)
		for name, opts := range configurations(2) {
			s, err := New(protocolOf(name), records, opts)
			if err != nil {
				if !strings.Contains(err.Error(), "too small for protocol "+protocolOf(name)) {
					t.Errorf("%s of %d lesions: %v", name, lesions, err)
				}
				continue
			}
			if err := s.Check(); err != nil {
				t.Errorf("%s of %d lesions: %v", name, lesions, err)
			}
		}
	}
	if _, err := New(Grouped, synthetic(1, 30), Options{}); err != nil {
		t.Errorf("30 lesions are enough for three parts: %v", err)
	}
}

func TestNewErrors(t *testing.T) {
	records := synthetic(1, 100)
	with := func(change func(r []ham10000.Record)) []ham10000.Record {
		changed := slices.Clone(records)
		change(changed)
		return changed
	}
	tests := []struct {
		name, protocol string
		records        []ham10000.Record
		opts           Options
		want           string
	}{
		{"unknown protocol", "random", records, Options{}, `unknown protocol "random"; known are ` + strings.Join(Names(), ", ")},
		{"no protocol", "", records, Options{}, "unknown protocol"},
		{"folds of another protocol", Paper, records, Options{Folds: 5}, "protocol paper has no folds"},
		{"fold without folds", Grouped, records, Options{Fold: 1}, "fold 1 needs folds"},
		{"one fold", Grouped, records, Options{Folds: 1}, "folds 1"},
		{"negative folds", Grouped, records, Options{Folds: -2}, "folds -2"},
		{"fold too high", Grouped, records, Options{Folds: 5, Fold: 5}, "0 to 4"},
		{"fold too low", Grouped, records, Options{Folds: 5, Fold: -1}, "0 to 4"},
		{"as run of another protocol", Grouped, records, Options{AsRun: true}, "no as-run form"},
		{"no arm", LeakPair, records, Options{}, `needs arm with or without; it is ""`},
		{"unknown arm", LeakPair, records, Options{Arm: "both"}, `it is "both"`},
		{"arm of another protocol", Grouped, records, Options{Arm: ArmWith}, "only leak-pair takes arm"},
		{"share of another protocol", Grouped, records, Options{TestShare: .15}, "only paper takes test-share"},
		{"everything held out", Paper, records, Options{TestShare: 1}, "test-share 1"},
		{"no records", Grouped, nil, Options{}, "too small"},
		{"unknown class", Grouped, with(func(r []ham10000.Record) { r[3].Dx = "scc" }), Options{}, `"scc"`},
		{"image twice", Grouped, with(func(r []ham10000.Record) { r[3].ImageID = r[4].ImageID }), Options{}, "listed already in line"},
		{"two diagnoses", Grouped, with(func(r []ham10000.Record) {
			r[3].LesionID, r[3].Dx, r[4].LesionID, r[4].Dx = "X", "nv", "X", "mel"
		}), Options{}, "lesion X"},
	}
	for _, test := range tests {
		_, err := New(test.protocol, test.records, test.opts)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
}

func TestCheckFindsBrokenPromises(t *testing.T) {
	row := func(image, lesion string, part Part) Row {
		return Row{ImageID: image, LesionID: lesion, Dx: "nv", Part: part}
	}
	full := []Row{row("1", "A", Train), row("2", "B", Val), row("3", "C", Test)}
	tests := []struct {
		name  string
		split Split
		want  string // empty if the split is valid
	}{
		{"sound", Split{Protocol: Grouped, Rows: full}, ""},
		{"lesion in train and test", Split{Protocol: Grouped, Rows: append(full[:3:3], row("4", "A", Test))}, "lesion A"},
		{"lesion in val and test", Split{Protocol: Grouped, Rows: append(full[:3:3], row("4", "B", Test))}, "lesion B"},
		{"lesion in two parts, protocol paper", Split{Protocol: Paper, Rows: []Row{row("1", "A", Train), row("2", "A", Val)}}, ""},
		{"lesion in two parts, made elsewhere", Split{Rows: append(full[:3:3], row("4", "A", Test))}, ""},
		{"two photos in datta828's test", Split{Protocol: Datta828, Rows: append(full[:3:3], row("4", "C", Test))}, "several photos"},
		{"two photos in datta828's train", Split{Protocol: Datta828, Rows: append(full[:3:3], row("4", "A", Train))}, ""},
		{"lesion in train and test, arm without", Split{Protocol: LeakPair, Options: Options{Arm: ArmWithout}, Rows: append(full[:3:3], row("4", "C", Train))}, "lesion C"},
		{"lesion in train and test, arm with", Split{Protocol: LeakPair, Options: Options{Arm: ArmWith}, Rows: append(full[:3:3], row("4", "C", Train))}, ""},
		{"lesion in train and val, arm with", Split{Protocol: LeakPair, Options: Options{Arm: ArmWith}, Rows: append(full[:3:3], row("4", "B", Train))}, "lesion B"},
		{"test in protocol paper", Split{Protocol: Paper, Rows: full}, "no part test"},
		{"no val", Split{Protocol: Grouped, Rows: []Row{full[0], full[2]}}, "part val"},
		{"no val, as run", Split{Protocol: Datta828, Options: Options{AsRun: true}, Rows: []Row{full[0], full[2]}}, ""},
		{"image twice", Split{Rows: append(full[:3:3], row("1", "A", Train))}, "listed already in line"},
		{"unknown part", Split{Rows: append(full[:3:3], row("4", "D", "dev"))}, `"dev"`},
		{"nothing to train on", Split{Rows: full[1:]}, "part train"},
	}
	for _, test := range tests {
		err := test.split.Check()
		if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
}

func TestLeakRateAndCounts(t *testing.T) {
	// By hand: of 4 held-out images, 2 and 5 show lesions A and C of train.
	s := &Split{Rows: []Row{
		{"1", "A", "mel", Train}, {"2", "A", "mel", Val}, {"3", "B", "mel", Val},
		{"4", "C", "nv", Train}, {"5", "C", "nv", Test}, {"6", "D", "df", Test}, {"7", "C", "nv", Train},
	}}
	leak := s.LeakRate()
	want := Leak{Overall: eval.LeakRate{Leaked: 2, Images: 4}}
	want.ByClass[4], want.ByClass[5], want.ByClass[3] = eval.LeakRate{Leaked: 1, Images: 2}, eval.LeakRate{Leaked: 1, Images: 1}, eval.LeakRate{Leaked: 0, Images: 1}
	if diff := cmp.Diff(want, leak); diff != "" {
		t.Errorf("leak (-want +got):\n%s", diff)
	}
	if leak.Overall.Share() != .5 || !math.IsNaN(leak.ByClass[0].Share()) {
		t.Errorf("values %v, %v", leak.Overall.Share(), leak.ByClass[0].Share())
	}
	counts := []PartCount{
		{Part: Train, Images: 3, Lesions: 2, ByClass: [7]int{4: 1, 5: 2}},
		{Part: Val, Images: 2, Lesions: 2, ByClass: [7]int{4: 2}},
		{Part: Test, Images: 2, Lesions: 2, ByClass: [7]int{3: 1, 5: 1}},
	}
	if diff := cmp.Diff(counts, s.Counts()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

func TestSelect(t *testing.T) {
	records := synthetic(4, 100)
	s, err := New(Grouped, records, Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Select(records, Val)
	if err != nil {
		t.Fatal(err)
	}
	var ids, want []string
	for _, r := range got {
		ids = append(ids, r.ImageID)
	}
	for _, r := range s.Part(Val) {
		want = append(want, r.ImageID)
	}
	if len(ids) == 0 || !slices.Equal(ids, want) {
		t.Errorf("Select gave %v, want %v", ids, want)
	}
	other := slices.Clone(records)
	for i := range other {
		other[i].LesionID = "Z"
	}
	for name, records := range map[string][]ham10000.Record{"lacking images": records[:1], "with other lesions": other} {
		if _, err := s.Select(records, Val); err == nil || !strings.Contains(err.Error(), "other data") {
			t.Errorf("metadata %s: error %v", name, err)
		}
	}
}
