// Package diagram draws the paper's networks, the counterparts of its Figures 2
// to 7, A1 and A2, from the graphs that are trained: stages with shapes and
// parameters, the cut and what it drops, the Soft-Attention block, the metadata
// branch and the last layers. Nothing in a drawing is written by hand but words.
//
// Graphviz, compiled to WebAssembly, places the boxes and routes the arrows. It
// starts with every program that links this package, in some 0.05 s, and the
// first time in half a second, which compiles it into the folder for temporary
// files.
package diagram
