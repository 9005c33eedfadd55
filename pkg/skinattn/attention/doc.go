// Package attention explains photos with a trained network's saliency maps (package
// explain), and measures a run's maps against lesion masks, beside baselines that do not
// see the picture (package saliency).
package attention
