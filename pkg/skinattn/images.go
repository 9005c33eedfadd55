package skinattn

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// Images are what a network is fed, known by number: Floats or Bytes.
type Images struct {
	floats func(i int, dst []float32)
	bytes  func(i int) []uint8
}

// Floats are images that write gives: it fills dst with the i-th one, RGB 0..255
// [Size Size 3], unrounded as imaging.SmartResize gives it, or with the features
// for a network after the cut.
func Floats(write func(i int, dst []float32)) Images { return Images{floats: write} }

// Bytes are images in RGB [Size Size 3], as a cache has them. They become floats
// on the engine: they take a quarter of the memory on the way there.
func Bytes(image func(i int) []uint8) Images { return Images{bytes: image} }

// write fills dst with the i-th image, as floats.
func (im Images) write(i int, dst []float32) {
	if im.bytes != nil {
		imaging.RGBOrder.Floats(dst, im.bytes(i))
		return
	}
	im.floats(i, dst)
}

// dtype is the number type that the engine gets.
func (im Images) dtype() dtypes.DType {
	if im.bytes != nil {
		return dtypes.Uint8
	}
	return dtypes.Float32
}

// fill puts the images start to end-1 into batch, which is of their dtype, and
// zeros behind them.
func (im Images) fill(batch *tensors.Tensor, start, end int) error {
	if im.bytes != nil {
		return fill(batch, start, end, func(i int, dst []uint8) { copy(dst, im.bytes(i)) })
	}
	return fill(batch, start, end, im.floats)
}

func fill[T float32 | uint8](batch *tensors.Tensor, start, end int, write func(i int, dst []T)) error {
	width := batch.Size() / batch.Shape().Dimensions[0]
	return tensors.MutableFlatData(batch, func(flat []T) {
		for i := start; i < end; i++ {
			write(i, row(flat, i-start, width))
		}
		clear(flat[(end-start)*width:])
	})
}
