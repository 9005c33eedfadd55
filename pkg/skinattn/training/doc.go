// Package training trains a network of package skinattn as the authors did, or
// by another named regime, and leaves a run folder (package run).
//
// Everything random is a function of the seed, the epoch and the step, so a
// run can stop anywhere and go on: shuffling draws from (seed, epoch), dropout
// from (seed, step). On one CPU, equal settings give equal bytes.
package training
