package synthetic

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// TestPlanSuitsEverySplit checks over many seeds the properties of the default set on
// which the splits and the lessons depend.
func TestPlanSuitsEverySplit(t *testing.T) {
	missing, siblings := 0, 0
	for seed := range uint64(60) {
		opts, err := Options{Seed: seed}.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		plans := plan(opts)
		if len(plans) != 600 {
			t.Fatalf("seed %d: %d photos", seed, len(plans))
		}
		photos, lesions := map[string]int{}, map[string]int{}
		byLesion := map[string]ham10000.Record{}
		ids := map[string]bool{}
		for i, p := range plans {
			r := p.record
			if ids[r.ImageID] || !strings.HasPrefix(r.ImageID, "ISIC_9") || len(r.ImageID) != len("ISIC_0027419") {
				t.Fatalf("seed %d: image id %s (twice: %v)", seed, r.ImageID, ids[r.ImageID])
			}
			ids[r.ImageID] = true
			photos[r.Dx]++
			if r.DxType == "follow_up" && r.Dx != "nv" {
				t.Fatalf("seed %d: follow_up of %s; in HAM10000 it implies nv", seed, r.Dx)
			}
			if !r.HasAge() {
				missing++
			} else if r.Age < 5 || r.Age > 85 || math.Mod(r.Age, 5) != 0 {
				t.Fatalf("seed %d: age %v", seed, r.Age)
			}
			if !slices.Contains(ham10000.Sexes, r.Sex) || !slices.Contains(ham10000.Localizations, r.Localization) {
				t.Fatalf("seed %d: sex %q, localization %q", seed, r.Sex, r.Localization)
			}
			first, ok := byLesion[r.LesionID]
			if !ok {
				byLesion[r.LesionID] = r
				lesions[r.Dx]++
				continue
			}
			siblings++
			if plans[i-1].lesion != p.lesion {
				t.Fatalf("seed %d: the photos of %s do not follow one another", seed, r.LesionID)
			}
			if first.Dx != r.Dx || first.Sex != r.Sex || first.Localization != r.Localization {
				t.Fatalf("seed %d: lesion %s has different metadata", seed, r.LesionID)
			}
		}
		for _, dx := range ham10000.Classes {
			if lesions[dx] < 12 {
				t.Errorf("seed %d: %d lesions of %s, fewer than 12", seed, lesions[dx], dx)
			}
		}
		if photos["nv"] != 300 {
			t.Errorf("seed %d: %d photos of nv, want half", seed, photos["nv"])
		}
	}
	if rate := float64(siblings) / (60 * 600); rate < 0.2 || rate > 0.35 {
		t.Errorf("%.3f of the photos show a lesion again; in HAM10000 it is 0.254", rate)
	}
	if rate := float64(missing) / (60 * 600); rate < 0.005 || rate > 0.03 {
		t.Errorf("%.4f of the ages are missing, want a few", rate)
	}
}

func TestClassCounts(t *testing.T) {
	for n := 7; n < 1500; n++ {
		total := 0
		for class, count := range classCounts(n) {
			if total += count; count < 1 {
				t.Errorf("%d photos: %d of %s", n, count, ham10000.Classes[class])
			}
		}
		if total != n {
			t.Errorf("%d photos: counts sum to %d", n, total)
		}
	}
	// 0.06, 0.08, 0.13, 0.045, 0.135, 0.50 and 0.05 of 600
	if got, want := classCounts(600), []int{36, 48, 78, 27, 81, 300, 30}; !slices.Equal(got, want) {
		t.Errorf("600 photos: %v, want %v", got, want)
	}
}

func TestMixesCoverEveryClass(t *testing.T) {
	share := 0.0
	for _, dx := range ham10000.Classes {
		share += classMix[dx].share
		if looks[dx].paint == nil || classPatients[dx].sites == nil || classPatients[dx].dxTypes == nil {
			t.Errorf("class %s is not described", dx)
		}
	}
	if math.Abs(share-1) > 1e-12 {
		t.Errorf("the shares sum to %v", share)
	}
}

// TestMetadataTellsSomething: ages by class keep the order of the real set.
func TestMetadataTellsSomething(t *testing.T) {
	mean := func(dx string) float64 {
		sum := 0.0
		n := 0
		for i := range 500 {
			if r := newRecord(stream(1, metadataStream, i), dx); r.HasAge() {
				sum += r.Age
				n++
			}
		}
		return sum / float64(n)
	}
	if nv, df, mel, akiec := mean("nv"), mean("df"), mean("mel"), mean("akiec"); !(nv < df && df < mel && mel < akiec) {
		t.Errorf("mean ages nv %.1f, df %.1f, mel %.1f, akiec %.1f should rise", nv, df, mel, akiec)
	}
}
