package keras

import (
	"math"
	"testing"
)

// Values that tools/golden/keras/fill.py gives (NumPy 1.26): the first three, the
// last, and the sum in float64.
func TestFillByName(t *testing.T) {
	for _, c := range []struct {
		name  string
		shape []int
		first []float32
		last  float32
		sum   float64
	}{
		{"block_1_expand/kernel", []int{1, 1, 16, 96}, []float32{0.277293921, -0.229693219, -0.405459434}, -0.51347959, 1.3681131838238798},
		{"block_1_depthwise/depthwise_kernel", []int{3, 3, 96, 1}, []float32{-0.0298774801, 0.122328363, -0.194809139}, -0.134988517, 1.9927660817629658},
		{"soft_attention/kernel_conv3d", []int{960, 3, 3, 1, 16}, []float32{0.189990461, -0.200827807, 0.265175551}, -0.0397283211, 57.28440639734772},
		{"bn_Conv1/gamma", []int{32}, []float32{1.10194778, 0.760339141, 1.21783924}, 0.929091275, 32.14048671722412},
		{"bn_Conv1/beta", []int{32}, []float32{0.0936722532, -0.0295315143, 0.0702862516}, 0.0850358158, 0.6297891286667436},
		{"normalization/mean", nil, []float32{46.9291229}, 46.9291229, 46.92912292480469},
		{"normalization/variance", nil, []float32{312.993347}, 312.993347, 312.99334716796875},
		{"normalization/count", nil, []float32{9958}, 9958, 9958},
	} {
		got := FillByName(c.name, c.shape)
		for i, want := range c.first {
			if got[i] != want {
				t.Errorf("%s: value %d is %.9g, want %.9g", c.name, i, got[i], want)
			}
		}
		if last := got[len(got)-1]; last != c.last {
			t.Errorf("%s: last value %.9g, want %.9g", c.name, last, c.last)
		}
		sum := 0.0
		for _, v := range got {
			sum += float64(v)
		}
		if math.Abs(sum-c.sum) > 1e-9*float64(len(got)) { // NumPy adds in another order
			t.Errorf("%s: sum %v, want %v", c.name, sum, c.sum)
		}
	}
}

// Pixels and sums from tools/golden/keras/fill.py.
func TestFillImage(t *testing.T) {
	for _, c := range []struct {
		name          string
		size          int
		first, middle [3]float32 // the middle is at row size/2, column size/3
		last          [3]float32
		sum           float64
	}{
		{"golden/a", 8, [3]float32{59, 24, 151}, [3]float32{139, 135, 81}, [3]float32{123, 121, 45}, 23802},
		{"golden/b", 50, [3]float32{212, 203, 142}, [3]float32{90, 146, 177}, [3]float32{164, 111, 97}, 926132},
		{"golden/a", 224, [3]float32{59, 24, 151}, [3]float32{116, 126, 100}, [3]float32{240, 92, 125}, 18709158},
	} {
		got := FillImage(c.name, c.size)
		if len(got) != c.size*c.size*3 {
			t.Fatalf("%d values", len(got))
		}
		pixel := func(y, x int) [3]float32 { return [3]float32(got[(y*c.size+x)*3:]) }
		if p := pixel(0, 0); p != c.first {
			t.Errorf("%s %d: first pixel %v, want %v", c.name, c.size, p, c.first)
		}
		if p := pixel(c.size/2, c.size/3); p != c.middle {
			t.Errorf("%s %d: middle pixel %v, want %v", c.name, c.size, p, c.middle)
		}
		if p := pixel(c.size-1, c.size-1); p != c.last {
			t.Errorf("%s %d: last pixel %v, want %v", c.name, c.size, p, c.last)
		}
		sum := 0.0
		for _, v := range got {
			sum += float64(v)
		}
		if sum != c.sum {
			t.Errorf("%s %d: sum %v, want %v", c.name, c.size, sum, c.sum)
		}
	}
}

// The first outputs of the published C code of splitmix64 from seed 1234567.
func TestNoise(t *testing.T) {
	n := noise(1234567)
	for i, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821} {
		if got := n.next(); got != want {
			t.Errorf("number %d: %d, want %d", i, got, want)
		}
	}
}
