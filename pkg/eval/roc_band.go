package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// ROCBands are pointwise confidence bands of the ROC curves of a table: at each
// false positive rate of a grid, the percentile interval of the true positive
// rate over resamples (vertical averaging, Fawcett 2006, section 8.1; the
// method "vertical" of Macskassy and Provost 2004; pROC's ci.se). The level is the
// coverage at a single rate; a whole curve lies within its band less often.
type ROCBands struct {
	FPR []float64 // the grid, rising
	// Classes has a band for each class, in class order.
	Classes []ROCBand
	// Macro and Weighted are the bands of the mean of the classes' curves, plain and
	// weighted by support (see [MeanROC]). Micro is the band of [Table.MicroROC].
	Macro, Weighted, Micro ROCBand
	Info                   BootstrapInfo
}

// ROCBand is the band of one curve, with a value for each rate of the grid; NaN if the
// curve or the interval is undefined (see [Replicates.Interval]).
type ROCBand struct {
	TPR       []float64 // the curve of the table
	Low, High []float64
}

// NewROCBands resamples t as opts says (always with percentile intervals) and
// returns the bands at the given false positive rates, which must rise from 0
// or more to 1 or less. At a rate where a curve steps up, its value is the upper end
// of the step, the greatest sensitivity at this specificity. If ctx is done before
// the resamples are, its error is returned.
func NewROCBands(ctx context.Context, t *Table, fpr []float64, opts Options) (*ROCBands, error) {
	if len(fpr) == 0 || fpr[0] < 0 || fpr[len(fpr)-1] > 1 || !slices.IsSorted(fpr) || slices.ContainsFunc(fpr, math.IsNaN) {
		return nil, errors.New("ROC bands: the false positive rates must rise within [0, 1]")
	}
	known := t.known
	if known.Len() == 0 {
		return nil, errors.New("ROC bands: no image of known class")
	}
	opts.Method = PercentileCI
	table := t.orders()
	k, n := len(known.Classes), len(fpr)
	names := make([]string, (k+3)*n)
	for i := range names {
		names[i] = fmt.Sprintf("curve %d at %g", i/n, fpr[i%n])
	}
	statistic := func(counts []uint32) []float64 {
		values := make([]float64, (k+3)*n)
		curve := func(c int) []float64 { return values[c*n : (c+1)*n] }
		macro, weighted, micro := curve(k), curve(k+1), curve(k+2)
		classes, images := 0.0, 0.0
		for c := range k {
			weight := tprAt(table.perClass[c], counts, fpr, curve(c))
			if math.IsNaN(curve(c)[0]) {
				continue
			}
			classes, images = classes+1, images+weight
			for g, v := range curve(c) {
				macro[g] += v
				weighted[g] += weight * v
			}
		}
		for g := range n { // NaN without a class
			macro[g] /= classes
			weighted[g] /= images
		}
		tprAt(table.micro, counts, fpr, micro)
		return values
	}
	r, err := bootstrap(ctx, newDesign(known, opts.Unit, opts.Stratified, nil), names, func() func([]uint32) []float64 { return statistic }, opts)
	if err != nil {
		return nil, err
	}
	band := func(c int) ROCBand {
		b := ROCBand{TPR: r.Estimate[c*n : (c+1)*n]}
		for i := c * n; i < (c+1)*n; i++ {
			ci, _ := r.Interval(i, opts.level()) // NaN says enough
			b.Low, b.High = append(b.Low, ci.Low), append(b.High, ci.High)
		}
		return b
	}
	b := &ROCBands{FPR: slices.Clone(fpr), Macro: band(k), Weighted: band(k + 1), Micro: band(k + 2), Info: r.Info}
	for c := range k {
		b.Classes = append(b.Classes, band(c))
	}
	return b, nil
}

// tprAt sets out to the true positive rates at the given rising false positive
// rates of a ranking in which image i has multiplicity counts[i]: on the straight
// lines between the points of distinct scores, and the upper end of a vertical
// step. All are NaN without positives or without negatives. It returns the number of
// positives.
func tprAt(ranking []entry, counts []uint32, fpr, out []float64) (positives float64) {
	negatives := 0.0
	for _, t := range down(ranking, counts) {
		positives += float64(t.positives)
		negatives += float64(t.negatives)
	}
	if positives == 0 || negatives == 0 {
		for g := range out {
			out[g] = math.NaN()
		}
		return positives
	}
	tp, fp, g := 0, 0, 0
	for _, t := range down(ranking, counts) {
		for ; g < len(fpr); g++ {
			x := fpr[g] * negatives
			if x > float64(fp+t.negatives)-rateSlack*negatives {
				break
			}
			share := max(0, (x-float64(fp))/float64(t.negatives))
			out[g] = (float64(tp) + share*float64(t.positives)) / positives
		}
		tp += t.positives
		fp += t.negatives
	}
	for ; g < len(fpr); g++ {
		out[g] = 1
	}
	return positives
}
