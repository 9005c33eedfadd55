package split

import (
	"maps"
	"slices"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// The promises of Crossover, checked from its rows alone.
func TestCrossover(t *testing.T) {
	for seed := range uint64(5) {
		records := synthetic(seed, 200)
		splits, err := Crossover(records, seed)
		if err != nil {
			t.Fatal(err)
		}
		photos, first := map[string]int{}, map[string]string{}
		for _, r := range records {
			if photos[r.LesionID]++; photos[r.LesionID] == 1 {
				first[r.LesionID] = r.ImageID
			}
		}
		seen := map[string]int{} // by lesion with several photos: 1 in the first split's train, 2 in the second's
		for half, s := range splits {
			if err := s.Check(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for _, row := range s.Rows {
				switch several := photos[row.LesionID] > 1; {
				case several && row.Part == Train:
					seen[row.LesionID] |= 1 << half
				case several && row.Part == Val, !several && row.Part == Test:
					t.Errorf("seed %d: %s of a lesion with %d photos is %s", seed, row.ImageID, photos[row.LesionID], row.Part)
				}
				if (row.Part == Test) != (photos[row.LesionID] > 1 && row.ImageID == first[row.LesionID]) {
					t.Errorf("seed %d: %s is %s", seed, row.ImageID, row.Part)
				}
			}
		}
		several := 0
		for lesion, n := range photos {
			if n > 1 {
				several++
				if seen[lesion] != 1 && seen[lesion] != 2 {
					t.Errorf("seed %d: lesion %s was seen by %b", seed, lesion, seen[lesion])
				}
			}
		}
		if n := len(slices.DeleteFunc(slices.Collect(maps.Values(seen)), func(v int) bool { return v != 1 })); n != several/2 {
			t.Errorf("seed %d: %d of %d lesions are in the first half", seed, n, several)
		}
		lone := func(s *Split) []Row {
			return slices.DeleteFunc(slices.Clone(s.Rows), func(r Row) bool { return photos[r.LesionID] > 1 })
		}
		if !slices.Equal(lone(splits[0]), lone(splits[1])) {
			t.Errorf("seed %d: the splits differ in lone photos", seed)
		}
		again, err := Crossover(records, seed)
		if err != nil || !slices.Equal(again[0].Rows, splits[0].Rows) || !slices.Equal(again[1].Rows, splits[1].Rows) {
			t.Errorf("seed %d: drawn differently the second time, %v", seed, err)
		}
	}
}

func TestCrossoverErrors(t *testing.T) {
	lone := slices.DeleteFunc(synthetic(1, 50), func() func(r ham10000.Record) bool {
		seen := map[string]bool{}
		return func(r ham10000.Record) bool {
			was := seen[r.LesionID]
			seen[r.LesionID] = true
			return was
		}
	}())
	for name, records := range map[string][]ham10000.Record{"no lesion has several photos": lone, "none at all": nil,
		"unknown diagnosis": {{ImageID: "a", LesionID: "b", Dx: "zz"}}} {
		if _, err := Crossover(records, 1); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
