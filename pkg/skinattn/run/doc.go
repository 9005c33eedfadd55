// Package run owns the run folder, the only hand-over between training and
// everything after it: the names of its files, and one reader and one writer for
// each. docs/run-folder.md specifies the folder. The package needs no engine;
// checkpoints are written and read by package checkpoint.
//
// The error for a missing file is a [*MissingError], which is an fs.ErrNotExist.
package run
