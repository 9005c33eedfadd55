package spec

// Copies are augmented photos that stand beside the photos themselves in every
// epoch, drawn anew each time; with them the photos themselves are shown
// unchanged. The zero value makes none.
type Copies struct {
	// PerPhoto changed copies of every photo.
	PerPhoto int `json:"per_photo,omitempty" range:"[0,]" help:"Augmented copies beside every photo; the photos themselves are then unchanged."`
	// PerClass is the number of images that [14] filled every class up to, on disk, with batches of
	// Batch photos from Keras's flow_from_directory: the totals come near it, not
	// to it.
	PerClass int `json:"per_class,omitempty" range:"[0,]" help:"Copies that fill every class up to about so many, as [14] did on disk."`
	Batch    int `json:"batch,omitempty" range:"[0,]" help:"Size of the batches in which those copies come."`
}

// Count is the number of copies of a class of n photos.
//
// With PerClass, copies come in ceil((PerClass-n)/Batch) batches that pass
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
