// Package oneline makes errors fit for people: GoMLX and XLA add stack traces to
// theirs, below the first line.
package oneline

import (
	"errors"
	"strings"
)

// Error is an error with the first line of err's text.
func Error(err error) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(line)
}
