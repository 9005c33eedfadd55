// Package paper is the paper as data: every cell of every printed table of
// "Diagnostic support of skin lesion classification using CNN and Soft
// Attention" (Nguyen, Bui, Do; Sensors 2022, CC BY), beside what the authors'
// own notebooks logged for it.
//
// A printed value is never corrected: where it differs from what was logged, or
// a printed mean from its own row, the cell carries the name of a [Discrepancy]
// that explains it. The tests recompute all that can be recomputed (means, the
// values of Table A5 from one-vs-rest counts, metrics from confusion matrices,
// class weights) and fail on a mismatch that is not marked, and on a mark
// without a mismatch.
//
// Sources: the text of the paper; the authors' public repository
// KhoiDOO/Skin-Disease-Detection-HAM100000 with its history, whose notebooks are
// named by the first eight digits of their git blobs; for runs of the paper's
// reference [14], the public repository
// skrantidatta/Attention-based-Skin-Cancer-Classification.
package paper
