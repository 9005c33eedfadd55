// Package likeness compares a photo with those that a network was trained on: which of them
// are most like it, and whether it is unlike all of them.
//
// Both look at embeddings ([skinattn.Embedder]). Similar photos are those with the least
// cosine distance. A photo is unusual if its score ([ood.Gaussian]) is above a threshold that
// 95 % of the validation photos keep; [Fit] makes the score and measures it on pictures of
// other things. It knows pictures that are no photos of lesions; it does not know whether the
// answer for a lesion is right, nor lesions of other kinds than those of the training photos.
package likeness
