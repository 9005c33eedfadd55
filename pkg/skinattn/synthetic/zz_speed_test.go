package synthetic

import (
	"context"
	"testing"
	"time"
)

func TestSpeed(t *testing.T) {
	t0 := time.Now()
	if err := Generate(context.Background(), "/tmp/syn600", Options{Masks: true}, nil); err != nil {
		t.Fatal(err)
	}
	t.Log(time.Since(t0))
}
