package skinattn

import (
	"fmt"
	"testing"
	"time"

	"github.com/skinattn/skinattn/internal/simd"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/infer"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// BenchmarkKernels measures making and running the plan of every network, with one image and a batch. The best of all rounds
// counts least what else the machine does.
func BenchmarkKernels(b *testing.B) {
	level, _ := simd.Best()
	for _, row := range backbone.Table {
		cfg, err := AuthorsNetwork(row.Name, spec.Metadata)
		if err != nil {
			b.Fatal(err)
		}
		net, err := NewNetwork(cfg)
		if err != nil {
			b.Fatal(err)
		}
		weights := map[string][]float32{}
		for _, v := range net.Graph.Variables() {
			weights[v.Path()] = keras.FillByName(v.Layer+"/"+v.Name, v.Shape)
		}
		compile := func() *infer.Plan {
			plan, err := infer.Compile(net.Graph, func(path string) ([]float32, error) { return weights[path], nil }, []string{net.Output},
				infer.Options{Level: level, Pixels: map[string]*infer.Pixels{backbone.InputLayer: {Order: net.ChannelOrder, Scaling: net.Preprocess.Scaling()}}})
			if err != nil {
				b.Fatal(err)
			}
			return plan
		}
		b.Run(row.Name+"/compile", func(b *testing.B) {
			for b.Loop() {
				compile()
			}
		})
		plan := compile()
		for _, n := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s/%d", row.Name, n), func(b *testing.B) {
				inputs := map[string]infer.Input{
					backbone.InputLayer: {Bytes: make([]uint8, n*net.Size*net.Size*3)},
					AgeInput:            {Floats: make([]float32, n)}, SexInput: {Floats: make([]float32, n*sexWidth)}, LocalizationInput: {Floats: make([]float32, n*localizationWidth)}}
				for i := range inputs[backbone.InputLayer].Bytes {
					inputs[backbone.InputLayer].Bytes[i] = uint8(i * i >> 3)
				}
				result := make([]float32, n*7)
				best := time.Hour
				for b.Loop() {
					start := time.Now()
					if err := plan.Run(b.Context(), n, inputs, [][]float32{result}); err != nil {
						b.Fatal(err)
					}
					best = min(best, time.Since(start))
				}
				b.ReportMetric(float64(n)/best.Seconds(), "images/s-at-best")
			})
		}
	}
}
