// Package eval judges classifiers from their predictions alone: metrics, curves,
// calibration, intervals and tests for tables of class probabilities. It knows
// nothing of networks, and of data sets only the group [Malignant]; class names
// come with the table.
//
// The way through it:
//
//	t, err := eval.ReadPredictions("predictions-test.csv")
//	m, err := eval.Evaluate(ctx, t, eval.DefaultOptions())
//	fmt.Print(m.Table())
//	err = m.WriteFile("metrics.json")
//
// and for two models of the same images:
//
//	c, err := eval.Compare(ctx, a, b, eval.DefaultOptions())
//
// [Predictions] is plain data; a [Table] is predictions that were checked, once,
// and never change. Only a table has metrics, curves and intervals.
//
// # Errors
//
// Nothing here panics on its arguments, except on an index out of range, as Go does.
// A function with an error result reports
// arguments that make no sense (slices of different lengths, a class that is not in
// the table, a level outside (0, 1)) and data that are no table; a bad row of a file
// is a [RowError]. A function without an error result, such as [Wilson], answers
// NaN to arguments that make no sense.
//
// # Multiplicities
//
// Curves, areas and metrics take counts, the number of times that each image is
// there ([NewROC], [Table.Score]); nil means once. A bootstrap resample is such a
// slice of counts, so a statistic of one's own ([BootstrapFunc]) is cheap.
//
// # Definitions
//
// The predicted class is the largest probability, the first in class order on
// a tie. Values agree with scikit-learn's functions of the same name, except
// where scikit-learn answers a default for 0/0: here, an undefined value is NaN (null
// in JSON) with a reason. Averages over classes leave undefined classes out, as
// scikit-learn does with zero_division=nan; the one default kept is for
// Matthews' correlation (see [Confusion.MCC]).
//
//   - AUROC is the Mann-Whitney statistic, ties counting one half; for classes,
//     one against the rest. "macro" is the plain mean over classes, "weighted"
//     the mean by support, "micro" the area of all (image, class) pairs ranked
//     together: three different numbers that are often confused.
//   - Partial AUROC is standardised (see [ROC.PartialAUC]); sensitivity at a
//     specificity and Youden's threshold are points of the curve, without
//     interpolation ([ROC.AtSpecificity], [ROC.Youden]).
//   - Average precision is the sum of precision times rise in recall, without
//     interpolation.
//   - Two definitions of balanced accuracy are in use and both are given:
//     the mean recall, and the mean of (sensitivity+specificity)/2 over
//     one-vs-rest classes (see [Confusion.PaperBalancedAccuracy]).
//   - Brier is the sum of squares over classes, so it reaches from 0 to 2;
//     [BrierDecomposition] says where it comes from.
//   - ECE is computed for the top class over equal-mass bins; equal-width bins and
//     the classwise error stand beside it (see [Table.ECE], [Table.ClasswiseECE]).
//
// # Intervals and tests
//
// The bootstrap resamples lesions (all photos of a lesion together) or images,
// on request within classes, and takes percentile or BCa intervals
// ([BCaInterval]). Each resample has a generator of its own, seeded by the seed
// and the resample's number: results do not depend on the number of cores. The
// table is sorted once; a resample only recounts it. [BootstrapFunc] takes any
// statistic.
//
// [Compare] scores two models on the same resamples, so that differences are
// paired, and adds DeLong's test of the areas ([NewDeLong], by lesion too) and
// [McNemar]'s of the predicted classes. [Wilson] is for proportions of
// independent images, [Summarize] for seeds, [Holm] for several p-values.
//
// # Changing predictions
//
// [FitTemperature] and [FitVector] recalibrate, [Combine] makes ensembles and
// averages over test-time augmentation.
//
// # Leaks
//
// [AuditLeakage] finds what parts of a split have in common, [MeasureLeak] judges
// leaked and clean images apart.
package eval
