// Package sweep is about many runs at once: a file with axes and exclusions (File) is expanded
// to cells, each of which is one training in a run folder that is named by its content. The
// cells are worked through here (Run) or by a scheduler (Slurm, Kubernetes), looked at (Look)
// and collected (Collect).
//
// A cell is trained by 'skinattn train' with the cell's arguments, in a process of its own, so
// that nothing that befalls a cell befalls the others. The run folder's lock sees to it that
// two workers, on whatever machines, never work on one cell.
package sweep
