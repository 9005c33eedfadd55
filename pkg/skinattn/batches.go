package skinattn

import (
	"context"
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/oneline"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// batches feeds a compiled graph with n images, size at a time. A batch that is
// not full is padded with zeros, so that all have one shape and are compiled once.
type batches struct {
	doing   string // for errors
	n, size int
	shape   layers.Shape // of an image
	// image writes the i-th image to dst.
	image func(i int, dst []float32)
	// more, if not nil, gives what the graph takes beside the images start to end-1.
	more func(start, end int) []*tensors.Tensor
}

// run calls exec batch by batch, and use with its outputs, each with a row for
// every image of the batch and for the padding behind them.
func (b batches) run(ctx context.Context, exec *model.Exec, use func(start, end int, outputs [][]float32) error) error {
	values := b.shape.Size()
	for start := 0; start < b.n; start += b.size {
		if err := ctx.Err(); err != nil {
			return err
		}
		end := min(start+b.size, b.n)
		pixels := make([]float32, b.size*values)
		for i := start; i < end; i++ {
			b.image(i, row(pixels, i-start, values))
		}
		feed := []any{tensors.FromFlatDataAndDimensions(pixels, append([]int{b.size}, b.shape...)...)}
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

func row(flat []float32, i, width int) []float32 { return flat[i*width : (i+1)*width : (i+1)*width] }
