// Package plots draws the figures of a classification study: confusion
// matrices, ROC curves with bands, precision-recall curves, bars of per-class
// metrics, forest plots, learning curves, distributions of a data set, leaks,
// accuracy against cost, image grids, maps over photos and reliability diagrams. Its
// inputs are the types of package eval and small structs; it knows nothing of
// networks or of any data set.
//
// Each figure is a struct with exported knobs and a constructor that sets good
// defaults; a zero knob means its default. [Save] draws a figure as SVG, PDF or
// PNG by the file's extension, at the size of a [Style]; [SaveWithData] writes
// the numbers drawn beside it as CSV:
//
//	roc, err := plots.NewROC(predictions)
//	err = plots.SaveWithData("roc.pdf", roc, plots.Paper())
//
// Equal input gives equal bytes. (For PDF this sets the process-wide defaults of
// the fpdf library behind gonum/plot for dates and object order, once, when the
// first PDF is written.)
//
// Colours are those of Okabe and Ito, which people with the common colour
// vision deficiencies can tell apart.
package plots
