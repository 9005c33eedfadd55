// Package attention makes the maps of where a trained network looks (package
// explain) for photos from outside, and measures a run's maps against lesion
// masks, beside baselines that know nothing of the picture (package saliency).
package attention
