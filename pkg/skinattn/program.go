package skinattn

import (
	"context"
	"fmt"
	"math/bits"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/oneline"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// Program is a graph that takes a batch of images, and possibly more inputs, and runs over
// any number of images batch by batch. It is compiled when [Program.Run] first meets a batch
// size or number type, which takes seconds, with large networks a minute. A Program is
// not for use by several goroutines at once.
type Program struct {
	doing   string // for errors, such as "predicting"
	backend compute.Backend
	store   *model.Store
	build   func(in []*graph.Node) []*graph.Node
	exec    *model.Exec  // nil until the engine is first needed
	shape   layers.Shape // of an image
	batch   int
	kernels *kernels // compute in place of the engine; nil: none
}

// NewProgram prepares the graph that build makes of its inputs: images [B shape...] and
// Feed.Inputs. Every input and output has B rows. Variables are in store. At most batch
// images, a power of two, are computed at a time. The texts of errors begin with doing.
// The engine behind backend may be one that starts when it is needed ([engine.Deferred]). Close the program after use.
func NewProgram(doing string, backend compute.Backend, store *model.Store, shape layers.Shape, batch int, build func(in []*graph.Node) []*graph.Node) (*Program, error) {
	p := &Program{doing: doing, backend: backend, store: store, build: build, shape: shape, batch: batch}
	if !engine.Waits(backend) {
		if err := p.start(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// start starts the engine, if need be, and prepares the graph for it.
func (p *Program) start() error {
	if p.exec != nil {
		return nil
	}
	backend, err := engine.Started(p.backend)
	if err != nil {
		return fmt.Errorf("%s: %w", p.doing, err)
	}
	exec, err := model.NewExec(backend, p.store, func(_ *model.Scope, in []*graph.Node) []*graph.Node { return p.build(in) })
	if err != nil {
		return fmt.Errorf("%s: preparing the network: %w", p.doing, err)
	}
	p.backend, p.exec = backend, exec
	return nil
}

// Feed is the input of a Program.
type Feed struct {
	Images Images
	Inputs []Input
	// Outputs is the number of outputs, from the first, that are copied back from the
	// engine; 0 means all.
	Outputs int
	// Progress, if not nil, gets the number of finished images after each batch.
	Progress func(done, total int)
}

// Input makes a batch of a further input: a row for each of the images from start up to
// end, and padding up to the given number of rows.
type Input func(start, end, rows int) *tensors.Tensor

// Run computes the outputs for all images and calls use with the outputs of each image, in
// order. The slices, one for each output that is copied, are reused: use must not keep them. A batch
// that is not full is padded, so that a few compiled graphs, with a power of two images
// each, serve any number of images.
func (p *Program) Run(ctx context.Context, feed Feed, use func(i int, outputs [][]float32) error) error {
	if plan, err := p.kernels.current(); err != nil {
		return fmt.Errorf("%s: %w", p.doing, err)
	} else if plan != nil {
		return p.kernels.run(ctx, p, plan, feed, use)
	}
	if err := p.start(); err != nil {
		return err
	}
	n := feed.Images.Len()
	size := min(p.batch, powerOfTwo(n))
	// In memory that the engine reads, where it can: on a CPU nothing is copied.
	images, err := tensors.FromShapeForBackend(p.backend, 0, feed.Images.batch(size, p.shape))
	if err != nil {
		return fmt.Errorf("%s: %w", p.doing, err)
	}
	defer images.FinalizeAll() // the garbage collector does not know its size
	for start := 0; start < n; start += size {
		if err := ctx.Err(); err != nil {
			return err
		}
		end := min(start+size, n)
		indices := numbers(start, end)
		feed.Images.Ahead(numbers(end, min(end+size, n)))
		// The engine is done with the batch before: its outputs have been read.
		if err := feed.Images.fill(images, indices); err != nil {
			return fmt.Errorf("%s: %w", p.doing, err)
		}
		inputs := []any{images}
		for _, input := range feed.Inputs {
			inputs = append(inputs, input(start, end, size))
		}
		outputs, err := p.call(inputs, feed.Outputs)
		if err != nil {
			return fmt.Errorf("%s: %w", p.doing, err)
		}
		rows := make([][]float32, len(outputs))
		for i := start; i < end; i++ {
			for k, output := range outputs {
				rows[k] = row(output, i-start, len(output)/size)
			}
			if err := use(i, rows); err != nil {
				return err
			}
		}
		if feed.Progress != nil {
			feed.Progress(end, n)
		}
	}
	return nil
}

// call computes a batch and copies the first outputs back, all with 0.
func (p *Program) call(inputs []any, outputs int) ([][]float32, error) {
	results, err := p.exec.Call(inputs...)
	if err != nil {
		return nil, oneline.Error(err)
	}
	defer func() {
		for _, r := range results {
			r.FinalizeAll()
		}
	}()
	if outputs == 0 {
		outputs = len(results)
	}
	copies := make([][]float32, outputs)
	for k := range copies {
		if copies[k], err = tensors.CopyFlatData[float32](results[k]); err != nil {
			return nil, err
		}
	}
	return copies, nil
}

// Close frees the compiled graphs; the variables stay in the store.
func (p *Program) Close() {
	if p.exec != nil {
		p.exec.Finalize()
	}
}

// row returns row i of a batch whose rows have the given width.
func row[T any](flat []T, i, width int) []T { return flat[i*width : (i+1)*width : (i+1)*width] }

// powerOfTwo returns the smallest power of two that is at least n, and 1 for n < 1.
func powerOfTwo(n int) int { return 1 << bits.Len(uint(max(n, 1)-1)) }

// numbers are the whole numbers from start up to end.
func numbers(start, end int) []int {
	all := make([]int, end-start)
	for k := range all {
		all[k] = start + k
	}
	return all
}
