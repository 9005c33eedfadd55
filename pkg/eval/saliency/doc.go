// Package saliency measures maps of where a network looks, such as attention
// maps and Grad-CAM, against masks of the object to be seen. It knows nothing of
// networks or of any data set.
//
// A map is a grid of numbers of at least 0, often a coarse one, such as 4 x 4
// for an input of 128 pixels. [Upsample] brings it to the pixels of the mask,
// [NewMask] prepares the mask, and [Mask.Score] compares the two. [Table] holds
// the scores of several methods on the same images, reads and writes them as
// CSV, and [Table.Summarize] makes means and paired differences of them, with
// intervals from resampled lesions.
//
// # Metrics of a map and a mask
//
// All are computed on the pixels of the mask and lie between 0 and 1.
//
//   - [MassInside], the share of the map's sum that lies inside the mask, as the
//     energy-based pointing game (Wang et al. 2020, Score-CAM, section 4.3). A map
//     that is 0 everywhere counts as an even one. An even map scores the mask's
//     share of the picture, so a big lesion makes a high value easy.
//   - [Pointing], whether the maximum lies inside (Zhang et al. 2018, Top-down
//     neural attention by excitation backprop, section 4.1), and [PointingNear],
//     whether it lies inside or near enough. If several pixels share the maximum,
//     it is the share of them that hit: the mean over all ways to choose one.
//   - [IoU], intersection over union of the mask and the brightest pixels of the
//     map, equal in number to the mask's pixels, which needs no threshold. Where pixels of equal value compete for the last places, the
//     intersection is its mean over all ways to choose.
//   - [AUC], the area under the ROC curve of the map's values as a score for
//     "inside", over pixels: the chance that a pixel inside is brighter than one
//     outside, equal ones counting one half (Mann-Whitney; for saliency maps:
//     Borji et al. 2013). NaN if the mask fills the picture.
//
// # Metrics of a map and a network
//
// [Deletion] and [Insertion] are areas under curves of the probability of a
// class, while pixels are taken out of the picture or put into a blurred one,
// brightest of the map first (Petsiuk et al. 2018, RISE, section 4.2). They ask
// the network, not the mask: a map can follow the pixels that the network uses, even
// beside the lesion. A low deletion and a high insertion are good. Pixels of equal value
// come in random order.
package saliency
