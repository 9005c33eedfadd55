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

	"github.com/edsrzf/mmap-go"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/filecache"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// features are the outputs of a frozen backbone for the examples of a part, read from a
// memory-mapped file.
type features struct {
	mapped mmap.MMap
	width  int // values of an example
}

// featureMagic begins a file of features. featureKey follows, then the values, float32
// little-endian, example by example.
const featureMagic = "skinattn features 1\n"

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

// useFeatures takes the features of all examples from files and trains the network after
// the cut.
func (t *trainer) useFeatures(ctx context.Context) (err error) {
	if err := Check(t.net, t.Config.Regime, true); err != nil {
		return err
	}
	extractor, err := t.net.NewExtractor(t.Engine.Backend, t.store) // nothing is compiled before it is used
	if err != nil {
		return err
	}
	defer extractor.Close()
	for _, examples := range []*Examples{t.Train, t.Val} {
		if examples.features, err = t.openFeatures(ctx, extractor, examples); err != nil {
			return err
		}
	}
	t.trained, err = t.net.AfterCut()
	return err
}

// featureKey is a SHA-256 over everything that decides the features of examples: the
// photos, their preprocessing, and the network and weights up to the cut.
func (t *trainer) featureKey(examples *Examples) (key [sha256.Size]byte, err error) {
	hash := sha256.New()
	cfg := t.Config.Network
	var ids []string
	for _, r := range examples.Records {
		ids = append(ids, r.ImageID)
	}
	if err := json.NewEncoder(hash).Encode([]any{cfg.Backbone, cfg.Cut, cfg.Size, cfg.PhotoSize(), cfg.ChannelOrder, cfg.Preprocess, cfg.Resize,
		t.Engine.Kind, t.Config.Data.ImagesSHA256, ids}); err != nil {
		return key, err
	}
	before, err := t.net.UpToCut()
	if err != nil {
		return key, err
	}
	for _, v := range before.Variables() {
		values, err := tensors.CopyFlatData[float32](t.store.GetVariable(v.Path()).MustValue())
		if err != nil {
			return key, fmt.Errorf("reading %s: %w", v.Path(), err)
		}
		fmt.Fprintf(hash, "%s %d\n", v.Path(), len(values))
		if err := binary.Write(hash, binary.LittleEndian, values); err != nil {
			return key, err
		}
	}
	hash.Sum(key[:0])
	return key, nil
}

// openFeatures opens the features of examples in FeatureDir and computes them if the folder
// has no file of them.
func (t *trainer) openFeatures(ctx context.Context, extractor *skinattn.Extractor, examples *Examples) (*features, error) {
	key, err := t.featureKey(examples)
	if err != nil {
		return nil, fmt.Errorf("looking for features: %w", err)
	}
	path := filepath.Join(t.FeatureDir, "features-"+hex.EncodeToString(key[:8])+".cache")
	width := t.net.FeatureShape().Size()
	content, err := filecache.Open(ctx, path,
		func(content []byte) bool { return validFeatures(content, key, len(examples.Records)*width) },
		func() error {
			t.log("computing the features of %d images, once (%d MB)", len(examples.Records), 4*len(examples.Records)*width>>20)
			return t.writeFeatures(ctx, extractor, path, key, examples)
		})
	if err != nil {
		return nil, err
	}
	return &features{content, width}, nil
}

// validFeatures reports whether a file holds n values under the key.
func validFeatures(content []byte, key [sha256.Size]byte, n int) bool {
	return len(content) == featureHeader+4*n && string(content[:featureHeader]) == featureMagic+string(key[:])
}

// writeFeatures computes the features of examples into the file at path. The file appears
// when it is complete.
func (t *trainer) writeFeatures(ctx context.Context, extractor *skinattn.Extractor, path string, key [sha256.Size]byte, examples *Examples) error {
	return atomicfile.WriteFile(path, func(w io.Writer) error {
		if _, err := w.Write(append([]byte(featureMagic), key[:]...)); err != nil {
			return err
		}
		return extractor.Features(ctx, t.net.Upright(examples.Images), func(_ int, values []float32) error {
			return binary.Write(w, binary.LittleEndian, values)
		})
	})
}

// read fills dst with the features of example i. A valid file is long enough for Decode.
func (f *features) read(i int, dst []float32) {
	binary.Decode(f.mapped[featureHeader+4*i*f.width:], binary.LittleEndian, dst[:f.width])
}
