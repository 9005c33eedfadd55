package eval

import "testing"

// BenchmarkEvaluate evaluates a table of the size of HAM10000; tools/golden/eval/bench.py
// does the same with scikit-learn.
func BenchmarkEvaluate(b *testing.B) {
	p := syntheticPredictions(newRNG(1), 10_000, 7, 0)
	b.Run("10000x7/no-bootstrap", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Evaluate(ctx, tableOf(p), Options{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("10000x7/2000-by-lesion", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Evaluate(ctx, tableOf(p), DefaultOptions()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
