package spec

// Copies are augmented photos beside the unchanged photos of every epoch, drawn anew
// each time. The zero value makes none.
type Copies struct {
	PerPhoto int `json:"per_photo,omitempty" range:"[0,100]" help:"Augmented copies beside every photo; the photos themselves are then unchanged."`
	// PerClass is not reached exactly: [14] filled the classes with whole batches from
	// Keras's flow_from_directory.
	PerClass int `json:"per_class,omitempty" range:"[0,100000]" help:"Fill every class up to about N images with augmented copies, as [14] did on disk."`
	Batch    int `json:"batch,omitempty" range:"[0,100000]" help:"Batch size of the generator that fills the classes."`
}

// Count is the number of copies of a class of n photos.
//
// With PerClass, copies come in ceil((PerClass-n)/Batch) batches that pass through
// the n photos again and again; the last batch of each pass has the remaining photos.
func (c Copies) Count(n int) int {
	count := c.PerPhoto * n
	if c.PerClass <= n || n == 0 {
		return count
	}
	batches := (c.PerClass - n + c.Batch - 1) / c.Batch
	perPass := (n + c.Batch - 1) / c.Batch
	return count + batches/perPass*n + batches%perPass*c.Batch
}
