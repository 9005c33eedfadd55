package likeness

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/eval/ood"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/synthetic"
)

// FitOptions are the choices of [Fit].
type FitOptions struct {
	Data *ham10000.Dataset // the photos of the run
	// Others are more pictures to measure the score on: names, and JPEG or PNG files.
	Others []Set
	Log    func(line string) // gets lines for people, if not nil
	// Progress, if not nil, is called at the start of a piece of work; the function that it
	// returns is called with what is done so far.
	Progress func(title string) func(done, total int)

	rank, compared int // for tests; 0: the constants below
}

// Set is a named set of pictures.
type Set struct {
	Name  string
	Paths []string
}

const (
	// fitRank is the number of components. Between 16 and 128 the measured AUROC hardly
	// moves, with a few more synthetic lesions found at 64 than at 16.
	fitRank = 64
	// comparedPictures is the number of pictures of each kind that is measured.
	comparedPictures = 100
	// Size of the pictures that are drawn, that of HAM10000's photos here.
	drawnWidth, drawnHeight = 448, 336
)

// Fit makes the score of unusual photos for a run: from the embeddings of its training part,
// with a threshold that [run.UnusualLevel] of the validation part keep, and measures it on
// pictures of other things. Equal runs and data give equal results on one machine. The caller
// writes it with [run.Folder.WriteUnusual].
func Fit(ctx context.Context, eng *engine.Engine, model *skinattn.Model, folder *run.Folder, opts FitOptions) (*run.Unusual, error) {
	if opts.rank == 0 {
		opts.rank = fitRank
	}
	if opts.compared == 0 {
		opts.compared = comparedPictures
	}
	train, err := partOf(folder, opts.Data, split.Train)
	if err != nil {
		return nil, err
	}
	val, err := partOf(folder, opts.Data, split.Val)
	if err != nil {
		return nil, err
	}
	all, err := embed(ctx, eng, model, opts.Data, opts.Progress, opts.Log)
	if err != nil {
		return nil, err
	}
	defer all.close()
	rows := func(records []ham10000.Record) ([][]float32, error) {
		images, err := all.Of(records)
		if err != nil {
			return nil, err
		}
		rows := make([][]float32, len(records))
		for i := range rows {
			rows[i] = make([]float32, all.Width())
			if err := images.Read(i, rows[i]); err != nil {
				return nil, err
			}
		}
		return rows, nil
	}
	trained, err := rows(train)
	if err != nil {
		return nil, err
	}
	held, err := rows(val)
	if err != nil {
		return nil, err
	}
	rank := min(opts.rank, all.Width()-1, len(train)-2)
	u := &run.Unusual{Layer: model.Cut, Width: all.Width(), Rank: rank, Images: len(train), Level: run.UnusualLevel, N: len(val)}
	if u.Weights, err = weightsHash(model); err != nil {
		return nil, err
	}
	if u.Gaussian, err = ood.Fit(trained, rank); err != nil {
		return nil, fmt.Errorf("fitting the score of unusual photos: %w", err)
	}
	scores := make([]float64, len(held))
	for i, row := range held {
		scores[i] = u.Gaussian.Score(row)
	}
	u.Threshold = ood.Threshold(scores, u.Level)
	for _, score := range scores {
		if score > u.Threshold {
			u.Above++
		}
	}
	m := &measurer{ctx: ctx, model: model, unusual: u, lesions: scores}
	if m.embedder, err = model.NewEmbedder(model.Backend, model.Store); err != nil {
		return nil, err
	}
	defer m.embedder.Close()
	return u, m.all(opts, val)
}

// measurer measures a score on other pictures.
type measurer struct {
	ctx      context.Context
	model    *skinattn.Model
	embedder *skinattn.Embedder
	unusual  *run.Unusual
	lesions  []float64 // scores of the validation photos
}

func (m *measurer) all(opts FitOptions, val []ham10000.Record) error {
	n, kinds := opts.compared, len(others)+1+len(opts.Others)
	done := func(int, int) {}
	if opts.Progress != nil {
		done = opts.Progress("measuring on other pictures")
	}
	for i, kind := range others {
		count := n
		if kind.change != nil {
			count = min(n, len(val))
		}
		seed := fnv.New64a()
		seed.Write([]byte(kind.name))
		sum := seed.Sum64()
		err := m.measure(kind.name, count, func(k int) (*imaging.RGB, error) {
			if kind.draw != nil {
				return pixelsOf(kind.draw(rand.New(rand.NewPCG(sum, uint64(k))), drawnWidth, drawnHeight)), nil
			}
			path, _ := opts.Data.ImagePath(val[k*len(val)/count].ImageID) // embed has read it
			photo, err := imaging.DecodeFile(path)
			if err != nil {
				return nil, err
			}
			return kind.change(photo), nil
		})
		if err != nil {
			return err
		}
		done(i+1, kinds)
	}
	if err := m.synthetic(n); err != nil {
		return err
	}
	for i, set := range opts.Others {
		if err := m.measure(set.Name, len(set.Paths), func(k int) (*imaging.RGB, error) { return imaging.DecodeFile(set.Paths[k]) }); err != nil {
			return err
		}
		done(len(others)+2+i, kinds)
	}
	return nil
}

// synthetic measures synthetic lesions.
func (m *measurer) synthetic(n int) error {
	dir, err := os.MkdirTemp("", "skinattn-synthetic-*")
	if err != nil {
		return fmt.Errorf("making a folder for synthetic lesions: %w", err)
	}
	defer os.RemoveAll(dir)
	options := synthetic.Options{Images: max(n, ham10000.NumClasses), Seed: 1, Width: drawnWidth, Height: drawnHeight}
	if err := synthetic.Generate(m.ctx, filepath.Join(dir, "data"), options, nil); err != nil {
		return err
	}
	data, err := ham10000.Open(filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	return m.measure("synthetic lesions", len(data.Records), func(k int) (*imaging.RGB, error) {
		path, _ := data.ImagePath(data.Records[k].ImageID) // just written
		return imaging.DecodeFile(path)
	})
}

// measure measures a set of n pictures.
func (m *measurer) measure(name string, n int, picture func(k int) (*imaging.RGB, error)) error {
	if n == 0 {
		return fmt.Errorf("measuring the score on %s: there are none", name)
	}
	scores, positive := append([]float64(nil), m.lesions...), make([]bool, len(m.lesions))
	above := 0
	// As many as fit in a batch are in memory.
	const together = 32
	for start := 0; start < n; start += together {
		var pixels [][]float32
		for k := start; k < min(start+together, n); k++ {
			p, err := picture(k)
			if err != nil {
				return fmt.Errorf("measuring the score on %s: %w", name, err)
			}
			pixels = append(pixels, m.model.Resize.Resize(p, m.model.PhotoSize()))
		}
		photos := skinattn.Floats(len(pixels), func(i int, dst []float32) { copy(dst, pixels[i]) })
		err := m.embedder.Embed(m.ctx, m.model.Upright(photos), func(_ int, embedding []float32) error {
			score, unusual := m.unusual.Score(embedding)
			scores, positive = append(scores, score), append(positive, true)
			if unusual {
				above++
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	auroc, err := eval.AUROC(scores, positive, nil)
	if err != nil {
		return fmt.Errorf("measuring the score on %s: %w", name, err)
	}
	m.unusual.Compared = append(m.unusual.Compared, run.Compared{Pictures: name, N: n, AUROC: auroc, Unusual: float64(above) / float64(n)})
	return nil
}
