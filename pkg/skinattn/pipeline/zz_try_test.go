package pipeline

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/skinattn/skinattn/pkg/skinattn"
)

func TestTry(t *testing.T) {
	for _, path := range []string{"/tmp/keras_mnv2_full.h5", "/tmp/keras_mnv2_model.hdf5"} {
		start := time.Now()
		got, err := Import(ImportOptions{Keras: path, Backbone: "mobilenet_v2", Dir: t.TempDir() + "/a/b", Log: func(l string) { fmt.Println(l) }})
		fmt.Println(time.Since(start))
		text, _ := json.MarshalIndent(got, "", " ")
		fmt.Println(string(text), err)
	}
	for _, path := range []string{"/work/shared/weights/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"} {
		got, err := CheckWeights(ImportOptions{Keras: path, Backbone: "mobilenet_v2", Dir: t.TempDir() + "/a/b", Log: func(l string) { fmt.Println(l) }})
		text, _ := json.MarshalIndent(got, "", " ")
		fmt.Println(string(text), err)
	}
	cfg := DefaultCfg(t)
	for _, size := range []int{64, 96, 128, 224, 256, 300} {
		c := cfg
		c.Size = size
		path := fileOf(t, c).save(t, "x.h5")
		start := time.Now()
		got, err := CheckWeights(ImportOptions{Keras: path, Backbone: "mobilenet_v2", Log: func(l string) { fmt.Println(l) }})
		fmt.Println(size, got.Network, got.Problems, err, time.Since(start))
	}
}

func DefaultCfg(t *testing.T) skinattn.Config {
	cfg, err := skinattn.DefaultConfig("mobilenet_v2")
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}
