package imaging

import (
	"slices"
	"testing"
)

// TestCaffeOnBGR spells out the input of the authors' ResNets: red minus the
// mean of blue comes first (values by hand).
func TestCaffeOnBGR(t *testing.T) {
	pixels := make([]float32, 3)
	BGROrder.Floats(pixels, []uint8{200, 100, 50})
	if !slices.Equal(pixels, []float32{50, 100, 200}) {
		t.Fatalf("BGR order gives %v", pixels)
	}
	if err := PreprocessCaffe.Apply(pixels, pixels); err != nil {
		t.Fatal(err)
	}
	if want := []float32{200 - 103.939, 100 - 116.779, 50 - 123.68}; !slices.Equal(pixels, want) {
		t.Errorf("got %v, want %v", pixels, want)
	}
}

func TestOrderFloatsAndReorderAgree(t *testing.T) {
	rgb := pattern(5, 3).Pix
	for _, o := range []Order{RGBOrder, BGROrder} {
		direct, later := make([]float32, len(rgb)), make([]float32, len(rgb))
		o.Floats(direct, rgb)
		RGBOrder.Floats(later, rgb)
		o.Reorder(later)
		if !slices.Equal(direct, later) {
			t.Errorf("%v: Floats and Reorder differ", o)
		}
	}
}

func TestApplyRefuses(t *testing.T) {
	src := []float32{1, 2, 3, 4, 5, 6}
	tests := []struct {
		name string
		mode Preprocess
		dst  []float32
		src  []float32
	}{
		{"unknown mode", "keras", make([]float32, 6), src},
		{"no mode", "", make([]float32, 6), src},
		{"short destination", PreprocessTF, make([]float32, 3), src},
		{"half a pixel", PreprocessTF, make([]float32, 4), src[:4]},
	}
	for _, tc := range tests {
		if err := tc.mode.Apply(tc.dst, tc.src); err == nil {
			t.Errorf("%s: no error", tc.name)
		}
		if slices.ContainsFunc(tc.dst, func(v float32) bool { return v != 0 }) {
			t.Errorf("%s: destination was written", tc.name)
		}
	}
}
