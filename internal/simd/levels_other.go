//go:build !amd64

package simd

var levels = []Level{Generic}
