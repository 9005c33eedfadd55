// Package explain computes maps of where a network looks: Soft-Attention maps,
// Grad-CAM, Grad-CAM++, input gradients, SmoothGrad and occlusion.
//
// All maps cover the network's input, a square usually cropped out of the photo's centre
// (see imaging.ResizeMode), in rows from the top and columns from the left, each at its own
// resolution. Gradients are taken of a class's logit, its value before the softmax: the
// gradient of a probability also contains the evidence for the other classes, and vanishes
// where the network is sure. docs/explain.md has formulas, sources and limits.
package explain
