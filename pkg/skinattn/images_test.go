package skinattn

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/internal/testweights"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// randomBytes are n images of size pixels.
func randomBytes(n, size int) [][]uint8 {
	rng := rand.New(rand.NewPCG(1, 0))
	images := make([][]uint8, n)
	for i := range images {
		images[i] = make([]uint8, size*size*3)
		for j := range images[i] {
			images[i][j] = uint8(rng.Uint32())
		}
	}
	return images
}

// Bytes give the predictions and the features of the same numbers as floats, to
// the bit, in either channel order and where the last batch is not full.
func TestBytesAreFloats(t *testing.T) {
	const n = 5
	for _, order := range []imaging.Order{imaging.RGBOrder, imaging.BGROrder} {
		cfg := mustConfig(t, spec.Metadata, "mobilenet_v2")
		cfg.Cut, cfg.Size, cfg.ChannelOrder = "block_1_depthwise", 32, order // an early cut compiles in seconds
		net, err := NewNetwork(cfg)
		if err != nil {
			t.Fatal(err)
		}
		store := testweights.Filled(t, net.Graph)
		m, err := NewModel(testengine.Open(t).Backend, net, store, 2)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		extractor, err := net.NewExtractor(testengine.Open(t).Backend, store)
		if err != nil {
			t.Fatal(err)
		}
		defer extractor.Close()
		photos := randomBytes(n, cfg.Size)
		metadata := slices.Repeat([]Metadata{{Age: 30, Sex: "male", Localization: "back"}}, n)
		compute := func(images Images) (values [][]float32) {
			t.Helper()
			predictions, err := m.PredictViews(t.Context(), Request{Images: images, Metadata: metadata, Attention: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range predictions {
				values = append(values, slices.Concat(p.Logits, p.Probabilities, p.Attention))
			}
			err = extractor.Features(t.Context(), images, func(_ int, features []float32) error {
				values = append(values, slices.Clone(features))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return values
		}
		bytes := compute(Bytes(n, func(i int) []uint8 { return photos[i] }))
		floats := compute(Floats(n, func(i int, dst []float32) {
			for j, v := range photos[i] {
				dst[j] = float32(v)
			}
		}))
		if len(bytes) != 2*n || slices.Equal(bytes[0], bytes[1]) || slices.Equal(bytes[n], bytes[n+1]) {
			t.Fatal("the images tell nothing")
		}
		for i := range floats {
			if !slices.Equal(bytes[i], floats[i]) {
				t.Errorf("%v, predictions and features, row %d: bytes give other values than floats", order, i)
			}
		}
	}
}

// A batch has its images and zeros behind them, whatever it had before.
func TestFillBatch(t *testing.T) {
	photos := randomBytes(5, 2)
	for _, images := range []Images{
		Bytes(len(photos), func(i int) []uint8 { return photos[i] }),
		Floats(len(photos), func(i int, dst []float32) { imaging.RGBOrder.Floats(dst, photos[i]) }),
	} {
		shape := images.batch(3, layers.Shape{2, 2, 3})
		batch := tensors.FromShape(shape)
		flat := func(batch *tensors.Tensor) (values []float32) {
			batch.MustConstFlatData(func(flat any) {
				switch flat := flat.(type) {
				case []uint8:
					for _, v := range flat {
						values = append(values, float32(v))
					}
				case []float32:
					values = slices.Clone(flat)
				}
			})
			return values
		}
		for _, part := range [][2]int{{0, 3}, {3, 5}} {
			var indices []int
			want := make([]float32, 3*12)
			for i := part[0]; i < part[1]; i++ {
				images.Floats(i, row(want, i-part[0], 12))
				indices = append(indices, i)
			}
			if err := images.fill(batch, indices); err != nil {
				t.Fatal(err)
			}
			got := flat(batch)
			if !slices.Equal(got, want) {
				t.Errorf("%v, images %v: batch %v, want %v", shape.DType, part, got, want)
			}
		}
		// Chosen images, of a part of them.
		want := make([]float32, 3*12)
		for k, i := range []int{4, 2, 4} {
			images.Floats(i, row(want, k, 12))
		}
		chosen, err := images.Slice(1, 5).Tensor([]int{3, 1, 3}, layers.Shape{2, 2, 3})
		if err != nil {
			t.Fatal(err)
		}
		if got := flat(chosen); !slices.Equal(got, want) {
			t.Errorf("%v: chosen images are %v, want %v", shape.DType, got, want)
		}
		if kept, err := images.InMemory(12); err != nil || kept.Len() != 5 || !kept.batch(3, layers.Shape{2, 2, 3}).Equal(shape) {
			t.Errorf("%d images in memory, want 5; or not of %v", kept.Len(), shape.DType)
		}
	}
}
