package spec_test

import (
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

func TestEveryRegimeIsInOrder(t *testing.T) {
	for _, name := range spec.Names() {
		for _, network := range append([]string{""}, backbone.Names()...) {
			r, err := spec.For(name, network)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Check(ham10000.NumClasses); err != nil {
				t.Errorf("%s on %q: %v", name, network, err)
			}
		}
	}
}
