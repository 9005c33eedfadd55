package eval

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
)

var ham10000Classes = []string{"akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"}

// syntheticPredictions draws n images of k classes with noisy logits that
// favour the truth. About three images in four are the only image of their lesion, as
// in HAM10000. With grid > 0, probabilities are multiples of 1/grid, with many ties.
func syntheticPredictions(rng *rand.Rand, n, k, grid int) *Predictions {
	p := &Predictions{}
	for c := range k {
		p.Classes = append(p.Classes, fmt.Sprintf("class%d", c))
	}
	if k == len(ham10000Classes) {
		p.Classes = ham10000Classes
	}
	lesion := 0
	for i := range n {
		if i == 0 || rng.Float64() < 0.75 {
			lesion++
		}
		truth := rng.IntN(k)
		p.ImageIDs = append(p.ImageIDs, fmt.Sprintf("ISIC_%07d", i))
		p.LesionIDs = append(p.LesionIDs, fmt.Sprintf("HAM_%07d", lesion))
		p.Truth = append(p.Truth, truth)
		p.Probs = append(p.Probs, randomRow(rng, k, truth, grid))
	}
	return p
}

func randomRow(rng *rand.Rand, k, truth, grid int) []float32 {
	weights := make([]float64, k)
	sum := 0.0
	for c := range weights {
		logit := 1.5 * rng.NormFloat64()
		if c == truth {
			logit += 1.5
		}
		weights[c] = math.Exp(logit)
		sum += weights[c]
	}
	row := make([]float32, k)
	if grid == 0 {
		for c, w := range weights {
			row[c] = float32(w / sum)
		}
		return row
	}
	for range grid {
		u, c := rng.Float64()*sum, 0
		for ; c < k-1 && u >= weights[c]; c++ {
			u -= weights[c]
		}
		row[c] += 1 / float32(grid)
	}
	return row
}

func newRNG(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

var ctx = context.Background()

// tableOf makes a table of predictions that must be valid.
func tableOf(p *Predictions) *Table {
	t, err := NewTable(p)
	if err != nil {
		panic(err)
	}
	return t
}
