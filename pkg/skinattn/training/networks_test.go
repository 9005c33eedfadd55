package training

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/regime"
)

var long = flag.Bool("long", false, "also the tests that take minutes")

// smallSizes are image sizes at which the map at the cut still has four
// positions: with one, the attention has nothing to choose.
func smallSize(name string) int {
	if name == "inception_resnet_v2" {
		return 128
	}
	return 64
}

// One step reaches every trainable variable of every network, and moves every
// moving average; the loss is a number.
func TestStepReachesEveryVariable(t *testing.T) {
	for _, b := range backbone.Table {
		t.Run(b.Name, func(t *testing.T) {
			start := time.Now()
			cfg, err := skinattn.DefaultConfig(b.Name)
			if err != nil {
				t.Fatal(err)
			}
			cfg.Size = smallSize(b.Name)
			net, err := skinattn.NewNetwork(cfg)
			if err != nil {
				t.Fatal(err)
			}
			store := model.NewStore()
			if err := layers.Initialize(store, net.Graph.Variables(), 1); err != nil {
				t.Fatal(err)
			}
			eng := testEngine
			if e := os.Getenv("TRY_ENGINE"); e != "" {
				eng, err = engine.Open(context.Background(), e, engine.Options{})
				if err != nil {
					t.Fatal(err)
				}
			}
			stepper, err := NewStepper(eng.Backend, store, net, &regime.Regime{LearningRate: 1e-3, Beta1: .9, Beta2: .999, Epsilon: 1e-7}, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer stepper.Close()
			before := map[string][]float32{}
			for _, v := range net.Graph.Variables() {
				before[v.Path()] = slices.Clone(tensors.MustCopyFlatData[float32](store.GetVariable(v.Path()).MustValue()))
			}
			loss, _, err := stepper.Step(noiseBatch(cfg.Size, 2), Position{Epoch: 1, Step: 1, Update: 1, Rate: 1e-3})
			if err != nil {
				t.Fatal(err)
			}
			if math.IsNaN(loss) || math.IsInf(loss, 0) {
				t.Errorf("the loss is %g", loss)
			}
			for _, v := range net.Graph.Variables() {
				if !v.Trainable && v.Layer == skinattn.NormalizationLayer {
					continue
				}
				after := tensors.MustCopyFlatData[float32](store.GetVariable(v.Path()).MustValue())
				if slices.Equal(after, before[v.Path()]) {
					t.Errorf("%s has not moved", v.Path())
				}
				if slices.ContainsFunc(after, func(x float32) bool { return math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) }) {
					t.Errorf("%s is not finite", v.Path())
				}
			}
			fmt.Println(b.Name, time.Since(start))
		})
	}
}

// noiseBatch are n noise images of different classes.
func noiseBatch(size, n int) Batch {
	b := Batch{Metadata: make([]skinattn.Metadata, n)}
	var pixels []uint8
	for i := range n {
		for j := range size * size * 3 {
			pixels = append(pixels, uint8((j*7919+i*104729)>>3))
		}
		b.Rows, b.Labels = append(b.Rows, int32(i)), append(b.Labels, int32(i%7))
		b.Metadata[i] = skinattn.Metadata{Age: float64(30 + 10*i), Sex: "male", Localization: "back"}
	}
	b.Pixels = tensors.FromFlatDataAndDimensions(pixels, n, size, size, 3)
	return b
}
