// Package eval judges a classifier from its predictions alone: metrics,
// curves, calibration and intervals for tables of class probabilities. It knows
// nothing of networks or of any data set; class names come with the table.
//
// The way through it:
//
//	p, err := eval.ReadFile("predictions-test.csv")
//	m, err := eval.Evaluate(p, eval.DefaultOptions())
//	fmt.Print(m.Table())
//	err = m.WriteFile("metrics.json")
//
// # Definitions
//
// The predicted class is the largest probability, the first in class order on
// a tie. Values agree with scikit-learn's functions of the same name, except
// where those answer a default for 0/0: here, what is undefined is NaN (null in
// JSON) with a reason. Averages over classes leave undefined classes out, as
// scikit-learn does with zero_division=nan; the one default kept is that of
// Matthews' correlation (see [Confusion.MCC]).
//
//   - AUROC is the Mann-Whitney statistic, ties counting one half; for classes,
//     one against the rest. "macro" is the plain mean over classes, "weighted"
//     the mean by support, "micro" the area of all (image, class) pairs ranked
//     together: three different numbers that are often confused.
//   - Average precision is the sum of precision times rise in recall, without
//     interpolation.
//   - Two definitions of balanced accuracy are in use and both are given:
//     the mean recall, and the mean of (sensitivity+specificity)/2 over
//     one-vs-rest classes (see [Confusion.PaperBalancedAccuracy]).
//   - Brier is the sum of squares over classes, so it reaches from 0 to 2.
//   - ECE is that of the top class over equal-mass bins; see [Reliability].
//
// # Intervals
//
// [Bootstrap] resamples lesions (all photos of a lesion together) or images,
// each resample from a generator of its own, seeded by the seed and the
// resample's number: results do not depend on the number of cores. The table
// is sorted once; a resample only recounts it.
package eval
