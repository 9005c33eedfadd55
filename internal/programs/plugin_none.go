//go:build !cgo || !linux

package programs

import "errors"

// Plugin needs cgo and Linux.
func (c *Cache) Plugin(string, bool, func(string)) (uintptr, bool, error) {
	return 0, false, errors.ErrUnsupported
}

// Counts tells what became of the programs that were asked for.
type Counts struct{ Loaded, Compiled int }

// Counted returns zeros.
func Counted() Counts { return Counts{} }
