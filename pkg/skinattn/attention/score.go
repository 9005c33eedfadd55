package attention

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/internal/parallel"
	"github.com/skinattn/skinattn/pkg/eval/saliency"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/explain"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// ScoreOptions say how Score measures a run's maps.
type ScoreOptions struct {
	Data *ham10000.Dataset
	Part split.Part // part with the images to measure; test stands for val, and val for test, in a split without it
	// Explain says which maps are measured and how they are made. The maps of single
	// attention heads can't be measured.
	Explain explain.Options
	// CurveImages is the number of images, drawn with Seed, that get deletion and insertion
	// curves: 0 is none, and a number above the number of images is all.
	CurveImages int
	CurveSteps  int // equal steps of a curve, at least 1
	// Seed draws the untrained network's weights, the images for curves and the order of
	// pixels with equal values.
	Seed uint64
	// Weights is a Keras applications file for a baseline: its weights with an untrained
	// head. Empty leaves the baseline out.
	Weights string
	// Progress, if not nil, is called at the start of a piece of work. The function that it
	// returns is called with the images done so far.
	Progress func(title string) func(done, total int)
	Log      func(line string) // gets lines for people, if not nil
}

// follow begins a piece of work for Progress.
func (o ScoreOptions) follow(title string) func(done, total int) {
	if o.Progress == nil {
		return func(int, int) {}
	}
	return o.Progress(title)
}

// Scored is the result of Score.
type Scored struct {
	*saliency.Table
	// Curves are the mean curves; nil without CurveImages.
	Curves *saliency.Curves
	// NoMask and EmptyMask are the ids of the images left out: without a mask, and with a
	// lesion outside the part of the photo that the network sees.
	NoMask, EmptyMask []string
}

// scorer holds the state of Score.
type scorer struct {
	ScoreOptions
	net      *skinattn.Model // the trained network
	records  []ham10000.Record
	metadata []skinattn.Metadata
	images   skinattn.Images
	masks    []*saliency.Mask
	classes  []int // predicted classes
	eng      *engine.Engine
}

// Score measures the maps of a run's network against the lesion masks of the
// data folder, beside baselines that do not see the picture. The network gets upright
// photos alone, without turned views; a map for the predicted class is a map for the
// class of the upright photo.
func Score(ctx context.Context, eng *engine.Engine, folder *run.Folder, opts ScoreOptions) (*Scored, error) {
	cfg, err := folder.Config()
	if err != nil {
		return nil, err
	}
	parts, err := folder.Split()
	if err != nil {
		return nil, err
	}
	if len(parts.Part(opts.Part)) == 0 {
		opts.Part = map[split.Part]split.Part{split.Test: split.Val, split.Val: split.Test}[opts.Part]
	}
	if slices.Contains(opts.Explain.Methods, explain.AttentionHeads) {
		return nil, fmt.Errorf("method %s gives a map a head; %s, their sum, can be measured", explain.AttentionHeads, explain.SoftAttention)
	}
	s := &scorer{ScoreOptions: opts, eng: eng}
	if s.net, err = checkpoint.LoadModel(folder, eng, opts.Log); err != nil {
		return nil, err
	}
	defer s.net.Close()
	cache, err := opts.Data.OpenImages(ctx, s.net.PhotoSize(), imaging.CacheOptions{Resize: s.net.Resize, Progress: opts.follow("decoding photos"), Log: opts.Log})
	if err != nil {
		return nil, err
	}
	defer cache.Close()

	result := &Scored{Table: &saliency.Table{Classes: ham10000.Classes}}
	if err := s.choose(ctx, parts, cache, result); err != nil {
		return nil, err
	}
	if s.metadata, err = skinattn.CompleteMetadata(s.records, s.net.MeanAge()); err != nil {
		return nil, err
	}
	methods, err := s.methods(ctx, cfg, parts)
	if err != nil {
		return nil, err
	}
	for _, m := range methods {
		result.Methods = append(result.Methods, m.name)
	}
	if err := s.score(ctx, methods, result); err != nil {
		return nil, err
	}
	if opts.CurveImages > 0 {
		if err := s.curves(ctx, methods, result); err != nil {
			return nil, err
		}
	}
	result.Round()
	return result, nil
}

// choose selects the images of the part that have a usable mask.
func (s *scorer) choose(ctx context.Context, parts *split.Split, cache *imaging.Cache, result *Scored) error {
	records, err := parts.Select(s.Data.Records, s.Part)
	if err != nil {
		return err
	}
	masks, err := s.readMasks(ctx, records)
	if err != nil {
		return err
	}
	var at []int
	for i, r := range records {
		switch index, ok := cache.Index(r.ImageID); {
		case !ok:
			return fmt.Errorf("image %s of the split is not in the image cache", r.ImageID)
		case masks[i].none:
			result.NoMask = append(result.NoMask, r.ImageID)
		case masks[i].inside == nil:
			result.EmptyMask = append(result.EmptyMask, r.ImageID)
		default:
			mask, err := saliency.NewMask(masks[i].inside, s.net.Size, saliency.NearShare*float64(s.net.Size))
			if err != nil {
				return fmt.Errorf("image %s: %w", r.ImageID, err)
			}
			at, s.records, s.masks = append(at, index), append(s.records, r), append(s.masks, mask)
		}
	}
	for _, left := range []struct {
		ids []string
		why error
	}{{result.NoMask, ham10000.ErrNoMask}, {result.EmptyMask, ham10000.ErrEmptyMask}} {
		if len(left.ids) > 0 && s.Log != nil {
			s.Log(fmt.Sprintf("%d of %d images are left out (%s): %v", len(left.ids), len(records), firstOf(left.ids), left.why))
		}
	}
	if len(s.records) == 0 {
		return fmt.Errorf("%s: none of the %d images of part %s has a lesion mask; put the masks of HAM10000, ISIC_*_segmentation.png, in any subfolder", s.Data.Dir, len(records), s.Part)
	}
	s.images = s.net.Upright(skinattn.Cached(cache, at))
	return nil
}

// firstOf names the first few of many.
func firstOf(ids []string) string {
	const named = 5
	text := strings.Join(ids[:min(named, len(ids))], ", ")
	if len(ids) > named {
		text += ", ..."
	}
	return text
}

// readMask is the mask of an image: none, empty (inside is nil), or good.
type readMask struct {
	none   bool
	inside []bool
}

// readMasks reads the masks of records on all cores. A damaged mask, or a mask with
// another size than its photo, is an error.
func (s *scorer) readMasks(ctx context.Context, records []ham10000.Record) ([]readMask, error) {
	masks := make([]readMask, len(records))
	err := parallel.For(ctx, len(records), func(i int) error {
		inside, err := s.Data.Mask(records[i].ImageID, s.net.Resize, s.net.Size)
		switch {
		case errors.Is(err, ham10000.ErrNoMask):
			masks[i].none = true
		case err != nil && !errors.Is(err, ham10000.ErrEmptyMask):
			return err
		}
		masks[i].inside = inside
		return nil
	})
	return masks, err
}

// score compares every map with its mask.
func (s *scorer) score(ctx context.Context, methods []scoredMethod, result *Scored) error {
	result.Images = make([]saliency.Image, len(s.records))
	return parallel.For(ctx, len(s.records), func(i int) error {
		r := s.records[i]
		truth, err := ham10000.ClassIndex(r.Dx)
		if err != nil {
			return fmt.Errorf("image %s: %w", r.ImageID, err)
		}
		image := saliency.Image{ImageID: r.ImageID, LesionID: r.LesionID, Truth: truth, Predicted: s.classes[i], MaskShare: s.masks[i].Share()}
		for _, m := range methods {
			scores, err := s.masks[i].Score(m.of(i).upsampled(s.net.Size))
			if err != nil {
				return fmt.Errorf("image %s: %s: %w", r.ImageID, m.name, err)
			}
			image.Scores = append(image.Scores, scores)
		}
		result.Images[i] = image
		return nil
	})
}

// atMostOne is a probability that float32 may have rounded above 1.
func atMostOne(p float32) float64 { return math.Min(float64(p), 1) }
