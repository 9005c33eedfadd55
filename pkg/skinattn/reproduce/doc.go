// Package reproduce sets committed run folders against the paper: every printed
// table with each value as printed, as logged by the authors, and as measured
// here; the deviations from the authors' procedure; and the evidence on each
// claim.
//
// It needs run folders only: no data, no weights, no engine. Everything it
// writes follows from them, so equal folders give equal bytes.
package reproduce
