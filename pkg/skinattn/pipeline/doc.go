// Package pipeline joins the stages: data, split, network, training, run folder,
// predictions and metrics. The command line and the notebooks are thin layers
// over it.
package pipeline
