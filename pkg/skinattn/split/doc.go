// Package split divides HAM10000 into training, validation and test parts by
// the four protocols of this project, reads and writes the result, and measures
// how far it leaks: the share of held-out photos whose lesion is also in
// training.
//
//   - "paper": images with a known age, a stratified tenth of the images is
//     val, as the paper's authors drew it; Options.TestShare makes it the 15 % or
//     20 % of their other notebooks. Leaky by construction: photos of one lesion
//     fall on both sides.
//   - "datta828": a stratified 15 % of the lesions that have a single photo is
//     test (828 images of the real data set), as Datta et al. 2021
//     (arXiv 2105.03358) drew it; a lesion-grouped tenth of the rest is val.
//   - "grouped": by lesion, stratified by diagnosis, 70/10/20, or k folds.
//   - "isic2018": by lesion, 90/10 train and val; the test set is the official
//     one of ISIC 2018 Task 3 and not part of the split.
//
// Stratified numbers per class are those of scikit-learn's
// StratifiedShuffleSplit: proportional shares rounded down, the rest to the
// largest remainders, ties at random.
//
// Every draw comes from a PCG generator seeded with the protocol's name and the
// seed, over identifiers in sorted order: the part of an image depends on the
// set of records and the seed, not on the order of the rows.
package split
