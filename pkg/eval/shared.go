package eval

// SharedImages says how many images two tables have in common.
type SharedImages struct {
	A    int `json:"a"` // images of the first table
	B    int `json:"b"` // images of the second
	Both int `json:"both"`
}

// Same reports whether the two tables have the same images.
func (s SharedImages) Same() bool { return s.A == s.Both && s.B == s.Both }

// Shared returns the rows of two tables that are of images which both have, such as the
// test images that two splits share, and counts them.
func Shared(a, b *Table) (sharedA, sharedB *Table, counts SharedImages) {
	in := func(t *Table) map[string]bool {
		ids := make(map[string]bool, t.Len())
		for _, id := range t.rows.ImageIDs {
			ids[id] = true
		}
		return ids
	}
	inA, inB := in(a), in(b)
	sharedA = a.Where(func(i int) bool { return inB[a.rows.ImageIDs[i]] })
	sharedB = b.Where(func(i int) bool { return inA[b.rows.ImageIDs[i]] })
	return sharedA, sharedB, SharedImages{A: a.Len(), B: b.Len(), Both: sharedA.Len()}
}
