package simd

import "fmt"

// Depthwise is the kernel of a depthwise convolution.
type Depthwise struct {
	Level                        Level
	Rows, Cols, Stride, Channels int

	plain  []float32 // Generic: [rows cols channels]
	packed []float32 // [vectors of channels][rows][cols][lanes]
	zeros  []float32 // instead of a bias
}

// maxRows is the greatest number of rows of a window.
const maxRows = 7

// NewDepthwise packs a kernel [rows cols channels]. There are windows of 3, 5 and 7 columns, of at most 7 rows, and strides 1 and 2.
func NewDepthwise(level Level, kernel []float32, rows, cols, stride, channels int) *Depthwise {
	if rows < 1 || rows > maxRows || cols != 3 && cols != 5 && cols != 7 || stride < 1 || stride > 2 {
		panic(fmt.Sprintf("simd: no depthwise convolution for a window of %dx%d and stride %d", rows, cols, stride))
	}
	if channels < 1 || len(kernel) != rows*cols*channels {
		panic(fmt.Sprintf("simd: a depthwise kernel of %d values for %dx%d and %d channels", len(kernel), rows, cols, channels))
	}
	d := &Depthwise{Level: level, Rows: rows, Cols: cols, Stride: stride, Channels: channels}
	if level == Generic {
		d.plain = kernel
		return d
	}
	lanes := level.lanes()
	vectors := (channels + lanes - 1) / lanes
	d.packed, d.zeros = aligned(vectors*rows*cols*lanes), make([]float32, channels)
	for v := range vectors {
		for tap := range rows * cols {
			copy(d.packed[(v*rows*cols+tap)*lanes:][:lanes], kernel[tap*channels+v*lanes:(tap+1)*channels])
		}
	}
	return d
}

// Row makes one row of n positions of the output, dst[i*dstStride:]. src has the rows of the input that it sees, from where the
// window of position 0 begins: the caller has padded maps. Positions of the input lie srcStride apart.
func (d *Depthwise) Row(dst []float32, dstStride int, src [][]float32, srcStride, n int, e Epilogue) {
	if n == 0 {
		return
	}
	if n < 0 || dstStride < d.Channels && n > 1 || (n-1)*dstStride+d.Channels > len(dst) {
		panic(fmt.Sprintf("simd: %d positions of %d channels at a stride of %d into %d", n, d.Channels, dstStride, len(dst)))
	}
	if len(src) < d.Rows || srcStride < 0 {
		panic(fmt.Sprintf("simd: %d rows at a stride of %d for a window of %d", len(src), srcStride, d.Rows))
	}
	for _, row := range src[:d.Rows] {
		if ((n-1)*d.Stride+d.Cols-1)*srcStride+d.Channels > len(row) {
			panic(fmt.Sprintf("simd: %d positions of %d channels at a stride of %d from a row of %d", (n-1)*d.Stride+d.Cols, d.Channels, srcStride, len(row)))
		}
	}
	if e.Bias != nil && len(e.Bias) < d.Channels {
		panic(fmt.Sprintf("simd: a bias of %d for %d channels", len(e.Bias), d.Channels))
	}
	if e.Residual != nil {
		panic("simd: a depthwise convolution takes no residual")
	}
	if d.Level != Generic {
		d.row(dst, dstStride, src, srcStride, n, e)
		return
	}
	for i := range n {
		for c := range d.Channels {
			sum := e.bias(c)
			for r := range d.Rows {
				for k := range d.Cols {
					sum = fma(src[r][(i*d.Stride+k)*srcStride+c], d.plain[(r*d.Cols+k)*d.Channels+c], sum)
				}
			}
			dst[i*dstStride+c] = e.apply(sum, i, c)
		}
	}
}
