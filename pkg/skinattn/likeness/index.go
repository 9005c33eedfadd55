package likeness

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/skinattn/skinattn/internal/parallel"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
)

// Photo is a training photo that resembles another.
type Photo struct {
	ham10000.Record
	Distance float64 // cosine distance of the embeddings, 0 to 2
	// SameLesion says that a nearer photo of the list shows the same lesion.
	SameLesion bool
}

// Index finds training photos by their embeddings. It is safe for use by several goroutines.
type Index struct {
	records []ham10000.Record
	width   int
	rows    []float32 // [len(records) width], each of length 1
}

// embedded has the embeddings of all photos of a data set.
type embedded struct {
	*training.Features
	cache *imaging.Cache
}

func (e *embedded) close() {
	e.Features.Close()
	e.cache.Close()
}

// embed opens the embeddings of data by a run's network, or computes them, which takes
// minutes for a large data set.
func embed(ctx context.Context, eng *engine.Engine, model *skinattn.Model, data *ham10000.Dataset, progress func(title string) func(done, total int), log func(string)) (*embedded, error) {
	opts := imaging.CacheOptions{Resize: model.Resize, Log: log}
	if progress != nil {
		opts.Progress = progress("resizing photos")
	}
	cache, err := data.OpenImages(ctx, model.PhotoSize(), opts)
	if err != nil {
		return nil, err
	}
	features, err := training.PhotosOf(data, cache).Embeddings(ctx, eng, model.Network, model.Store, log)
	if err != nil {
		cache.Close()
		return nil, err
	}
	return &embedded{features, cache}, nil
}

// NewIndex makes the index of the photos that a run was trained on; data is the run's. The
// embeddings are computed once and kept in the user's cache folder: minutes for a large data
// set. progress, which may be nil, is called at the start of a piece of work, and the function
// that it returns with the photos done so far; log, which may be nil, gets lines for people.
func NewIndex(ctx context.Context, eng *engine.Engine, model *skinattn.Model, folder *run.Folder, data *ham10000.Dataset,
	progress func(title string) func(done, total int), log func(string)) (*Index, error) {
	records, err := partOf(folder, data, split.Train)
	if err != nil {
		return nil, err
	}
	all, err := embed(ctx, eng, model, data, progress, log)
	if err != nil {
		return nil, err
	}
	defer all.close()
	images, err := all.Of(records)
	if err != nil {
		return nil, err
	}
	x := &Index{records, all.Width(), make([]float32, len(records)*all.Width())}
	for i := range records {
		row := x.row(i)
		if err := images.Read(i, row); err != nil {
			return nil, err
		}
		normalize(row)
	}
	return x, nil
}

// partOf returns the photos of a part of a run's split.
func partOf(folder *run.Folder, data *ham10000.Dataset, part split.Part) ([]ham10000.Record, error) {
	parts, err := folder.Split()
	if err != nil {
		return nil, err
	}
	records, err := parts.Select(data.Records, part)
	if err != nil {
		return nil, fmt.Errorf("looking for the photos of %s in %s: %w", folder.Path(run.SplitFile), data.Dir, err)
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("%s has no photos in part %s", folder.Path(run.SplitFile), part)
	}
	return records, nil
}

func (x *Index) row(i int) []float32 { return x.rows[i*x.width : (i+1)*x.width] }

// Len is the number of photos.
func (x *Index) Len() int { return len(x.records) }

// Nearest returns up to most photos with the least distance from an embedding, the nearest
// first. Of equally near ones, the first of the metadata table comes first.
func (x *Index) Nearest(embedding []float32, most int) []Photo {
	asked := slices.Clone(embedding)
	normalize(asked)
	distances := make([]float64, len(x.records))
	// Nothing fails, and nobody cancels.
	_ = parallel.For(context.Background(), len(x.records), func(i int) error {
		dot := float32(0)
		for k, v := range x.row(i) {
			dot += v * asked[k]
		}
		distances[i] = max(1-float64(dot), 0)
		return nil
	})
	order := make([]int, len(distances))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case distances[a] < distances[b]:
			return -1
		case distances[a] > distances[b]:
			return 1
		}
		return 0
	})
	seen := map[string]bool{}
	var nearest []Photo
	for _, i := range order[:min(most, len(order))] {
		r := x.records[i]
		nearest = append(nearest, Photo{r, distances[i], seen[r.LesionID]})
		seen[r.LesionID] = true
	}
	return nearest
}

// normalize scales a vector to length 1; zeros stay.
func normalize(row []float32) {
	square := 0.0
	for _, v := range row {
		square += float64(v) * float64(v)
	}
	if length := math.Sqrt(square); length > 0 {
		for k, v := range row {
			row[k] = float32(float64(v) / length)
		}
	}
}
