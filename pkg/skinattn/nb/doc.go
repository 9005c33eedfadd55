// Package nb helps the cells of the notebooks: it shows figures, tables and the
// progress of a training run in the page, takes the notebook's parameters from
// the environment, and turns errors into one line.
//
// A cell of a Go notebook is a program of its own: no variable lives from one
// cell to the next, so the stages hand over through run folders and files in the
// [Notebook]'s work folder. Heavy logic belongs into the other packages; package nb
// shows results and knows where files lie.
//
// Outside a notebook, under "go run" or "go test", the output for the page
// is written to standard output as plain lines.
package nb
