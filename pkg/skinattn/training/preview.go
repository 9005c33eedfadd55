package training

import (
	"fmt"
	"math/rand/v2"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/skinattn/skinattn/internal/oneline"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// Preview augments a photo, RGB [size size 3], n times as a regime does in training, by the
// same graph, for people to look at. Result i has the same shape, is not rounded, and was
// made by transform i. The draws depend on seed and i alone; a training run draws others.
func Preview(backend compute.Backend, reg *spec.Regime, size int, photo []uint8, seed uint64, n int) ([][]float32, []Transform, error) {
	if n < 1 || size < 1 || len(photo) != size*size*3 {
		return nil, nil, fmt.Errorf("previewing the augmentation: %d values are no photo of %d x %d pixels, or %d copies are no number", len(photo), size, size, n)
	}
	drawn := make([]Transform, n)
	affine, colours, boxes := make([][]float32, n), make([][]float32, n), make([][]float32, n)
	for i := range drawn {
		t := draw(reg, size, rand.New(rand.NewPCG(seed, uint64(i))))
		matrix := t.Affine(size)
		drawn[i], affine[i], boxes[i] = t, matrix[:], t.Cutout[:]
		colours[i] = []float32{float32(t.Brightness), float32(t.Contrast), float32(t.Saturation)}
	}
	// The same inputs as a step's: the graph has no operation that the regime does not use.
	values := map[input]any{inPixels: tensors.FromFlatDataAndDimensions(photo, 1, size, size, 3), inRows: make([]int32, n),
		inAffine: affine, inColours: colours, inCutout: boxes}
	var fed []input
	var args []any
	for _, in := range inputsOf(&spec.Regime{Augment: reg.Augment}) {
		if value, used := values[in]; used {
			fed, args = append(fed, in), append(args, value)
		}
	}
	out, err := graph.CallOnce(backend, func(nodes []*graph.Node) *graph.Node {
		in := map[input]*graph.Node{}
		for i, node := range nodes {
			in[fed[i]] = node
		}
		return graph.ConvertDType(augmented(in), graph.Const(nodes[0].Graph(), float32(0)).DType())
	}, args...)
	if err != nil {
		return nil, nil, fmt.Errorf("previewing the augmentation: %w", oneline.Error(err))
	}
	flat, err := tensors.CopyFlatData[float32](out)
	if err != nil {
		return nil, nil, fmt.Errorf("previewing the augmentation: %w", err)
	}
	photos := make([][]float32, n)
	for i := range photos {
		photos[i] = flat[i*len(photo) : (i+1)*len(photo)]
	}
	return photos, drawn, nil
}
