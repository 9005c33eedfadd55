// Package diagram draws the paper's networks, the counterparts of its Figures 2
// to 7, A1 and A2, from the graphs that are trained: stages with shapes and
// parameters, the cut and the dropped layers, the Soft-Attention block, the metadata
// branch and the last layers. Nothing in a drawing is written by hand but words.
//
// Every box belongs to a column and stands below the boxes that feed it; the
// arrows run along the axes between them (layout.go).
package diagram
