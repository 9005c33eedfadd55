//go:build !cgo

package engine

// XLABuilt reports whether this program was built with XLA, which needs cgo.
const XLABuilt = false

func openXLA(string, string, string, map[string]any, Options) (*Engine, error) {
	return nil, ErrNotBuilt
}
