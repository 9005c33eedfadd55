package training

import (
	"context"

	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// fedBatch is a batch on its way to the engine.
type fedBatch struct {
	Batch
	indices []int // of its examples
	err     error // the photos can't be read
}

// feed prepares the batches of an epoch in order, ahead of the engine, and closes the
// channel after the last batch or when ctx is done. It leaves out the first skip images
// of the epoch, which an interrupted run was trained on before.
func (t *trainer) feed(ctx context.Context, epoch, skip int) <-chan fedBatch {
	// Batches that wait for the engine, and batches more that the system is asked to read.
	const ahead, wanted = 2, 2
	reg, entries := t.Config.Regime, t.sampler.epoch(epoch)
	batches := make(chan fedBatch, ahead)
	go func() {
		defer close(batches)
		t.readAhead(entries, skip, skip+wanted*reg.Batch)
		for start := skip; start < len(entries); start += reg.Batch {
			t.readAhead(entries, start+wanted*reg.Batch, start+(wanted+1)*reg.Batch)
			b := t.batch(epoch, entries[start:min(start+reg.Batch, len(entries))])
			// select would pick at random if both were ready, so ctx is looked at first.
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

// readAhead asks for the photos of entries from begin up to end, as far as there are so many:
// in the random order of an epoch, the system can't guess them.
func (t *trainer) readAhead(entries []entry, begin, end int) {
	var indices []int
	for _, e := range entries[min(begin, len(entries)):min(end, len(entries))] {
		indices = append(indices, e.example)
	}
	t.Train.photos().Ahead(indices)
}

// batch collects the photos of entries and draws their random transforms.
func (t *trainer) batch(epoch int, entries []entry) fedBatch {
	reg, pixels := t.Config.Regime, t.Config.Network.Size
	b := fedBatch{}
	drawn := transforms(reg, pixels, t.Config.Seed, epoch, entries)
	b.Transforms = drawn
	for i, e := range entries {
		b.indices = append(b.indices, e.example)
		b.Rows = append(b.Rows, int32(i))
		b.Labels = append(b.Labels, t.Train.labels[e.example])
		b.Metadata = append(b.Metadata, drawn[i].hide(t.Train.metadata[e.example], t.meanAge))
	}
	if reg.Mix != (spec.Mix{}) {
		b.Blend = drawBlend(reg.Mix, pixels, len(entries), t.Config.Seed, epoch, entries[0])
	}
	b.Pixels, b.err = t.Train.photos().Tensor(b.indices, t.trained.PhotoShape())
	return b
}
