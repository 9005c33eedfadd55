// Package eval judges classifiers from their predictions alone: metrics, curves,
// calibration, intervals and tests for tables of class probabilities. It knows
// nothing of networks, and of data sets only the group [Malignant]; class names
// come with the table.
//
// The usual steps are:
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
// [Predictions] is plain data; a [Table] holds predictions that were checked once
// and never change. Only a table has metrics, curves and intervals.
//
// # Errors
//
// No function panics on its arguments, except on an index out of range. A function
// with an error result reports invalid arguments (slices of different lengths, a
// class that is not in the table, a level outside (0, 1)) and invalid data; a bad row
// of a file is a [RowError]. A function without an error result, such as [Wilson],
// returns NaN for invalid arguments.
//
// # Multiplicities
//
// Curves, areas and metrics take counts, the multiplicity of each image ([NewROC],
// [Table.Score]); nil means 1 for each image. A bootstrap resample is a slice of
// counts; [BootstrapFunc] resamples any function of counts.
//
// # Definitions
//
// The predicted class is the largest probability, the first in class order on
// a tie. Values agree with scikit-learn's functions of the same name, except that
// 0/0 is NaN (null in JSON) with a reason, not a default value. Averages over classes
// leave undefined classes out, as scikit-learn does with zero_division=nan. Only
// Matthews' correlation has a default (see [Confusion.MCC]).
//
//   - AUROC is the Mann-Whitney statistic, ties counting one half; for classes,
//     one against the rest. "macro" is the plain mean over classes, "weighted"
//     the mean by support, "micro" the area of all (image, class) pairs ranked
//     together: three different numbers.
//   - Partial AUROC is standardised (see [ROC.PartialAUC]); sensitivity at a
//     specificity and Youden's threshold are points of the curve, without
//     interpolation ([ROC.AtSpecificity], [ROC.Youden]).
//   - Average precision is the sum of precision times rise in recall, without
//     interpolation.
//   - Balanced accuracy has two definitions in use, and both are here: the mean
//     recall, and the mean of (sensitivity+specificity)/2 over
//     one-vs-rest classes (see [Confusion.PaperBalancedAccuracy]).
//   - Brier is the sum of squares over classes, from 0 to 2; [BrierDecomposition]
//     has its parts.
//   - ECE is computed for the top class over equal-mass bins; two more metrics take
//     equal-width bins and the classwise error (see [Table.ECE],
//     [Table.ClasswiseECE]). None has an interval: resampling raises them.
//
// # Intervals and tests
//
// The bootstrap resamples lesions (all photos of a lesion together) or images,
// on request within classes, and takes percentile or BCa intervals
// ([BCaInterval]). Each resample has its own generator, seeded by the seed and the
// resample's number: results do not depend on the number of cores. The table is
// sorted once; a resample only changes the counts.
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
// [AuditLeakage] finds images, lesions and pixels that parts of a split share.
// [MeasureLeak] evaluates leaked and clean images separately.
package eval
