package training

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/filecache"
	"github.com/skinattn/skinattn/internal/userdir"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// Photos are all photos of a data set. The features of a frozen backbone are computed for
// all of them at once, so that every part of every split finds its own in one file.
type Photos struct {
	IDs    []string
	Images skinattn.Images // in the order of IDs
	SHA256 string          // of ids and files, as in run.Config.Data.ImagesSHA256
	// FeatureDir is the folder for the files of features.
	FeatureDir string
}

// PhotosOf are all photos of data, of which cache was made, with the user's cache folder for
// their features.
func PhotosOf(data *ham10000.Dataset, cache *imaging.Cache) Photos {
	photos := Photos{SHA256: cache.ContentHash(), FeatureDir: userdir.Cache()}
	at := make([]int, len(data.Records))
	for i, r := range data.Records {
		photos.IDs = append(photos.IDs, r.ImageID)
		at[i], _ = cache.Index(r.ImageID) // the cache was made of these records
	}
	photos.Images = skinattn.Cached(cache, at)
	return photos
}

// Features are the outputs of a frozen backbone for photos, or embeddings, in a memory-mapped
// file.
type Features struct {
	file  *filecache.File
	width int // values of a photo
	at    map[string]int
}

// computed is a kind of features: what is computed once of a photo, and kept.
type computed struct {
	name    string
	width   func(net *skinattn.Network) int
	compute func(ctx context.Context, eng *engine.Engine, net *skinattn.Network, store *model.Store, images skinattn.Images, use func(i int, values []float32) error) error
}

var features = computed{
	name:  "features",
	width: func(net *skinattn.Network) int { return net.FeatureShape().Size() },
	compute: func(ctx context.Context, eng *engine.Engine, net *skinattn.Network, store *model.Store, images skinattn.Images, use func(i int, values []float32) error) error {
		extractor, err := net.NewExtractor(eng.Backend, store)
		if err != nil {
			return err
		}
		defer extractor.Close()
		return extractor.Features(ctx, images, use)
	},
}

var embeddings = computed{
	name:  "embeddings",
	width: (*skinattn.Network).EmbeddingWidth,
	compute: func(ctx context.Context, eng *engine.Engine, net *skinattn.Network, store *model.Store, images skinattn.Images, use func(i int, values []float32) error) error {
		embedder, err := net.NewEmbedder(eng.Backend, store)
		if err != nil {
			return err
		}
		defer embedder.Close()
		return embedder.Embed(ctx, images, use)
	},
}

// featureMagic begins a file of features. featureKey follows, then the values, float32
// little-endian, photo by photo.
const featureMagic = "skinattn features 2\n"

const featureHeader = len(featureMagic) + sha256.Size

// Reasons why features can't be computed once, before the training.
var (
	ErrFeaturesAugmented = errors.New("features can't be computed once: the regime augments photos")
	ErrFeaturesMixed     = errors.New("features can't be computed once: the regime cuts photos into others")
	ErrFeaturesTrained   = errors.New("features can't be computed once: the backbone is trained")
)

// allowsFeatures returns the reason why a regime cannot be trained on features computed
// once, and nil if it can.
func allowsFeatures(reg *spec.Regime) error {
	switch {
	case reg.Augment != spec.Augment{}:
		return ErrFeaturesAugmented
	case reg.Mix.CutMix != 0:
		return ErrFeaturesMixed
	}
	for _, f := range reg.Freeze {
		if f.Layers == spec.Backbone && f.Epochs == 0 {
			return nil
		}
	}
	return ErrFeaturesTrained
}

// useFeatures takes the features of all examples from the file and trains the network
// after the cut.
func (t *trainer) useFeatures(ctx context.Context) (err error) {
	if err := Check(t.net, t.Config.Regime, true); err != nil {
		return err
	}
	if t.features, err = t.Photos.Features(ctx, t.Engine, t.net, t.store, t.Watch.Log); err != nil {
		return err
	}
	for _, examples := range []*Examples{t.Train, t.Val} {
		if examples.features, err = t.features.Of(examples.Records); err != nil {
			return err
		}
	}
	t.trained, err = t.net.AfterCut()
	return err
}

// featureKey is a SHA-256 over everything that decides the features: the photos, their
// preprocessing, what computes, and the network and weights up to the cut. Split, seed, head
// and regime do not, so that runs which differ in these share a file.
func (p Photos) featureKey(eng *engine.Engine, net *skinattn.Network, store *model.Store) (key [sha256.Size]byte, err error) {
	hash := sha256.New()
	by := eng.Kind
	if engine.KernelsName(eng.Backend) != "" {
		by = "vector kernels" // whichever: all have the same bits
	}
	if err := json.NewEncoder(hash).Encode([]any{net.Backbone, net.Cut, net.Size, net.PhotoSize(), net.ChannelOrder, net.Preprocess, net.Resize,
		by, p.SHA256, p.IDs}); err != nil {
		return key, err
	}
	if err := net.HashUpToCut(hash, store); err != nil {
		return key, err
	}
	hash.Sum(key[:0])
	return key, nil
}

// Features opens the features of the photos by net, whose weights are in store, and
// computes them if FeatureDir has no file of them: minutes for a large data set. Of
// several processes that want the same file, one computes it. log, which may be nil, gets a
// line before that.
// Close the features after use.
func (p Photos) Features(ctx context.Context, eng *engine.Engine, net *skinattn.Network, store *model.Store, log func(line string)) (*Features, error) {
	return p.open(ctx, features, eng, net, store, log)
}

// Embeddings opens the embeddings of the photos; see [skinattn.Embedder]. They are computed and
// kept as features are, in a file of their own.
func (p Photos) Embeddings(ctx context.Context, eng *engine.Engine, net *skinattn.Network, store *model.Store, log func(line string)) (*Features, error) {
	return p.open(ctx, embeddings, eng, net, store, log)
}

func (p Photos) open(ctx context.Context, kind computed, eng *engine.Engine, net *skinattn.Network, store *model.Store, log func(line string)) (*Features, error) {
	key, err := p.featureKey(eng, net, store)
	if err != nil {
		return nil, fmt.Errorf("looking for %s: %w", kind.name, err)
	}
	path := filepath.Join(p.FeatureDir, kind.name+"-"+hex.EncodeToString(key[:8])+filecache.Extension)
	n, width := len(p.IDs), kind.width(net)
	file, err := filecache.Open(ctx, path,
		func(content []byte) bool { return validFeatures(content, key, n*width) },
		func() error {
			if log != nil {
				log(fmt.Sprintf("computing the %s of %d images, once for all splits and seeds (%d MB)", kind.name, n, 4*n*width>>20))
			}
			return p.writeFeatures(ctx, kind, eng, net, store, path, key)
		}, log)
	if err != nil {
		return nil, err
	}
	f := &Features{file, width, make(map[string]int, n)}
	for i, id := range p.IDs {
		f.at[id] = i
	}
	return f, nil
}

// validFeatures reports whether a file holds n values under the key.
func validFeatures(content []byte, key [sha256.Size]byte, n int) bool {
	return len(content) == featureHeader+4*n && string(content[:featureHeader]) == featureMagic+string(key[:])
}

// writeFeatures computes the features into the file at path, which appears when it is
// complete.
func (p Photos) writeFeatures(ctx context.Context, kind computed, eng *engine.Engine, net *skinattn.Network, store *model.Store, path string, key [sha256.Size]byte) error {
	return atomicfile.WriteFile(path, func(w io.Writer) error {
		if _, err := w.Write(append([]byte(featureMagic), key[:]...)); err != nil {
			return err
		}
		return kind.compute(ctx, eng, net, store, net.Upright(p.Images), func(_ int, values []float32) error {
			return binary.Write(w, binary.LittleEndian, values)
		})
	})
}

// Width is the number of values of a photo.
func (f *Features) Width() int { return f.width }

// Of returns the features of records as images for the network after the cut, until f is
// closed. It is an error if a record's photo is none of the photos.
func (f *Features) Of(records []ham10000.Record) (skinattn.Images, error) {
	at := make([]int, len(records))
	for i, r := range records {
		var ok bool
		if at[i], ok = f.at[r.ImageID]; !ok {
			return skinattn.Images{}, fmt.Errorf("image %s has no features", r.ImageID)
		}
	}
	// A valid file is long enough for Decode.
	images := skinattn.Floats(len(at), func(i int, dst []float32) {
		binary.Decode(f.file.Content[f.begin(at[i]):], binary.LittleEndian, dst[:f.width])
	})
	return images.WithAhead(func(i int) { f.file.Ahead(f.begin(at[i]), f.begin(at[i]+1)) }), nil
}

// begin is where the features of photo i begin in the file.
func (f *Features) begin(i int) int { return featureHeader + 4*i*f.width }

// Close unmaps the file.
func (f *Features) Close() { f.file.Close() } // read only: there is nothing to lose
