package skinattn

import "testing"

// Totals of the authors' Keras network, from their model summaries.
func TestParameterTotals(t *testing.T) {
	cfg, err := DefaultConfig("mobilenet_v2")
	if err != nil {
		t.Fatal(err)
	}
	net, err := NewNetwork(cfg)
	if err != nil {
		t.Fatal(err)
	}
	total, trainable := net.Graph.Parameters()
	if total != 1354714 || trainable != 1334039 {
		t.Errorf("parameters: %d in all, %d trainable; the authors' network has 1354714 and 1334039", total, trainable)
	}
}
