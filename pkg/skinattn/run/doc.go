// Package run is the run folder: the only hand-over between training and
// everything after it. It knows the names and forms of the files in it, keeps
// them whole, and loads a trained model from it.
package run
