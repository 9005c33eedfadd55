// Package split divides HAM10000 into training, validation and test parts by
// the protocols of the table Protocols, reads and writes the result, and measures
// its leak: the share of held-out photos whose lesion is also in training.
//
// Stratified draws take the same numbers of each class as scikit-learn's
// StratifiedShuffleSplit: proportional shares rounded down, the rest to the
// largest remainders, ties at random.
//
// Every draw comes from a PCG generator seeded with the protocol's name and the
// seed, over identifiers in sorted order: the part of an image depends on the
// set of records and the seed, not on the order of the rows.
package split
