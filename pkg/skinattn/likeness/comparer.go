package likeness

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// Comparer compares photos with those that a network was trained on. Like a
// [skinattn.Program], it is not for use by several goroutines at once.
type Comparer struct {
	embedder *skinattn.Embedder
	unusual  *run.Unusual // nil: the run has no score
	index    *Index       // nil: there are no training photos
}

// Open prepares comparisons for a run's network, whose score is in folder if the run has one.
// index may be nil. Close the comparer after use; the model stays.
func Open(model *skinattn.Model, folder *run.Folder, index *Index) (*Comparer, error) {
	unusual, err := folder.Unusual()
	if errors.Is(err, fs.ErrNotExist) {
		unusual, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	if unusual != nil {
		hash, err := weightsHash(model)
		if err != nil {
			return nil, err
		}
		if hash != unusual.Weights || model.EmbeddingWidth() != unusual.Width {
			return nil, fmt.Errorf("%s is of other weights than the run's; make it anew", folder.Path(run.UnusualFile))
		}
	}
	embedder, err := model.NewEmbedder(model.Backend, model.Store)
	if err != nil {
		return nil, err
	}
	return &Comparer{embedder, unusual, index}, nil
}

// weightsHash is run.Unusual's Weights.
func weightsHash(model *skinattn.Model) (string, error) {
	hash := sha256.New()
	if err := model.HashUpToCut(hash, model.Store); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// Unusual is the score of unusual photos, nil if the run has none.
func (c *Comparer) Unusual() *run.Unusual { return c.unusual }

// HasIndex reports whether similar photos can be found.
func (c *Comparer) HasIndex() bool { return c.index != nil }

// Close frees the compiled graphs.
func (c *Comparer) Close() { c.embedder.Close() }

// Verdict says how unlike the training photos a photo is.
type Verdict struct {
	Score     float64 // the larger, the more unlike; photos of lesions have about 1
	Threshold float64
	Unusual   bool // whether the score is above the threshold
}

// Compare returns up to most similar training photos of a photo, the nearest first, nil
// without an index, and how unusual it is, nil without a score. photo is [Size Size 3],
// upright, as the network takes it; see [skinattn.Network.Upright].
func (c *Comparer) Compare(ctx context.Context, photo []float32, most int) (similar []Photo, verdict *Verdict, err error) {
	if c.unusual == nil && (c.index == nil || most <= 0) {
		return nil, nil, nil
	}
	var embedding []float32
	err = c.embedder.Embed(ctx, skinattn.Floats(1, func(_ int, dst []float32) { copy(dst, photo) }), func(_ int, values []float32) error {
		embedding = slices.Clone(values)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if c.index != nil && most > 0 {
		similar = c.index.Nearest(embedding, most)
	}
	if c.unusual != nil {
		score, unusual := c.unusual.Score(embedding)
		verdict = &Verdict{score, c.unusual.Threshold, unusual}
	}
	return similar, verdict, nil
}
