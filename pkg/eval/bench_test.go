package eval

import (
	"fmt"
	"testing"
)

// BenchmarkEvaluate evaluates tables, the first of the size of HAM10000;
// tools/golden/eval/bench.py does the same with scikit-learn, and large.py the whole
// command with files. ns/image must stay nearly the same from 10,000 images to a million.
func BenchmarkEvaluate(b *testing.B) {
	for _, c := range []struct {
		images    int
		resamples int
	}{{10_000, 0}, {10_000, 2000}, {100_000, 0}, {100_000, 20}, {1_000_000, 0}, {1_000_000, 20}} {
		name := "no-bootstrap"
		if c.resamples > 0 {
			name = fmt.Sprintf("%d-by-lesion", c.resamples)
		}
		b.Run(fmt.Sprintf("%dx7/%s", c.images, name), func(b *testing.B) {
			table := tableOf(syntheticPredictions(newRNG(1), c.images, 7, 0))
			opts := DefaultOptions()
			opts.Resamples = c.resamples
			b.ReportAllocs()
			for b.Loop() {
				// As in a process of its own: a table keeps its sorted form.
				fresh, err := newTable(table.rows)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := Evaluate(ctx, fresh, opts); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*c.images*max(1, c.resamples)), "ns/image")
		})
	}
}

// BenchmarkRankMetrics takes the areas of a resample of a million images, by multiplicities
// of four bytes and of one.
func BenchmarkRankMetrics(b *testing.B) {
	const n = 1_000_000
	rng := newRNG(1)
	scores, positive, counts := make([]float64, n), make([]bool, n), make([]uint32, n)
	for i := range scores {
		scores[i], positive[i] = float64(rng.Float32()), rng.IntN(4) == 0
		counts[rng.IntN(n)]++
	}
	ranking, m := rank(scores, positive), newMultiplicities(counts)
	b.Run("uint32", func(b *testing.B) {
		for b.Loop() {
			rankMetrics(ranking, m.all)
		}
	})
	b.Run("bytes", func(b *testing.B) {
		for b.Loop() {
			m.rankMetrics(ranking)
		}
	})
}
