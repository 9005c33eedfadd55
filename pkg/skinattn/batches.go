package skinattn

import (
	"context"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/oneline"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// batches feeds a compiled graph with n images, size at a time. A batch that is
// not full is padded with zeros, so that all have one shape and are compiled once.
type batches struct {
	doing   string // for errors
	backend compute.Backend
	n, size int
	shape   layers.Shape // of an image
	images  Images
	// more, if not nil, gives what the graph takes beside the images start to end-1.
	more func(start, end int) []*tensors.Tensor
}

// run calls exec batch by batch, and use with its outputs, each with a row for
// every image of the batch and for the padding behind them.
func (b batches) run(ctx context.Context, exec *model.Exec, use func(start, end int, outputs [][]float32) error) error {
	// In memory that the engine reads, where it can: on a CPU nothing is copied.
	input, err := tensors.FromShapeForBackend(b.backend, 0, shapes.Make(b.images.dtype(), append([]int{b.size}, b.shape...)...))
	if err != nil {
		return fmt.Errorf("%s: %w", b.doing, err)
	}
	defer input.FinalizeAll() // the garbage collector knows nothing of its size
	for start := 0; start < b.n; start += b.size {
		if err := ctx.Err(); err != nil {
			return err
		}
		end := min(start+b.size, b.n)
		// The engine is done with the batch before, whose outputs have been read.
		if err := b.images.fill(input, start, end); err != nil {
			return fmt.Errorf("%s: %w", b.doing, err)
		}
		feed := []any{input}
		if b.more != nil {
			for _, t := range b.more(start, end) {
				feed = append(feed, t)
			}
		}
		results, err := exec.Call(feed...)
		if err != nil {
			return fmt.Errorf("%s: %w", b.doing, oneline.Error(err))
		}
		outputs := make([][]float32, len(results))
		for i, r := range results {
			if outputs[i], err = tensors.CopyFlatData[float32](r); err != nil {
				return fmt.Errorf("%s: %w", b.doing, err)
			}
		}
		if err := use(start, end, outputs); err != nil {
			return err
		}
	}
	return nil
}

func row[T any](flat []T, i, width int) []T { return flat[i*width : (i+1)*width : (i+1)*width] }
