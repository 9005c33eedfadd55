// Package report makes one self-contained HTML page of one or several run folders, for
// people who look rather than read: configuration, split, curves, metrics with intervals,
// a confusion matrix that lists its images, ROC curves with a movable threshold,
// reliability, groups of patients. The page asks for nothing from outside; without
// JavaScript all but the movable parts is there.
package report
