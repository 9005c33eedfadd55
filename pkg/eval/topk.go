package eval

// TopK returns the share of images of known truth whose true class is among the
// k largest probabilities, the first in class order ranking higher on a tie:
// TopK(p, 1) is the accuracy. NaN without an image of known truth.
func TopK(p *Predictions, k int) float64 {
	hits, n := 0, 0
	for i, t := range p.Truth {
		if t == Unknown {
			continue
		}
		n++
		if classesAbove(p.Probs[i], t) < k {
			hits++
		}
	}
	return ratio(hits, n)
}

// classesAbove counts the classes that rank above the true one.
func classesAbove(row []float32, truth int) int {
	above := 0
	for k, v := range row {
		if v > row[truth] || v == row[truth] && k < truth {
			above++
		}
	}
	return above
}
