package split

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// synthetic makes lesions with one to four photos each; about one in twenty
// photos has no age. Photos of one lesion are not next to each other.
func synthetic(seed uint64, lesions int) []ham10000.Record {
	rng := rand.New(rand.NewPCG(seed, 99))
	var records []ham10000.Record
	for lesion := range lesions {
		// nv is two thirds, as in the real data; the others share the rest.
		dx := "nv"
		if rng.IntN(3) == 0 {
			dx = ham10000.Classes[rng.IntN(ham10000.NumClasses)]
		}
		for range 1 + max(0, rng.IntN(6)-2) {
			age := 40.0
			if rng.IntN(20) == 0 {
				age = math.NaN()
			}
			records = append(records, ham10000.Record{LesionID: fmt.Sprintf("HAM_%07d", lesion), Dx: dx, Age: age})
		}
	}
	rng.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
	for i, n := range rng.Perm(len(records)) {
		records[i].ImageID = fmt.Sprintf("ISIC_%07d", n)
	}
	return records
}

// configurations are all protocols with the options that they take.
func configurations(seed uint64) map[string]Options {
	return map[string]Options{
		Paper: {Seed: seed}, Grouped: {Seed: seed}, ISIC2018: {Seed: seed}, Datta828: {Seed: seed},
		Grouped + " fold": {Seed: seed, Folds: 5, Fold: int(seed % 5)}, Datta828 + " as run": {Seed: seed, AsRun: true},
	}
}

func protocolOf(name string) string { protocol, _, _ := strings.Cut(name, " "); return protocol }

func TestEveryImageIsInOnePartAndLesionsStayTogether(t *testing.T) {
	for seed := range uint64(60) {
		records := synthetic(seed, 60+int(seed)*10)
		for name, opts := range configurations(seed) {
			s, err := New(protocolOf(name), records, opts)
			if err != nil {
				t.Fatalf("%s, seed %d: %v", name, seed, err)
			}
			// Not through Check: this is what Check is there for.
			partOf := make(map[string]Part)
			parts := make(map[string]map[Part]bool) // by lesion
			next := 0
			for _, row := range s.Rows {
				if partOf[row.ImageID] != "" {
					t.Fatalf("%s, seed %d: %s is there twice", name, seed, row.ImageID)
				}
				partOf[row.ImageID] = row.Part
				if parts[row.LesionID] == nil {
					parts[row.LesionID] = make(map[Part]bool)
				}
				parts[row.LesionID][row.Part] = true
				for next < len(records) && records[next].ImageID != row.ImageID {
					next++
				}
				if next == len(records) || records[next].LesionID != row.LesionID || records[next].Dx != row.Dx {
					t.Fatalf("%s, seed %d: %v is out of the metadata's order or altered", name, seed, row)
				}
			}
			photos := make(map[string]int)
			for _, r := range records {
				photos[r.LesionID]++
				dropped := protocolOf(name) == Paper && !r.HasAge()
				if part := partOf[r.ImageID]; (part == "") != dropped {
					t.Fatalf("%s, seed %d: %s (age %v) is in part %q", name, seed, r.ImageID, r.Age, part)
				} else if part == Test && protocolOf(name) == Datta828 && photos[r.LesionID] > 1 {
					t.Fatalf("%s, seed %d: lesion %s has several photos and is in test", name, seed, r.LesionID)
				}
			}
			leak := s.LeakRate().Overall
			if protocolOf(name) == Paper {
				if leak.Shared == 0 {
					t.Errorf("%s, seed %d: no leak at all, that cannot be", name, seed)
				}
				continue
			}
			if leak.Shared != 0 || leak.HeldOut == 0 {
				t.Errorf("%s, seed %d: leak %+v", name, seed, leak)
			}
			for lesion, in := range parts {
				if len(in) > 1 {
					t.Fatalf("%s, seed %d: lesion %s is in %v", name, seed, lesion, in)
				}
			}
		}
	}
}

func TestStratification(t *testing.T) {
	// Shares by definition of the protocols, in lesions of each class.
	shares := map[string]map[Part]float64{
		Grouped:           {Train: .7, Val: .1, Test: .2},
		Grouped + " fold": {Train: .7, Val: .1, Test: .2},
		ISIC2018:          {Train: .9, Val: .1},
	}
	for seed := range uint64(20) {
		records := synthetic(seed, 900)
		for name, opts := range configurations(seed) {
			want, ok := shares[name]
			if !ok {
				continue
			}
			s, err := New(protocolOf(name), records, opts)
			if err != nil {
				t.Fatal(err)
			}
			lesions := make(map[string]Row)
			for _, r := range s.Rows {
				lesions[r.LesionID] = r
			}
			total, got := make(map[string]float64), make(map[Part]map[string]float64)
			for _, r := range lesions {
				total[r.Dx]++
				if got[r.Part] == nil {
					got[r.Part] = make(map[string]float64)
				}
				got[r.Part][r.Dx]++
			}
			for part, share := range want {
				for dx, n := range total {
					if math.Abs(got[part][dx]-share*n) > 2 {
						t.Errorf("%s, seed %d: %v of %v lesions of %s in %s, want %.1f", name, seed, got[part][dx], n, dx, part, share*n)
					}
				}
			}
		}
	}
}

func TestFoldsAreOnePartition(t *testing.T) {
	records := synthetic(3, 400)
	for _, folds := range []int{2, 5, 10} {
		tested := make(map[string]int)
		var perClass [ham10000.NumClasses][]int // lesions by fold
		for fold := range folds {
			s, err := New(Grouped, records, Options{Seed: 7, Folds: folds, Fold: fold})
			if err != nil {
				t.Fatal(err)
			}
			lesions := make(map[string]int)
			for _, r := range s.Part(Test) {
				tested[r.ImageID]++
				lesions[r.LesionID], _ = ham10000.ClassIndex(r.Dx)
			}
			var n [ham10000.NumClasses]int
			for _, class := range lesions {
				n[class]++
			}
			for class := range n {
				perClass[class] = append(perClass[class], n[class])
			}
		}
		for _, r := range records {
			if tested[r.ImageID] != 1 {
				t.Fatalf("%d folds: %s is tested %d times", folds, r.ImageID, tested[r.ImageID])
			}
		}
		for class, n := range perClass {
			if slices.Max(n)-slices.Min(n) > 1 {
				t.Errorf("%d folds: lesions of %s by fold %v", folds, ham10000.Classes[class], n)
			}
		}
	}
}

func TestDrawDependsOnSeedAloneNotOnRowOrder(t *testing.T) {
	records := synthetic(1, 200)
	shuffled := slices.Clone(records)
	rand.New(rand.NewPCG(5, 5)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	byImage := func(s *Split) map[string]Part {
		parts := make(map[string]Part)
		for _, r := range s.Rows {
			parts[r.ImageID] = r.Part
		}
		return parts
	}
	for name, opts := range configurations(11) {
		draw := func(records []ham10000.Record, opts Options) *Split {
			s, err := New(protocolOf(name), records, opts)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		first := draw(records, opts)
		if diff := cmp.Diff(first, draw(records, opts)); diff != "" {
			t.Errorf("%s: two draws with one seed differ:\n%s", name, diff)
		}
		if diff := cmp.Diff(byImage(first), byImage(draw(shuffled, opts))); diff != "" {
			t.Errorf("%s: the draw depends on the order of rows:\n%s", name, diff)
		}
		opts.Seed++
		if cmp.Equal(byImage(first), byImage(draw(records, opts))) {
			t.Errorf("%s: another seed gives the same split", name)
		}
	}
}

func TestSmallDataSets(t *testing.T) {
	// Every number of lesions gives a split that keeps its promises or an error
	// that says why; a class may be absent from a part.
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
		{"unknown protocol", "random", records, Options{}, `unknown protocol "random"; known are paper, datta828, grouped, isic2018`},
		{"no protocol", "", records, Options{}, "unknown protocol"},
		{"folds of another protocol", Paper, records, Options{Folds: 5}, "protocol paper has no folds"},
		{"fold without folds", Grouped, records, Options{Fold: 1}, "--fold 1 needs --folds"},
		{"one fold", Grouped, records, Options{Folds: 1}, "--folds 1"},
		{"negative folds", Grouped, records, Options{Folds: -2}, "--folds -2"},
		{"fold too high", Grouped, records, Options{Folds: 5, Fold: 5}, "0 to 4"},
		{"fold too low", Grouped, records, Options{Folds: 5, Fold: -1}, "0 to 4"},
		{"as run of another protocol", Grouped, records, Options{AsRun: true}, "no as-run form"},
		{"no records", Grouped, nil, Options{}, "too small"},
		{"unknown class", Grouped, with(func(r []ham10000.Record) { r[3].Dx = "scc" }), Options{}, `"scc"`},
		{"image twice", Grouped, with(func(r []ham10000.Record) { r[3].ImageID = r[4].ImageID }), Options{}, "twice"},
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
		want  string // empty if there is nothing to find
	}{
		{"sound", Split{Protocol: Grouped, Rows: full}, ""},
		{"lesion in train and test", Split{Protocol: Grouped, Rows: append(full[:3:3], row("4", "A", Test))}, "lesion A"},
		{"lesion in val and test", Split{Protocol: Grouped, Rows: append(full[:3:3], row("4", "B", Test))}, "lesion B"},
		{"lesion in two parts, protocol paper", Split{Protocol: Paper, Rows: []Row{row("1", "A", Train), row("2", "A", Val)}}, ""},
		{"lesion in two parts, made elsewhere", Split{Rows: append(full[:3:3], row("4", "A", Test))}, ""},
		{"two photos in datta828's test", Split{Protocol: Datta828, Rows: append(full[:3:3], row("4", "C", Test))}, "several photos"},
		{"two photos in datta828's train", Split{Protocol: Datta828, Rows: append(full[:3:3], row("4", "A", Train))}, ""},
		{"test in protocol paper", Split{Protocol: Paper, Rows: full}, "no part test"},
		{"no val", Split{Protocol: Grouped, Rows: []Row{full[0], full[2]}}, "part val"},
		{"no val, as run", Split{Protocol: Datta828, Options: Options{AsRun: true}, Rows: []Row{full[0], full[2]}}, ""},
		{"image twice", Split{Rows: append(full[:3:3], row("1", "A", Train))}, "twice"},
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
	want := Leak{Overall: Rate{2, 4}}
	want.ByClass[4], want.ByClass[5], want.ByClass[3] = Rate{1, 2}, Rate{1, 1}, Rate{0, 1}
	if diff := cmp.Diff(want, leak); diff != "" {
		t.Errorf("leak (-want +got):\n%s", diff)
	}
	if leak.Overall.Value() != .5 || !math.IsNaN(leak.ByClass[0].Value()) {
		t.Errorf("values %v, %v", leak.Overall.Value(), leak.ByClass[0].Value())
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
