package training

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/skinattn/skinattn/internal/oneline"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// Preview augments a photo, RGB [p p 3], n times as a regime does in training, by the same
// graph, for people to look at. A photo may be larger than size, as with
// spec.Network.Oversample. Result i has shape [size size 3], is not rounded, and was made by
// transform i. The draws depend on seed and i alone; a training run draws others.
func Preview(backend compute.Backend, reg *spec.Regime, size int, photo []uint8, seed uint64, n int) ([][]float32, []Transform, error) {
	source := int(math.Round(math.Sqrt(float64(len(photo)) / 3)))
	if n < 1 || size < 1 || source < size || len(photo) != source*source*3 {
		return nil, nil, fmt.Errorf("previewing the augmentation: %d values are no square photo of %d x %d pixels or more, or %d copies are no number", len(photo), size, size, n)
	}
	b := Batch{Pixels: tensors.FromFlatDataAndDimensions(photo, 1, source, source, 3), Rows: make([]int32, n), Transforms: make([]Transform, n)}
	for i := range b.Transforms {
		b.Transforms[i] = draw(reg, size, rand.New(rand.NewPCG(seed, uint64(i))))
	}
	// The same inputs as a step's: the graph has no operation that the regime does not use.
	s := &Stepper{net: &skinattn.Network{Network: spec.Network{Size: size, Oversample: float64(source) / float64(size)}}}
	for _, name := range inputsOf(&spec.Regime{Augment: reg.Augment}, source != size) {
		if name <= inRows || name >= inAffine {
			s.inputs = append(s.inputs, name)
		}
	}
	args := make([]any, len(s.inputs))
	for i, name := range s.inputs {
		args[i] = s.feed(name, b, Position{})
	}
	out, err := graph.CallOnce(backend, func(nodes []*graph.Node) *graph.Node {
		return graph.ConvertDType(augmented(named(s.inputs, nodes), size), dtypes.Float32)
	}, args...)
	if err != nil {
		return nil, nil, fmt.Errorf("previewing the augmentation: %w", oneline.Error(err))
	}
	flat, err := tensors.CopyFlatData[float32](out)
	if err != nil {
		return nil, nil, fmt.Errorf("previewing the augmentation: %w", err)
	}
	return slices.Collect(slices.Chunk(flat, size*size*3)), b.Transforms, nil
}

// DrawBatch draws what a regime changes at random in a batch of n photos: the transforms, and
// how photos are mixed, nil where they are not. It is for steps outside of a run, as those
// that are timed; draws of a run differ.
func DrawBatch(reg *spec.Regime, size, n int, seed uint64) ([]Transform, *Blend) {
	entries := make([]entry, n)
	for i := range entries {
		entries[i].id = i
	}
	var blend *Blend
	if reg.Mix != (spec.Mix{}) {
		blend = drawBlend(reg.Mix, size, n, seed, 1, entries[0])
	}
	return transforms(reg, size, seed, 1, entries), blend
}

// FrozenSets is the number of different sets of layers that a regime freezes in its epochs,
// one after the other: each has a program of its own.
func FrozenSets(reg *spec.Regime) int {
	changes := map[int]bool{}
	for _, f := range reg.Freeze {
		if f.Epochs > 0 && f.Epochs < reg.Epochs {
			changes[f.Epochs] = true
		}
	}
	return 1 + len(changes)
}
