package skinattn

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/filecache"
	"github.com/skinattn/skinattn/internal/simd"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/infer"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// kernels computes outputs of a graph with the processor's own instructions, in place of an engine. Its plan has the
// weights that the store had when it was made, and is made again when they have changed.
type kernels struct {
	level   simd.Level
	graph   *layers.Graph
	store   *model.Store
	outputs []string
	pixels  map[string]*infer.Pixels

	paths []string // of the graph's variables in the store

	plan        *infer.Plan
	unsupported bool // a layer has no kernels
	// made has the tensors that the plan was made of, one for each path. A variable that changes gets another tensor; tensors are
	// not written.
	made []*tensors.Tensor
}

// newKernels returns nil where the engine is to compute: see engine.Kernels.
func (n *Network) newKernels(backend compute.Backend, store *model.Store, graph *layers.Graph, outputs ...string) *kernels {
	level, ok := engine.Kernels(backend)
	if !ok {
		return nil
	}
	k := &kernels{level: level, graph: graph, store: store, outputs: outputs}
	for _, v := range graph.Variables() {
		k.paths = append(k.paths, v.Path())
	}
	if !n.fromFeatures {
		k.pixels = map[string]*infer.Pixels{backbone.InputLayer: {Order: n.ChannelOrder, Scaling: n.Preprocess.Scaling()}}
	}
	return k
}

// current is the plan with the weights that the store has now. It is nil if the engine has to compute: without kernels, and once
// a layer was found that has none.
func (k *kernels) current() (*infer.Plan, error) {
	if k == nil || k.unsupported {
		return nil, nil
	}
	now := make([]*tensors.Tensor, len(k.paths))
	for i, path := range k.paths {
		variable := k.store.GetVariable(path)
		if variable == nil {
			return nil, fmt.Errorf("variable %s has no value yet: initialise or load the weights first", path)
		}
		var err error
		if now[i], err = variable.Value(); err != nil {
			return nil, err
		}
	}
	if k.plan != nil && slices.Equal(now, k.made) {
		return k.plan, nil
	}
	read := func(path string) ([]float32, error) {
		i := slices.Index(k.paths, path)
		if i < 0 {
			return nil, fmt.Errorf("the network has no variable %s", path)
		}
		return tensors.CopyFlatData[float32](now[i])
	}
	plan, err := infer.Compile(k.graph, read, k.outputs, infer.Options{Level: k.level, Pixels: k.pixels})
	if _, k.unsupported = errors.AsType[*infer.ErrUnsupported](err); k.unsupported {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	k.plan, k.made = plan, now
	return plan, nil
}

// metadataColumns are the inputs of the metadata branch, by layer name, from encoded metadata [n MetadataWidth].
func metadataColumns(encoded []float32, n int, inputs map[string]infer.Input) {
	from := 0
	for _, column := range []struct {
		layer string
		width int
	}{{AgeInput, 1}, {SexInput, sexWidth}, {LocalizationInput, localizationWidth}} {
		values := make([]float32, 0, n*column.width)
		for i := range n {
			values = append(values, row(encoded, i, MetadataWidth)[from:from+column.width]...)
		}
		inputs[column.layer] = infer.Input{Floats: values}
		from += column.width
	}
}

// run is Program.Run with kernels.
func (k *kernels) run(ctx context.Context, p *Program, plan *infer.Plan, feed Feed, use func(i int, outputs [][]float32) error) error {
	n := feed.Images.Len()
	size := min(p.batch, n)
	width := p.shape.Size()
	outputs := feed.Outputs
	if outputs == 0 {
		outputs = len(k.outputs)
	}
	var bytes []uint8
	var floats []float32
	views := feed.Images.views
	switch {
	case feed.Images.bytes != nil:
		bytes = make([]uint8, size*width)
	case views == nil:
		floats = make([]float32, size*width)
	}
	sizes := plan.OutputSizes()
	results := make([][]float32, outputs)
	for i := range results {
		results[i] = make([]float32, size*sizes[i])
	}
	batch := make([][]float32, outputs)
	rows := make([][]float32, outputs)
	for start := 0; start < n; start += size {
		if err := ctx.Err(); err != nil {
			return err
		}
		end := min(start+size, n)
		count := end - start
		err := filecache.Guard(func() {
			if views != nil {
				views.read(start, end)
				return
			}
			for i := range count {
				if bytes != nil {
					copy(row(bytes, i, width), feed.Images.bytes(start+i))
				} else {
					feed.Images.floats(start+i, row(floats, i, width))
				}
			}
		})
		if err != nil {
			return fmt.Errorf("%s: %w", p.doing, err)
		}
		inputs := map[string]infer.Input{}
		switch {
		case views != nil:
			inputs[k.input()] = infer.Input{Row: func(image, row int, dst []float32) { views.writeRow(start+image, row, dst) }}
		case bytes != nil:
			inputs[k.input()] = infer.Input{Bytes: bytes[:count*width]}
		default:
			inputs[k.input()] = infer.Input{Floats: floats[:count*width]}
		}
		for _, input := range feed.Inputs { // a program has metadata or nothing
			encoded := input(start, end, count)
			values, err := tensors.CopyFlatData[float32](encoded)
			encoded.FinalizeAll()
			if err != nil {
				return fmt.Errorf("%s: %w", p.doing, err)
			}
			metadataColumns(values, count, inputs)
		}
		for i := range batch {
			batch[i] = results[i][:count*sizes[i]]
		}
		if err := plan.Run(ctx, count, inputs, batch); err != nil {
			return fmt.Errorf("%s: %w", p.doing, err)
		}
		for i := start; i < end; i++ {
			for j := range rows {
				rows[j] = row(results[j], i-start, sizes[j])
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

// input is the name of the graph's first layer: pixels, or features.
func (k *kernels) input() string { return k.graph.Layers()[0].Name }
