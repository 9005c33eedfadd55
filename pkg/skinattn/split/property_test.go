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
		// nv is two thirds, as in the real data; the other classes share the rest.
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

// configurations lists all protocols with the options that they take.
func configurations(seed uint64) map[string]Options {
	all := map[string]Options{}
	for _, p := range Protocols {
		if slices.Contains(p.Takes, OptionArm) {
			for _, arm := range Arms {
				all[p.Name+" "+arm] = Options{Seed: seed, Arm: arm}
			}
			continue
		}
		all[p.Name] = Options{Seed: seed}
		if slices.Contains(p.Takes, OptionFolds) {
			all[p.Name+" fold"] = Options{Seed: seed, Folds: 5, Fold: int(seed % 5)}
		}
		if slices.Contains(p.Takes, OptionAsRun) {
			all[p.Name+" as run"] = Options{Seed: seed, AsRun: true}
		}
	}
	return all
}

func protocolOf(name string) string { protocol, _, _ := strings.Cut(name, " "); return protocol }

func TestEveryImageIsInOnePartAndLesionsStayTogether(t *testing.T) {
	for seed := range uint64(30) {
		records := synthetic(seed, 60+int(seed)*20)
		for name, opts := range configurations(seed) {
			s, err := New(protocolOf(name), records, opts)
			if err != nil {
				t.Fatalf("%s, seed %d: %v", name, seed, err)
			}
			// Not through Check, which has the same purpose.
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
				if part := partOf[r.ImageID]; (part == "") != dropped && protocolOf(name) != LeakPair { // TestLeakPair knows which
					t.Fatalf("%s, seed %d: %s (age %v) is in part %q", name, seed, r.ImageID, r.Age, part)
				} else if part == Test && protocolOf(name) == Datta828 && photos[r.LesionID] > 1 {
					t.Fatalf("%s, seed %d: lesion %s has several photos and is in test", name, seed, r.LesionID)
				}
			}
			protocol, err := Find(protocolOf(name))
			if err != nil {
				t.Fatal(err)
			}
			leak := s.LeakRate().Overall
			if !protocol.ByLesion && opts.Arm != ArmWithout {
				if leak.Leaked == 0 {
					t.Errorf("%s, seed %d: no leak at all, that cannot be", name, seed)
				}
				continue
			}
			if leak.Leaked != 0 || leak.Images == 0 {
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
	// The shares that define the protocols, in lesions of each class.
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
