package skinattn

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// Images are what a network is fed: photos, RGB 0..255 [Size Size 3], or, for a network
// after the cut, features [FeatureShape]. They are known by number, from 0 to Len()-1.
// The zero value has no images.
type Images struct {
	n      int
	floats func(i int, dst []float32)
	bytes  func(i int) []uint8
}

// Floats returns n images that write gives: it fills dst with image i. Photos are not
// rounded, as [imaging.SmartResize] gives them.
func Floats(n int, write func(i int, dst []float32)) Images { return Images{n: n, floats: write} }

// Bytes returns n photos of whole numbers, as an [imaging.Cache] has them. They become
// floats on the engine and take a quarter of the memory on the way there.
func Bytes(n int, photo func(i int) []uint8) Images { return Images{n: n, bytes: photo} }

// Len returns the number of images.
func (im Images) Len() int { return im.n }

// Floats fills dst with image i. Photos become floats in RGB order, 0..255.
func (im Images) Floats(i int, dst []float32) {
	if im.bytes != nil {
		imaging.RGBOrder.Floats(dst, im.bytes(i))
		return
	}
	im.floats(i, dst)
}

// Slice returns the images from start up to end.
func (im Images) Slice(start, end int) Images {
	whole := im
	im.n = end - start
	if whole.bytes != nil {
		im.bytes = func(i int) []uint8 { return whole.bytes(start + i) }
	} else {
		im.floats = func(i int, dst []float32) { whole.floats(start+i, dst) }
	}
	return im
}

// InMemory returns images that may be read often: floats of the given length, which a
// function may have decoded from a file, are read once and kept. Bytes stay as they are.
func (im Images) InMemory(length int) Images {
	if im.bytes != nil {
		return im
	}
	kept := make([][]float32, im.n)
	for i := range kept {
		kept[i] = make([]float32, length)
		im.floats(i, kept[i])
	}
	return Floats(im.n, func(i int, dst []float32) { copy(dst, kept[i]) })
}

// turned returns views of square photos of size pixels; see [imaging.Rotation]. They are
// floats, also of bytes: interpolated between pixels, they are no whole numbers.
func (im Images) turned(size int, degrees float64, mirror bool) Images {
	rotation := imaging.NewRotation(size, degrees, mirror)
	if im.bytes != nil {
		return Floats(im.n, func(i int, dst []float32) { rotation.Bytes(dst, im.bytes(i)) })
	}
	upright := make([]float32, size*size*3)
	return Floats(im.n, func(i int, dst []float32) {
		im.floats(i, upright)
		rotation.Floats(dst, upright)
	})
}

// dtype is the number type in which the engine gets the images.
func (im Images) dtype() dtypes.DType {
	if im.bytes != nil {
		return dtypes.Uint8
	}
	return dtypes.Float32
}

// Tensor returns images as a batch [len(indices) shape...]: uint8 photos or float32.
func (im Images) Tensor(indices []int, shape layers.Shape) *tensors.Tensor {
	dimensions := append([]int{len(indices)}, shape...)
	if im.bytes != nil {
		flat := make([]uint8, len(indices)*shape.Size())
		im.fillBytes(flat, indices, shape.Size())
		return tensors.FromFlatDataAndDimensions(flat, dimensions...)
	}
	flat := make([]float32, len(indices)*shape.Size())
	im.fillFloats(flat, indices, shape.Size())
	return tensors.FromFlatDataAndDimensions(flat, dimensions...)
}

// fill writes the images start to end-1 to the rows of batch, which has their number
// type, and zeros to the rows behind them.
func (im Images) fill(batch *tensors.Tensor, start, end int) error {
	width := batch.Size() / batch.Shape().Dimensions[0]
	indices := make([]int, end-start)
	for k := range indices {
		indices[k] = start + k
	}
	if im.bytes != nil {
		return tensors.MutableFlatData(batch, func(flat []uint8) { im.fillBytes(flat, indices, width) })
	}
	return tensors.MutableFlatData(batch, func(flat []float32) { im.fillFloats(flat, indices, width) })
}

func (im Images) fillBytes(flat []uint8, indices []int, width int) {
	fill(flat, indices, width, func(i int, dst []uint8) { copy(dst, im.bytes(i)) })
}

func (im Images) fillFloats(flat []float32, indices []int, width int) {
	fill(flat, indices, width, im.floats)
}

// fill writes image indices[k] to values k*width to (k+1)*width-1 of flat, and zeros
// behind the last.
func fill[T float32 | uint8](flat []T, indices []int, width int, write func(i int, dst []T)) {
	for k, i := range indices {
		write(i, row(flat, k, width))
	}
	clear(flat[len(indices)*width:])
}
