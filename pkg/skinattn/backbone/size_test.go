package backbone

import (
	"errors"
	"testing"
)

// The least sizes follow from Keras's strides and paddings by hand: five convolutions with
// stride 2 and padding "same" leave ceil(n/32) positions a side, so 33 pixels leave two.
// MobileNetV2's cut and ResNet50's lie behind five. InceptionResNetV2's first layers have
// no padding; leastInception goes through them backwards.
func TestLeastSize(t *testing.T) {
	for name, want := range map[string]int{"mobilenet_v2": 33, "resnet50": 33, "mobilenet_v3_small": 33, "inception_resnet_v2": leastInception(2)} {
		b, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.CheckSize(want, ""); err != nil {
			t.Errorf("%s at %d px: %v", name, want, err)
		}
		small, ok := errors.AsType[*SizeError](b.CheckSize(want-1, ""))
		if !ok || small.Least != want || small.Size != want-1 {
			t.Errorf("%s at %d px: %v, want the least size %d", name, want-1, small, want)
		}
	}
	b, err := Find("mobilenet_v2")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.CheckSize(0, ""); err != nil {
		t.Errorf("the network's own size: %v", err)
	}
	if err := b.CheckSize(32, "no_such_layer"); err != nil {
		t.Errorf("a cut that is not there is not about size: %v", err)
	}
}

// leastInception is the least input of InceptionResNetV2 whose last map has n positions a
// side. Its stem has, in this order, 3x3/2, 3x3, 3x3 padded, pool 3x3/2, 1x1, 3x3, pool
// 3x3/2, and two reductions of 3x3/2, without padding but for the one.
func leastInception(n int) int {
	for _, layer := range []string{"/2", "/2", "/2", "3", "/2", "3", "/2"} {
		if layer == "3" {
			n += 2
		} else {
			n = 2*(n-1) + 3
		}
	}
	return n
}
