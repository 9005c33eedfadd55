package hdf5

// Record types of the version-2 B-trees that index dense storage (section
// III.A.2).
const (
	recordLinkName      = 5
	recordAttributeName = 8
)

// denseRecords is a stand-in until the fractal heap is read.
func (o *object) denseRecords(heap, index uint64, record uint8, visit func(*cursor) error) error {
	return o.errorf(heap, "dense storage (type %d, index at %d): %w", record, index, ErrUnsupported)
}
