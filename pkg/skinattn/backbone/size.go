package backbone

import (
	"cmp"
	"fmt"
)

// SizeError says that an input is too small for a network.
type SizeError struct {
	Backbone string
	Cut      string // the layer whose map is too small
	Size     int    // pixels
	Least    int    // least size in pixels that is enough
	Err      error  // why the network can't be built; nil if its map has one position alone
}

func (e *SizeError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%d px is too small for %s; the least size is %d px", e.Size, e.Backbone, e.Least)
	}
	return fmt.Sprintf("at %d px the map of %s at %s has 1x1 positions, among which attention can't choose; the least size is %d px", e.Size, e.Backbone, e.Cut, e.Least)
}

// Unwrap returns why the network can't be built.
func (e *SizeError) Unwrap() error { return e.Err }

// CheckSize returns a *SizeError if the network can't be built for an input of size x size
// pixels (0: its own), or if the map at the cut (empty: the first of the table) has a
// single position. A layer that has one at the network's own size, too, is no error, nor is
// a cut that the network does not have.
func (b *Backbone) CheckSize(size int, cut string) error {
	size, cut = cmp.Or(size, b.Input), cmp.Or(cut, b.Cuts[0].Layer)
	enough, err := b.mapped(size, cut)
	if enough {
		return nil
	}
	for least := size + 1; least <= b.Input; least++ {
		if enough, _ := b.mapped(least, cut); enough {
			return &SizeError{b.Name, cut, size, least, err}
		}
	}
	return nil
}

// mapped reports whether the map at a cut has several positions.
func (b *Backbone) mapped(size int, cut string) (bool, error) {
	whole, err := b.Graph(size)
	if err != nil {
		return false, err
	}
	part, err := whole.Cut(cut)
	if err != nil {
		return false, nil
	}
	out := part.Last().Out
	return len(out) == 3 && out[0]*out[1] > 1, nil
}
