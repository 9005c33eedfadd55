//go:build !linux

package programs

import "errors"

// FileSHA256 needs Linux.
func FileSHA256(string) (string, error) { return "", errors.ErrUnsupported }
