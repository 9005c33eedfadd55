package simd

import "fmt"

// Image is the feature map of one example, or a part of it: the channels of row y and column x lie at Data[y*RowStride+x*Stride:].
type Image struct {
	Data              []float32
	Rows, Cols        int
	Stride, RowStride int
}

func (m Image) check(channels int) {
	if m.Rows < 1 || m.Cols < 1 || m.Stride < 0 || m.RowStride < 0 || (m.Rows-1)*m.RowStride+(m.Cols-1)*m.Stride+channels > len(m.Data) {
		panic(fmt.Sprintf("simd: %dx%d positions of %d channels at strides of %d and %d in %d", m.Rows, m.Cols, channels, m.RowStride, m.Stride, len(m.Data)))
	}
}

// Winograd is the kernel of a 3x3 convolution of stride 1 in the form F(4x4, 3x3): 4x4 positions of the output from 36 products for each pair of
// channels instead of 144. The points are 0, ±5/8, ±3/2 and infinity: the error is about twice that of the plain sum.
//
// A value of the input that is not finite makes NaN also of positions that do not see it: of those of the tiles whose windows have it, in all filters.
//
// S. Winograd, Arithmetic complexity of computations, 1980; A. Lavin and S. Gray, Fast algorithms for convolutional neural networks, CVPR 2016.
type Winograd struct {
	Level             Level
	Channels, Filters int

	products [winogradPoints]*Conv
	apart    int       // values from a product's kernel to the next
	tiles    int       // that go through at once
	zeros    []float32 // instead of a bias
}

const (
	winogradTile   = 4 // positions of the output, in each direction
	winogradWindow = 6 // of the input
	winogradPoints = winogradWindow * winogradWindow
	pointA         = 0.625
	pointB         = 1.5
)

// WinogradPays says whether Winograd's form beats the plain one for an output of rows x cols. It depends on the shape alone, so that
// results do not change with the size of a batch, and is the same on all levels.
func WinogradPays(rows, cols, channels, filters int) bool {
	tiles := Square.Tiles(rows, cols)
	switch {
	case channels < 16 || filters < 16:
		return false
	case filters < 48 && tiles < 49:
		// The transform of the input costs most where the filters are few. DenseNet has 80 such layers one behind the other, whose
		// rounding adds up.
		return false
	}
	// The kernel is four times as large: with few tiles it would be read more often than it is multiplied.
	const cache = 4 << 20
	return tiles >= 16 || 4*winogradPoints*channels*filters <= cache
}

// NewWinograd transforms and packs a kernel [3 3 channels filters].
func NewWinograd(level Level, kernel []float32, channels, filters int) *Winograd {
	if channels < 1 || filters < 1 || len(kernel) != 9*channels*filters {
		panic(fmt.Sprintf("simd: a 3x3 kernel of %d values for %d channels and %d filters", len(kernel), channels, filters))
	}
	w := MakeWinograd(level, channels, filters)
	g := winogradKernel()
	matrix := make([]float32, channels*filters)
	for p := range winogradPoints {
		row, col := g[p/winogradWindow], g[p%winogradWindow]
		for i := range matrix {
			sum := 0.
			for y := range 3 {
				for x := range 3 {
					sum += row[y] * col[x] * float64(kernel[(3*y+x)*len(matrix)+i])
				}
			}
			matrix[i] = float32(sum)
		}
		w.products[p].Repack(matrix)
	}
	return w
}

// MakeWinograd has the memory for a kernel [3 3 channels filters] and no kernel: Repack is next.
func MakeWinograd(level Level, channels, filters int) *Winograd {
	w := &Winograd{Level: level, Channels: channels, Filters: filters, zeros: make([]float32, max(filters, 0))}
	product, size := layConv(level, 1, channels, filters)
	// Repack writes to all matrices at once: an odd number of cache lines apart, they do not displace each other.
	w.apart = (pad16(size)/16 | 1) * 16
	memory := aligned(winogradPoints * w.apart)
	for p := range w.products {
		one := *product
		one.place(memory[p*w.apart:][:size:size])
		w.products[p] = &one
	}
	chain(w.products[:])
	// The matrices of a tile stay in the second cache besides the kernel; if the kernel is larger than that, each reading of it serves more tiles.
	perTile := 4 * winogradPoints * (pad16(channels) + pad16(filters))
	room := 448 << 10
	if w.Bytes() > 3<<20 {
		room = 8 << 20
	}
	w.tiles = min(max(12, room/perTile/12*12), 96)
	return w
}

// winogradKernel is the transform of the kernel: the values of the powers 0, 1, 2 at each point over the products of the distances to the other points.
func winogradKernel() (g [winogradWindow][3]float64) {
	points := []float64{0, pointA, -pointA, pointB, -pointB}
	for i, p := range points {
		distances := 1.
		for j, q := range points {
			if j != i {
				distances *= p - q
			}
		}
		g[i] = [3]float64{1 / distances, p / distances, p * p / distances}
	}
	g[winogradWindow-1] = [3]float64{0, 0, 1}
	return g
}

func pad16(n int) int { return (n + 15) / 16 * 16 }

// Bytes is the size of the transformed kernel.
func (w *Winograd) Bytes() int { return winogradPoints * w.products[0].Bytes() }

// Parts divides the filters as Conv.Parts does. Each part transforms all of the input, which costs little where the filters are many.
func (w *Winograd) Parts(n int) []*Winograd {
	var parts []*Winograd
	for p, product := range w.products {
		for i, part := range product.Parts(n) {
			if p == 0 {
				one := *w
				parts = append(parts, &one)
			}
			parts[i].products[p] = part
		}
	}
	for _, part := range parts {
		chain(part.products[:])
	}
	return parts
}

// planeOf is how far the matrices of so many tiles lie apart: not at a power of two, where they would displace each other from the caches.
func planeOf(tiles, channels int) int { return tiles*pad16(channels) + 16 }

// Scratch is how many values of scratch Compute needs. Each goroutine has its own.
func (w *Winograd) Scratch() int {
	edge := winogradPoints * w.Channels
	return winogradPoints*(planeOf(w.tiles, w.Channels)+planeOf(w.tiles, w.Filters)) + edge
}

// Compute makes the outputs dst[i] from the inputs src[i], all of one shape each. The window of row y and column x of an output begins at row y-top and column x-left of its input; what lies
// outside of the input is zero. A strip of an output is an Image of its own with another top. Position i of the residual counts through all outputs, rows first.
func (w *Winograd) Compute(dst, src []Image, top, left int, scratch []float32, e Epilogue) {
	if len(dst) > 0 {
		w.ComputeTiles(dst, src, top, left, 0, Square.Tiles(dst[0].Rows, dst[0].Cols)*len(dst), scratch, e)
	}
}

// ComputeTiles is Compute for the tiles from..to of all outputs, one output after the other, in each of them rows first: how threads may divide an image.
func (w *Winograd) ComputeTiles(dst, src []Image, top, left, from, to int, scratch []float32, e Epilogue) {
	if len(dst) == 0 && len(src) == 0 {
		return
	}
	rows, cols := checkImages(dst, src, w.Filters, w.Channels)
	w.products[0].check(nil, 0, 0, Epilogue{Bias: e.Bias})
	if e.Residual != nil {
		Map{e.Residual, e.ResidualStride}.check(len(dst)*rows*cols, w.Filters)
	}
	if len(scratch) < w.Scratch() {
		panic(fmt.Sprintf("simd: %d values of scratch, not %d", len(scratch), w.Scratch()))
	}
	if all := Square.Tiles(rows, cols) * len(dst); from < 0 || to > all {
		panic(fmt.Sprintf("simd: the tiles from %d to %d of %d", from, to, all))
	}
	for ; from < to; from += w.tiles {
		n := min(w.tiles, to-from)
		in, out := planeOf(n, w.Channels), planeOf(n, w.Filters)
		inputs, outputs := scratch[:winogradPoints*in], scratch[winogradPoints*in:winogradPoints*(in+out)]
		edge := scratch[winogradPoints*(in+out):]
		for t := range n {
			image, y, x := Square.origin(from+t, rows, cols)
			w.Level.input(inputs[t*pad16(w.Channels):], in, tileOf(src[image], y-top, x-left, winogradWindow, winogradWindow, w.Channels, edge), w.Channels)
		}
		for p, product := range w.products {
			product.ComputeRows(outputs[p*out:(p+1)*out], pad16(w.Filters), inputs[p*in:(p+1)*in], pad16(w.Channels), n, Epilogue{})
		}
		for t := range n {
			image, y, x := Square.origin(from+t, rows, cols)
			d := dst[image]
			d.Data = d.Data[y*d.RowStride+x*d.Stride:]
			d.Rows, d.Cols = min(winogradTile, rows-y), min(winogradTile, cols-x)
			part := e
			if e.Residual != nil {
				part.Residual = e.Residual[((image*rows+y)*cols+x)*e.ResidualStride:]
			}
			w.output(d, outputs[t*pad16(w.Filters):], out, cols, part)
		}
	}
}

// tileOf is the part of rows x cols positions of a map that begins at a row and column, which may lie outside of it: then edge, of as many positions with their
// channels, has a copy of what exists between zeros.
func tileOf(src Image, row, col, rows, cols, channels int, edge []float32) Image {
	if row >= 0 && col >= 0 && row+rows <= src.Rows && col+cols <= src.Cols {
		src.Data = src.Data[row*src.RowStride+col*src.Stride:]
		return src
	}
	edge = edge[:rows*cols*channels]
	clear(edge)
	first, last := max(col, 0), min(col+cols, src.Cols)
	for y := max(row, 0); y < min(row+rows, src.Rows) && first < last; y++ {
		to := edge[((y-row)*cols+first-col)*channels:]
		if src.Stride == channels {
			copy(to, src.Data[y*src.RowStride+first*src.Stride:][:(last-first)*channels])
			continue
		}
		for x := first; x < last; x++ {
			copy(to[(x-first)*channels:], src.Data[y*src.RowStride+x*src.Stride:][:channels])
		}
	}
	return Image{edge, rows, cols, channels, cols * channels}
}

// input transforms a tile of the input; to has its channels in the first matrix.
func (l Level) input(to []float32, plane int, tile Image, channels int) {
	if l != Generic {
		l.transformInput(to, plane, tile, channels)
		return
	}
	for c := range channels {
		var v [winogradWindow][winogradWindow]float32
		for y := range v {
			for x := range v[y] {
				v[y][x] = tile.Data[y*tile.RowStride+x*tile.Stride+c]
			}
			v[y] = transformInput(v[y])
		}
		for x := range winogradWindow {
			for y, value := range transformInput([winogradWindow]float32{v[0][x], v[1][x], v[2][x], v[3][x], v[4][x], v[5][x]}) {
				to[(y*winogradWindow+x)*plane+c] = value
			}
		}
	}
}

// transformInput has the order of operations of the assembly.
func transformInput(d [winogradWindow]float32) (t [winogradWindow]float32) {
	const a, b = pointA, pointB
	t[0] = fma(a*a*b*b, d[0], fma(-a*a-b*b, d[2], d[4]))
	t[5] = fma(a*a*b*b, d[1], fma(-a*a-b*b, d[3], d[5]))
	even, odd := fma(-b*b, d[2], d[4]), fma(-b*b, d[1], d[3])
	t[1], t[2] = fma(a, odd, even), fma(-a, odd, even)
	even, odd = fma(-a*a, d[2], d[4]), fma(-a*a, d[1], d[3])
	t[3], t[4] = fma(b, odd, even), fma(-b, odd, even)
	return t
}

// output transforms the products of a tile. from has its filters in the first matrix; cols is the width of the whole output.
func (w *Winograd) output(dst Image, from []float32, plane, cols int, e Epilogue) {
	if w.Level != Generic {
		first, last := w.products[0].filterRange()
		w.transformOutput(dst, from, plane, cols, e, first, last)
		return
	}
	for f := range w.Filters {
		var v [winogradWindow][winogradTile]float32
		for y := range v {
			var m [winogradWindow]float32
			for x := range m {
				m[x] = from[(y*winogradWindow+x)*plane+f]
			}
			v[y] = transformOutput(m)
		}
		for x := range dst.Cols {
			for y, value := range transformOutput([winogradWindow]float32{v[0][x], v[1][x], v[2][x], v[3][x], v[4][x], v[5][x]}) {
				if y < dst.Rows {
					dst.Data[y*dst.RowStride+x*dst.Stride+f] = e.apply(value+e.bias(f), y*cols+x, f)
				}
			}
		}
	}
}

// transformOutput has the order of operations of the assembly.
func transformOutput(m [winogradWindow]float32) [winogradTile]float32 {
	const a, b = pointA, pointB
	sum1, difference1 := m[1]+m[2], m[1]-m[2]
	sum2, difference2 := m[3]+m[4], m[3]-m[4]
	return [winogradTile]float32{
		m[0] + sum1 + sum2,
		fma(b, difference2, a*difference1),
		fma(b*b, sum2, a*a*sum1),
		fma(b*b*b, difference2, fma(a*a*a, difference1, m[5])),
	}
}
