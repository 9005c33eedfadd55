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
	"math"
	"os"
	"path/filepath"

	"github.com/edsrzf/mmap-go"
	"github.com/gofrs/flock"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/skinattn/skinattn/internal/atomicfile"
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
		if examples.features, err = t.openFeatures(ctx, extractor, t.FeatureDir, examples); err != nil {
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
	if err := json.NewEncoder(hash).Encode([]any{cfg.Backbone, cfg.Cut, cfg.Size, cfg.ChannelOrder, cfg.Preprocess, cfg.Resize,
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

// openFeatures opens the features of examples in the folder dir; it computes them if
// there is no file of them.
func (t *trainer) openFeatures(ctx context.Context, extractor *skinattn.Extractor, dir string, examples *Examples) (*features, error) {
	key, err := t.featureKey(examples)
	if err != nil {
		return nil, fmt.Errorf("looking for features: %w", err)
	}
	path := filepath.Join(dir, "features-"+hex.EncodeToString(key[:8])+".cache")
	count, width := len(examples.Records), t.net.FeatureShape().Size()
	if f := mapFeatures(path, key, count, width); f != nil {
		return f, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder for features: %w", err)
	}
	lock := flock.New(path + ".lock") // two processes at once would write one partial file
	if err := lock.Lock(); err != nil {
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	defer lock.Close()
	if f := mapFeatures(path, key, count, width); f != nil {
		return f, nil
	}
	t.log("computing the features of %d images, once (%d MB)", count, 4*count*width>>20)
	if err := t.writeFeatures(ctx, extractor, path, key, examples); err != nil {
		return nil, err
	}
	if f := mapFeatures(path, key, count, width); f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("the features in %s were written but cannot be mapped: check the disk and the memory limits", path)
}

// writeFeatures computes the features of examples into the file at path, which appears
// when it is complete.
func (t *trainer) writeFeatures(ctx context.Context, extractor *skinattn.Extractor, path string, key [sha256.Size]byte, examples *Examples) error {
	return atomicfile.WriteFile(path, func(w io.Writer) error {
		if _, err := w.Write(append([]byte(featureMagic), key[:]...)); err != nil {
			return err
		}
		raw := make([]byte, 0, 4*t.net.FeatureShape().Size())
		return extractor.Features(ctx, examples.Images, func(_ int, values []float32) error {
			raw = raw[:0]
			for _, v := range values {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
			}
			_, err := w.Write(raw)
			return err
		})
	})
}

// mapFeatures maps the file at path. It returns nil if the file is missing or holds other
// features.
func mapFeatures(path string, key [sha256.Size]byte, count, width int) *features {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close() // the map outlives the file handle
	info, err := file.Stat()
	if err != nil || info.Size() != int64(featureHeader)+4*int64(count)*int64(width) {
		return nil
	}
	mapped, err := mmap.Map(file, mmap.RDONLY, 0)
	if err != nil {
		return nil
	}
	if string(mapped[:featureHeader]) != featureMagic+string(key[:]) {
		mapped.Unmap()
		return nil
	}
	return &features{mapped, width}
}

// read fills dst with the features of example i.
func (f *features) read(i int, dst []float32) {
	raw := f.mapped[featureHeader+4*i*f.width:]
	for j := range dst[:f.width] {
		dst[j] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*j:]))
	}
}

// close unmaps the file, which stays for the next time.
func (f *features) close() error {
	if err := f.mapped.Unmap(); err != nil {
		return fmt.Errorf("closing the features: %w", err)
	}
	return nil
}
