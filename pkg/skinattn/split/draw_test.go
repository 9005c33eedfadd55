package split

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestApportion(t *testing.T) {
	// Expected values: scikit-learn 1.5.2, sklearn.utils.extmath._approximate_mode, with
	// equal results for 30 random states.
	tests := []struct {
		counts []int
		draws  int
		want   []int
	}{
		{[]int{4, 2}, 3, []int{2, 1}},
		{[]int{5, 2}, 4, []int{3, 1}},
		{[]int{26, 68, 212, 104, 349, 186}, 399, []int{11, 29, 89, 44, 147, 79}},
		{[]int{346, 367}, 555, []int{269, 286}},
		{[]int{393, 168, 69, 384}, 392, []int{152, 65, 27, 148}},
		{[]int{1, 76, 312, 251, 7, 276}, 445, []int{1, 37, 150, 121, 3, 133}},
		{[]int{192, 326, 313, 153, 184, 113}, 764, []int{115, 194, 187, 91, 110, 67}},
		{[]int{291, 313, 202, 39, 261, 138, 344}, 1508, []int{276, 297, 192, 37, 248, 131, 327}},
		{[]int{253, 72, 280, 11, 234, 292}, 93, []int{20, 6, 23, 1, 19, 24}},
		{[]int{5, 276, 34, 124, 287}, 698, []int{5, 265, 33, 119, 276}},
		{[]int{330, 384, 131, 84, 22, 120, 68}, 204, []int{59, 69, 23, 15, 4, 22, 12}},
		// By hand.
		{[]int{0, 5, 0}, 3, []int{0, 3, 0}},
		{[]int{3, 4}, 7, []int{3, 4}},
		{[]int{3, 4}, 0, []int{0, 0}},
		{[]int{0, 0}, 0, []int{0, 0}},
	}
	for _, test := range tests {
		for seed := range uint64(5) {
			if got := apportion(test.counts, test.draws, rand.New(rand.NewPCG(seed, 0))); !slices.Equal(got, test.want) {
				t.Errorf("apportion(%v, %d) = %v, scikit-learn %v", test.counts, test.draws, got, test.want)
			}
		}
	}
}

func TestApportionBreaksTiesAtRandom(t *testing.T) {
	// The example in scikit-learn's documentation: any two of the first three classes get
	// one draw each.
	seen := make(map[[4]int]int)
	const trials = 3000
	for seed := range uint64(trials) {
		seen[[4]int(apportion([]int{2, 2, 2, 1}, 2, rand.New(rand.NewPCG(seed, 1))))]++
	}
	for _, outcome := range [][4]int{{1, 1, 0, 0}, {0, 1, 1, 0}, {1, 0, 1, 0}} {
		// 1000 are expected for each pair; 5 standard deviations are 130.
		if n := seen[outcome]; math.Abs(float64(n)-trials/3) > 130 {
			t.Errorf("%v in %d of %d draws, want about a third", outcome, n, trials)
		}
	}
	if len(seen) != 3 {
		t.Errorf("outcomes %v, want three", seen)
	}
}

func TestApportionNeverExceedsAClass(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		counts := make([]int, 1+rng.IntN(7))
		total := 0
		for i := range counts {
			counts[i] = rng.IntN(40)
			total += counts[i]
		}
		draws := rng.IntN(total + 1)
		got := apportion(counts, draws, rng)
		sum := 0
		for i, n := range got {
			sum += n
			if n < 0 || n > counts[i] || math.Abs(float64(n)-float64(counts[i]*draws)/float64(max(total, 1))) >= 1+1e-9 {
				t.Fatalf("apportion(%v, %d) = %v: class %d", counts, draws, got, i)
			}
		}
		if sum != draws {
			t.Fatalf("apportion(%v, %d) = %v sums to %d", counts, draws, got, sum)
		}
	}
}
