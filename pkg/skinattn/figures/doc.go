// Package figures draws every figure that run folders, predictions files and the
// data set allow, each with its numbers as CSV beside it (package plots). [Set] is
// the table of figures: a new one is a row there.
package figures
