// Package pipeline joins the stages: data, split, model, training, run folder,
// predictions, metrics, figures. The command line and the notebooks are thin
// layers over it.
package pipeline
