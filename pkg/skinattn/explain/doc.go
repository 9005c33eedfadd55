// Package explain computes maps of where a network looks: Soft-Attention maps,
// Grad-CAM, Grad-CAM++, input gradients, SmoothGrad and occlusion.
//
// All maps cover the square that the network is fed, which smart_resize has
// cropped out of the photo's centre (see imaging.ResizeMode), in rows from the top and
// columns from the left, at a resolution of their own. The gradients are those
// of a class's logit, its value before the softmax: a probability's gradient
// also has what speaks for the other classes in it, and vanishes where the
// network is sure. docs/explain.md has formulas, sources and limits.
package explain
