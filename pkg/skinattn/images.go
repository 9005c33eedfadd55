package skinattn

import (
	"cmp"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/skinattn/skinattn/internal/filecache"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// Images are a network's input: photos, RGB 0..255 [Size Size 3], or, for a network after
// the cut, features [FeatureShape]. They are numbered from 0 to Len()-1. The zero value
// has no images.
type Images struct {
	n      int
	floats func(i int, dst []float32)
	bytes  func(i int) []uint8
	held   func(i int) []float32 // the floats themselves, where they are in memory
	views  *viewed               // what makes the floats, for images that are views of photos
	ahead  func(i int)           // nil: nothing can be read ahead
}

// Floats returns n images; write fills dst with image i. Photos need not be rounded: they
// can come from [imaging.SmartResize].
func Floats(n int, write func(i int, dst []float32)) Images { return Images{n: n, floats: write} }

// Bytes returns n photos of whole numbers, such as an [imaging.Cache] has. They become
// floats on the engine and take a quarter of the memory until then.
func Bytes(n int, photo func(i int) []uint8) Images { return Images{n: n, bytes: photo} }

// Cached returns the photos of a cache that have the given numbers there.
func Cached(cache *imaging.Cache, numbers []int) Images {
	return Bytes(len(numbers), func(i int) []uint8 { return cache.Image(numbers[i]) }).
		WithAhead(func(i int) { cache.Ahead(numbers[i]) })
}

// WithAhead returns im with a function that asks the system to read image i into memory and
// does not wait until it has; see [Images.Ahead].
func (im Images) WithAhead(ahead func(i int)) Images {
	im.ahead = ahead
	return im
}

// Ahead asks the system to read images into memory that will be wanted soon, where they lie
// in a file. It does not wait until the system has.
func (im Images) Ahead(indices []int) {
	if im.ahead != nil {
		for _, i := range indices {
			im.ahead(i)
		}
	}
}

// Held returns n images of floats that are in memory already. They are not written, and read
// while the images are in use.
func Held(n int, image func(i int) []float32) Images {
	return Images{n: n, held: image, floats: func(i int, dst []float32) { copy(dst, image(i)) }}
}

// Len returns the number of images.
func (im Images) Len() int { return im.n }

// Floats fills dst with image i, for a function of other images; elsewhere take [Images.Read].
// Photos become floats in RGB order, 0..255.
func (im Images) Floats(i int, dst []float32) {
	if im.bytes != nil {
		imaging.RGBOrder.Floats(dst, im.bytes(i))
		return
	}
	im.floats(i, dst)
}

// Read is Floats with an error in place of a crash if the file of a cache behind the images
// was cut short.
func (im Images) Read(i int, dst []float32) error {
	return filecache.Guard(func() { im.Floats(i, dst) })
}

// Slice returns the images from start up to end.
func (im Images) Slice(start, end int) (slice Images) {
	switch {
	case im.bytes != nil:
		slice = Bytes(end-start, func(i int) []uint8 { return im.bytes(start + i) })
	case im.held != nil:
		slice = Held(end-start, func(i int) []float32 { return im.held(start + i) })
	default:
		slice = Floats(end-start, func(i int, dst []float32) { im.floats(start+i, dst) })
	}
	if im.ahead != nil {
		slice.ahead = func(i int) { im.ahead(start + i) }
	}
	return slice
}

// InMemory returns images that can be read often at no cost: floats of the given length
// are read once and kept, because the function behind them may decode files. Bytes and what
// [Held] returns stay as they are. The error is of [Images.Read].
func (im Images) InMemory(length int) (Images, error) {
	if im.bytes != nil || im.held != nil {
		return im, nil
	}
	kept := make([][]float32, im.n)
	err := filecache.Guard(func() {
		for i := range kept {
			kept[i] = make([]float32, length)
			im.floats(i, kept[i])
		}
	})
	return Held(im.n, func(i int) []float32 { return kept[i] }), err
}

// turned returns views of size x size pixels of square photos of source x source pixels;
// see [imaging.Rotation]. Views of bytes are floats, too, because interpolated pixels are
// no whole numbers.
func (im Images) turned(source, size int, degrees float64, mirror bool) Images {
	rotation := imaging.NewRotation(source, size, degrees, mirror)
	if im.bytes != nil {
		return Floats(im.n, func(i int, dst []float32) { rotation.Bytes(dst, im.bytes(i)) })
	}
	upright := make([]float32, source*source*3)
	return Floats(im.n, func(i int, dst []float32) {
		im.floats(i, upright)
		rotation.Floats(dst, upright)
	})
}

// Tensor returns images as a batch [len(indices) shape...]: uint8 photos or float32. The
// error is of [Images.Read].
func (im Images) Tensor(indices []int, shape layers.Shape) (*tensors.Tensor, error) {
	batch := tensors.FromShape(im.batch(len(indices), shape))
	return batch, im.fill(batch, indices)
}

// batch is the shape of n images on the engine: bytes, or float32.
func (im Images) batch(n int, shape layers.Shape) shapes.Shape {
	dtype := dtypes.Float32
	if im.bytes != nil {
		dtype = dtypes.Uint8
	}
	return shapes.Make(dtype, append([]int{n}, shape...)...)
}

// fill writes image indices[k] to row k of a batch, and zeros to the rows behind.
func (im Images) fill(batch *tensors.Tensor, indices []int) error {
	if im.bytes != nil {
		return fill(batch, indices, func(i int, dst []uint8) { copy(dst, im.bytes(i)) })
	}
	return fill(batch, indices, im.floats)
}

func fill[T float32 | uint8](batch *tensors.Tensor, indices []int, write func(i int, dst []T)) (err error) {
	width := batch.Size() / batch.Shape().Dimensions[0]
	access := tensors.MutableFlatData(batch, func(flat []T) {
		err = filecache.Guard(func() {
			for k, i := range indices {
				write(i, row(flat, k, width))
			}
		})
		clear(flat[len(indices)*width:])
	})
	return cmp.Or(access, err)
}
