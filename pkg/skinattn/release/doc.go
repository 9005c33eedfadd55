// Package release makes a released model of a finished run: a run folder without training
// state, with a calibration, the metrics of subgroups, a model card, a licence and
// checksums. Equal runs give equal bytes.
package release
