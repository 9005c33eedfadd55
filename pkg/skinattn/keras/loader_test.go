package keras

import (
	"slices"
	"strings"
	"testing"
)

func load(t *testing.T, path string) *Loader {
	t.Helper()
	f, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return NewLoader(f)
}

func TestLoaderTakesEachTensorOnce(t *testing.T) {
	l := load(t, "testdata/model.hdf5")
	for i, w := range want {
		weight := w.fill[strings.LastIndexByte(w.fill, '/')+1:]
		if unused := l.Unused(); len(unused) != len(want)-i || unused[0] != w.layer+": "+w.name {
			t.Errorf("unused %q before %s is taken", unused, w.name)
		}
		data, err := l.Take(w.layer, weight, w.shape...)
		if err != nil || !slices.Equal(data, FillByName(w.fill, w.shape)) {
			t.Errorf("%s: %v, %v", w.name, data, err)
		}
		_, err = l.Take(w.layer, weight, w.shape...)
		expectError(t, err, `tensor "`+w.name+`" is used twice`)
	}
	if err := l.Finish(); err != nil {
		t.Error(err)
	}
}

func TestLoaderErrors(t *testing.T) {
	l := load(t, "testdata/model.hdf5")
	for _, c := range []struct {
		layer, weight string
		shape         []int
		text          string
	}{
		{"conv", "kernel", []int{1, 1, 3, 2}, `layer "conv": tensor "conv/kernel:0" has shape [1 1 2 3] where the network has [1 1 3 2]`},
		{"conv", "kernel", []int{6}, "has shape [1 1 2 3] where the network has [6]"},
		{"normalization", "mean", []int{1}, `tensor "mean:0" has shape [] where the network has [1]`},
		{"conv", "gamma", []int{3}, `layer "conv": no weight "gamma" among conv/kernel:0, conv/bias:0`},
		{"input_1", "kernel", []int{3}, `layer "input_1": no weight "kernel": the layer has no weights in this file`},
		{"conv_1", "kernel", []int{3}, `no layer "conv_1" (its layers with weights start with conv, block_1/bn, normalization, dense)`},
	} {
		_, err := l.Take(c.layer, c.weight, c.shape...)
		expectError(t, err, "testdata/model.hdf5: ", c.text)
	}
	if len(l.Unused()) != len(want) {
		t.Error("a failed Take used up a tensor")
	}
	expectError(t, l.Finish(), "8 of 8 tensors have no place in the network: conv: conv/kernel:0, conv: conv/bias:0, block_1/bn: block_1/bn/gamma:0 and 5 more")
}

func TestLoaderIgnoresLayersAfterTheCut(t *testing.T) {
	l := load(t, "testdata/weights_fixed.h5")
	if _, err := l.Take("conv", "kernel", 1, 1, 2, 3); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Take("conv", "bias", 3); err != nil {
		t.Fatal(err)
	}
	if err := l.Finish("block_1/bn", "normalization", "dense"); err != nil {
		t.Error(err)
	}
	expectError(t, l.Finish("block_1/bn", "normalization"), "1 of 8 tensors have no place in the network: dense: dense/kernel:0; is it another network?")
}

func TestUnlistedTensorsAreLeftOver(t *testing.T) {
	l := load(t, "testdata/broken_unlisted.h5")
	for _, w := range want {
		if w.layer == "conv" || w.layer == "dense" {
			weight := w.fill[strings.LastIndexByte(w.fill, '/')+1:]
			if _, err := l.Take(w.layer, weight, w.shape...); err != nil {
				t.Fatal(err)
			}
		}
	}
	expectError(t, l.Finish(), "conv/conv/extra:0 (in no layer's weight_names)")
	if err := l.Finish("conv"); err != nil {
		t.Error(err)
	}
}

func TestOldNames(t *testing.T) {
	l := load(t, "testdata/old_names.h5")
	if data, err := l.Take("block1_conv1", "kernel", 1, 1, 1, 2); err != nil || len(data) != 2 {
		t.Errorf("%v, %v", data, err)
	}
	if data, err := l.Take("block1_conv1", "bias", 2); err != nil || len(data) != 2 {
		t.Errorf("%v, %v", data, err)
	}
	if err := l.Finish(); err != nil {
		t.Error(err)
	}
}

func TestModernName(t *testing.T) {
	for old, today := range map[string]string{
		"kernel": "kernel", "kernel_1": "kernel", "block1_conv1_W": "kernel", "block1_conv1_W_1": "kernel", "fc1_b_1": "bias",
		"bn2a_branch2a_gamma": "gamma", "bn2a_branch2a_beta": "beta", "bn_conv1_running_mean": "moving_mean",
		"bn_conv1_running_std": "moving_variance", "moving_variance": "moving_variance", "depthwise_kernel_12": "depthwise_kernel",
		"bias_conv3d": "bias_conv3d",
	} {
		if got := modernName(old); got != today {
			t.Errorf("%s: %s, want %s", old, got, today)
		}
	}
}

func TestAmbiguousWeight(t *testing.T) {
	f := &File{Path: "nested.h5", Layers: []string{"model"}, byLayer: map[string][]int{"model": {0, 1, 2}}, Tensors: []Tensor{
		{Name: "a/kernel:0", Layer: "model"}, {Name: "b/kernel:0", Layer: "model"}, {Name: "c_W:0", Layer: "model"},
	}}
	_, err := NewLoader(f).Take("model", "kernel")
	expectError(t, err, `layer "model": both "a/kernel:0" and "b/kernel:0" could be its "kernel"`)
}

func TestNumbered(t *testing.T) {
	f := &File{Layers: []string{"dense_11", "conv2d_9", "dense_2", "dense", "dense_x", "dense_", "denser", "conv2d_10", "dense_1_bn"}}
	for class, want := range map[string][]string{
		"dense": {"dense", "dense_2", "dense_11"}, "conv2d": {"conv2d_9", "conv2d_10"}, "normalization": nil,
	} {
		if got := f.Numbered(class); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", class, got, want)
		}
	}
}
