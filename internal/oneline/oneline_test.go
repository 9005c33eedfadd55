package oneline

import (
	"errors"
	"testing"
)

func TestError(t *testing.T) {
	for text, want := range map[string]string{
		"broken":              "broken",
		"broken\n\tat a.go:1": "broken",
		"":                    "",
	} {
		if got := Error(errors.New(text)).Error(); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
