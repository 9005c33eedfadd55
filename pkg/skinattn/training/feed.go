package training

import (
	"context"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// fedBatch is a batch on its way to the engine.
type fedBatch struct {
	Batch
	indices []int // of its examples
}

// feed prepares the batches of an epoch, but for its first images, ahead of the
// engine, in order, until they are done or ctx is.
func (t *trainer) feed(ctx context.Context, epoch, skip int) <-chan fedBatch {
	const ahead = 2
	reg, entries := t.Config.Regime, t.sampler.epoch(epoch)
	batches := make(chan fedBatch, ahead)
	go func() {
		defer close(batches)
		for start := skip; start < len(entries); start += reg.Batch {
			b := t.batch(epoch, entries[start:min(start+reg.Batch, len(entries))])
			// Select picks at random when both are ready: look at ctx first.
			if ctx.Err() != nil {
				return
			}
			select {
			case batches <- b:
			case <-ctx.Done():
				return
			}
		}
	}()
	return batches
}

// batch collects the photos of entries and draws what is random about them.
func (t *trainer) batch(epoch int, entries []entry) fedBatch {
	reg, pixels := t.Config.Regime, t.Config.Network.Size
	b := fedBatch{}
	drawn := transforms(reg, pixels, t.Config.Seed, epoch, entries)
	if reg.Augment != (spec.Augment{}) {
		b.Transforms = drawn
	}
	for i, e := range entries {
		b.indices = append(b.indices, e.example)
		b.Rows = append(b.Rows, int32(i))
		b.Labels = append(b.Labels, t.Train.labels[e.example])
		b.Metadata = append(b.Metadata, drawn[i].hide(t.Train.metadata[e.example], t.meanAge))
	}
	if reg.Mix != (spec.Mix{}) {
		b.Blend = drawBlend(reg.Mix, pixels, len(entries), t.Config.Seed, epoch, entries[0])
	}
	b.Pixels = t.inputs(entries)
	return b
}

// inputs are the photos of entries, or their features.
func (t *trainer) inputs(entries []entry) *tensors.Tensor {
	if features := t.Train.features; features != nil {
		flat := make([]float32, len(entries)*features.width)
		for i, e := range entries {
			features.read(e.example, flat[i*features.width:])
		}
		return tensors.FromFlatDataAndDimensions(flat, append([]int{len(entries)}, t.net.FeatureShape()...)...)
	}
	pixels := t.Config.Network.Size
	flat := make([]uint8, len(entries)*pixels*pixels*3)
	for i, e := range entries {
		copy(flat[i*pixels*pixels*3:], t.Train.Images(e.example))
	}
	return tensors.FromFlatDataAndDimensions(flat, len(entries), pixels, pixels, 3)
}
