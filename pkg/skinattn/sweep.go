package skinattn

import (
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/infer"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// joinLayer joins the vector that the network makes of a photo with the metadata.
const joinLayer = "features_and_metadata"

// Sweeper predicts one photo of many patients: what depends on the photo alone is computed
// once. Like its [Program], it compiles at first use, once for each number of patients, and
// is not for use by several goroutines at once.
type Sweeper struct {
	model   *Model
	views   *Views
	program *Program
	photo   string   // the layer with what depends on the photo alone
	before  *kernels // up to it, and after it; nil: the program computes
	after   *kernels
}

// NewSweeper prepares sweeps of a model. A network without metadata has none: an error.
// Close the sweeper after use; the model stays as it is.
func (m *Model) NewSweeper() (*Sweeper, error) {
	if !m.Metadata {
		return nil, fmt.Errorf("preparing a sweep: the network takes no metadata")
	}
	photo := m.Graph.Layer(joinLayer).Inputs[0]
	before, err := m.Graph.Cut(photo)
	if err != nil {
		return nil, err
	}
	after, err := m.after(photo)
	if err != nil {
		return nil, err
	}
	s := &Sweeper{model: m, views: m.NewViews(), photo: photo}
	s.before = m.newKernels(m.Backend, m.Store, before, photo)
	s.after = m.newKernels(m.Backend, m.Store, after, m.Output)
	s.program, err = NewProgram("predicting a sweep", m.Backend, m.Store, m.InputShape(), s.views.Len(), func(in []*graph.Node) []*graph.Node {
		b := &layers.Builder{Store: m.Store, Grouped: true}
		features := b.Build(before, map[string]*graph.Node{backbone.InputLayer: m.Preprocessed(in[0])})[photo]
		views, patients := features.Shape().Dim(0), in[1].Shape().Dim(0)
		// A row for each view and patient, the patients of a view together.
		rows := func(x *graph.Node, axis int) *graph.Node {
			width := x.Shape().Dim(-1)
			x = graph.BroadcastToDims(graph.InsertAxes(x, axis), views, patients, width)
			return graph.Reshape(x, views*patients, width)
		}
		inputs := m.metadataInputs(rows(in[1], 0))
		inputs[photo] = rows(features, 1)
		probabilities := (&layers.Builder{Store: m.Store}).Build(after, inputs)[m.Output]
		probabilities = graph.Reshape(probabilities, views, patients, ham10000.NumClasses)
		return []*graph.Node{graph.ReduceMean(probabilities, 0)}
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Sweep returns the probabilities of a photo for each patient, in class order: those of
// [Model.PredictViews] but for rounding. The photo is [PhotoSize PhotoSize 3]; the metadata
// are completed.
func (s *Sweeper) Sweep(ctx context.Context, photo []float32, patients []Metadata) ([][]float32, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(patients) == 0 {
		return nil, nil
	}
	if rows, err := s.withKernels(ctx, photo, patients); rows != nil || err != nil {
		return rows, err
	}
	images, err := s.views.of(Held(1, func(int) []float32 { return photo })).Tensor(numbers(0, s.views.Len()), s.model.InputShape())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.program.doing, err)
	}
	defer images.FinalizeAll() // the garbage collector does not know its size
	outputs, err := s.program.call([]any{images, s.model.MetadataInput(patients)(0, len(patients), len(patients))}, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.program.doing, err)
	}
	rows := make([][]float32, len(patients))
	for i := range rows {
		rows[i] = row(outputs[0], i, ham10000.NumClasses)
	}
	return rows, nil
}

// rowsTogether is how many rows, views times patients, go through the head at once.
const rowsTogether = 256

// withKernels is Sweep without an engine; nil if the engine has to compute.
func (s *Sweeper) withKernels(ctx context.Context, photo []float32, patients []Metadata) ([][]float32, error) {
	var plans [2]*infer.Plan
	for i, part := range []*kernels{s.before, s.after} {
		plan, err := part.current()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.program.doing, err)
		}
		if plan == nil {
			return nil, nil
		}
		plans[i] = plan
	}
	return s.sweep(ctx, plans[0], plans[1], photo, patients)
}

func (s *Sweeper) sweep(ctx context.Context, before, after *infer.Plan, pixels []float32, patients []Metadata) ([][]float32, error) {
	n, width := s.views.Len(), before.OutputSizes()[0]
	input := infer.Input{Row: func(view, row int, dst []float32) { s.views.row(dst, photo{floats: pixels}, view, row) }}
	features := make([]float32, n*width)
	if err := before.Run(ctx, n, map[string]infer.Input{backbone.InputLayer: input}, [][]float32{features}); err != nil {
		return nil, fmt.Errorf("%s: %w", s.program.doing, err)
	}
	means := make([][]float32, 0, len(patients))
	for some := range slices.Chunk(patients, max(1, rowsTogether/n)) {
		// A row for each patient and view, the views of a patient together.
		rows := len(some) * n
		encoded := make([]float32, 0, rows*MetadataWidth)
		for patient := range slices.Chunk(EncodeMetadata(some), MetadataWidth) {
			encoded = append(encoded, slices.Repeat(patient, n)...)
		}
		inputs := map[string]infer.Input{s.photo: {Floats: slices.Repeat(features, len(some))}}
		metadataColumns(encoded, rows, inputs)
		probabilities := make([]float32, rows*ham10000.NumClasses)
		if err := after.Run(ctx, rows, inputs, [][]float32{probabilities}); err != nil {
			return nil, fmt.Errorf("%s: %w", s.program.doing, err)
		}
		for i := range some {
			mean := make([]float32, ham10000.NumClasses)
			for view := range slices.Chunk(row(probabilities, i, n*ham10000.NumClasses), ham10000.NumClasses) {
				for class, probability := range view {
					mean[class] += probability / float32(n)
				}
			}
			means = append(means, mean)
		}
	}
	return means, nil
}

// Close frees the compiled graphs.
func (s *Sweeper) Close() { s.program.Close() }
