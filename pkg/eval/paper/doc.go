// Package paper is the paper as data: every cell of every printed table of
// "Diagnostic support of skin lesion classification using CNN and Soft
// Attention" (Nguyen, Bui, Do; Sensors 2022, CC BY), beside the value that the
// authors' notebooks logged.
//
// A printed value is never corrected: if it differs from the logged value, or a
// printed mean from the mean of its row, the cell names a [Discrepancy] that
// explains the difference. The tests recompute every value that can be recomputed
// (means, Table A5 from one-vs-rest counts, metrics from confusion matrices, class
// weights) and fail if a mismatch has no mark, or a mark no mismatch.
//
// Sources: the text of the paper; the authors' public repository
// KhoiDOO/Skin-Disease-Detection-HAM100000 with its history, whose notebooks are
// named by the first eight digits of their git blobs; for runs of the paper's
// reference [14], the public repository
// skrantidatta/Attention-based-Skin-Cancer-Classification.
package paper
