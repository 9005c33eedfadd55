// Package plots draws the figures of a classification study: confusion
// matrices, ROC curves with bands, precision-recall curves, bars of per-class
// metrics, forest plots, learning curves, distributions of a data set, leaks,
// accuracy against cost, growth of cost, image grids, maps over photos and reliability diagrams. Its
// inputs are the types of package eval and small structs; it knows nothing of
// networks, run folders or any data set.
//
// Each figure is a struct with exported knobs and a constructor that sets good
// defaults; a zero knob means its default. [Save] draws a figure as SVG, PDF or
// PNG by the file's extension, at the size of a [Style]; [SaveWithData] writes
// the numbers drawn beside it as CSV:
//
//	roc, err := plots.NewROC(predictions)
//	err = plots.SaveWithData("roc.pdf", roc, plots.Paper())
//
// A figure that is one plot is a [Single]: AddTo draws it into any gonum plot,
// beside other plotters. The parts that gonum lacks are plotters of their own:
// [Band], [GroupedBars], [CountBars], [Histogram], [IntervalRows], [Matrix],
// [TradeoffPoints], [VerticalRule] and [Frame].
//
// Equal input gives equal bytes.
//
// The colours, by Okabe and Ito, can be told apart by people with the common
// colour vision deficiencies.
package plots
