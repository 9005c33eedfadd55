package spec

// Copies are augmented photos that stand beside the photos themselves in every
// epoch, drawn anew each time; with them the photos themselves are shown
// unchanged. The zero value makes none.
type Copies struct {
	// PerPhoto changed copies of every photo.
	PerPhoto int `json:"per_photo,omitempty"`
	// PerClass is what [14] filled every class up to, on disk, with batches of
	// Batch photos from Keras's flow_from_directory: the totals come near it, not
	// to it.
	PerClass int `json:"per_class,omitempty"`
	Batch    int `json:"batch,omitempty"`
}

// Count is the number of copies of a class of n photos.
//
// With PerClass they are those of ceil((PerClass-n)/Batch) batches that pass
// through the n photos again and again; the last batch of each pass has only
// what is left of it.
func (c Copies) Count(n int) int {
	count := c.PerPhoto * n
	if c.PerClass <= n || n == 0 {
		return count
	}
	batches := (c.PerClass - n + c.Batch - 1) / c.Batch
	perPass := (n + c.Batch - 1) / c.Batch
	return count + batches/perPass*n + batches%perPass*c.Batch
}
