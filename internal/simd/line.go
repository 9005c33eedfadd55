package simd

import "fmt"

// Shape is the kernel of a convolution of stride 1 that has a Winograd form, and of the tiles that it is computed in.
type Shape int

// The shapes.
const (
	Square Shape = iota // 3x3, tiles of 4x4 positions
	Row                 // 1x7, tiles of 4 positions of a row
	Column              // 7x1, of a column
)

// tile is how many rows and columns of the output a tile has.
func (s Shape) tile() (rows, cols int) {
	return [...]int{winogradTile, 1, lineTile}[s], [...]int{winogradTile, lineTile, 1}[s]
}

// points is the number of products, and of matrices.
func (s Shape) points() int { return [...]int{winogradPoints, linePoints, linePoints}[s] }

// taps is the number of offsets of the kernel.
func (s Shape) taps() int { return [...]int{9, lineTaps, lineTaps}[s] }

// Tiles is the number of tiles of an output of rows x cols.
func (s Shape) Tiles(rows, cols int) int {
	y, x := s.tile()
	return (rows + y - 1) / y * ((cols + x - 1) / x)
}

// origin is where a tile begins. The tiles of all images count through, those of an image rows first.
func (s Shape) origin(tile, rows, cols int) (image, row, col int) {
	each := s.Tiles(rows, cols)
	y, x := s.tile()
	across := (cols + x - 1) / x
	return tile / each, tile % each / across * y, tile % each % across * x
}

// step is how far the positions of a line of a map lie apart.
func (s Shape) step(m Image) int {
	if s == Column {
		return m.RowStride
	}
	return m.Stride
}

// line is n positions of a map from a row and column on, along a Row or Column, with their distance; edge is as tileOf's.
func (s Shape) line(src Image, row, col, n, channels int, edge []float32) (data []float32, step int) {
	rows, cols := 1, n
	if s == Column {
		rows, cols = n, 1
	}
	tile := tileOf(src, row, col, rows, cols, channels, edge)
	return tile.Data, s.step(tile)
}

// Line is the kernel of a convolution of 1x7 or 7x1 and of stride 1 in the form F(4, 7): four positions of the output from ten products for each pair of channels
// instead of 28. The error is about fourteen times that of the plain sum in blocks. A value that is not finite spreads as in a [Winograd].
type Line struct {
	Level             Level
	Shape             Shape // Row or Column
	Channels, Filters int

	products [linePoints]*Conv
	tiles    int // that go through at once
}

// MakeLine has the memory for a kernel [7 channels filters] and no kernel: TransformKernel and RepackPart are next.
func MakeLine(level Level, shape Shape, channels, filters int) *Line {
	l := &Line{Level: level, Shape: shape, Channels: channels, Filters: filters}
	for p := range l.products {
		l.products[p] = MakeConv(level, 1, channels, filters)
		l.products[p].BlockSums()
	}
	chain(l.products[:])
	// The matrices of a tile stay in the second cache with a part of the kernel.
	l.tiles = min(max(12, (768<<10)/(4*linePoints*(pad16(channels)+pad16(filters)))/12*12), 96)
	return l
}

// LinePays says whether the form beats the plain one where the kernel is transformed for each batch of so many images, for outputs of rows x cols. It is the same on
// all levels, and for a convolution and the one that makes the gradient with respect to its input; it depends on the size of the batch.
func LinePays(shape Shape, rows, cols, images, channels, filters int) bool {
	along := cols
	if shape == Column {
		along = rows
	}
	return min(channels, filters) >= 24 && along >= lineTile && shape.Tiles(rows, cols)*images >= 16
}

// Bytes is the size of the transformed kernel.
func (l *Line) Bytes() int { return linePoints * l.products[0].Bytes() }

// Matrices is how many values the transformed kernel takes before it is packed.
func (l *Line) Matrices() int { return linePoints * l.matrix() }

// matrix is how far the matrices of two points lie apart.
func (l *Line) matrix() int { return pad16(l.Channels*l.Filters) + 16 }

// TransformKernel makes one part of so many of the matrices of a kernel, whatever its form. The parts may run at the same time.
func (l *Line) TransformKernel(matrices, kernel []float32, part, parts int) {
	n := l.Channels * l.Filters
	if len(kernel) != lineTaps*n || len(matrices) < l.Matrices() {
		panic(fmt.Sprintf("simd: a kernel of %d values and matrices of %d for %d channels and %d filters", len(kernel), len(matrices), l.Channels, l.Filters))
	}
	if from, to := partOf(n, part, parts); from < to {
		l.Level.transformLine(lineKernel, matrices[from:], l.matrix(), kernel[from:], n, to-from)
	}
}

// RepackPart packs one part of so many of the matrices of a kernel [7 channels filters], or if transposed [7 filters channels]. The parts may run at the same time, after all of
// TransformKernel.
func (l *Line) RepackPart(matrices []float32, form Form, part, parts int) {
	for p, product := range l.products {
		product.RepackPart(matrices[p*l.matrix():][:l.Channels*l.Filters], form, part, parts)
	}
}

// Scratch is how many values of scratch ComputeTiles needs. Each goroutine has its own.
func (l *Line) Scratch() int {
	return linePoints * (planeOf(l.tiles, l.Channels) + planeOf(l.tiles, l.Filters) + max(l.Channels, l.Filters))
}

// ComputeTiles makes the tiles from..to of the outputs dst[i] from the inputs src[i], all of one shape each. The window of row y and column x of an output begins at row
// y-top and column x-left of its input; what lies outside of the input is zero.
func (l *Line) ComputeTiles(dst, src []Image, top, left, from, to int, scratch []float32) {
	rows, cols := checkImages(dst, src, l.Filters, l.Channels)
	if from < 0 || to > l.Shape.Tiles(rows, cols)*len(dst) || len(scratch) < l.Scratch() {
		panic(fmt.Sprintf("simd: the tiles from %d to %d of %d with %d values of scratch", from, to, l.Shape.Tiles(rows, cols)*len(dst), len(scratch)))
	}
	for ; from < to; from += l.tiles {
		n := min(l.tiles, to-from)
		in, out := planeOf(n, l.Channels), planeOf(n, l.Filters)
		inputs, outputs := scratch[:linePoints*in], scratch[linePoints*in:linePoints*(in+out)]
		edge := scratch[linePoints*(in+out):]
		for t := range n {
			image, y, x := l.Shape.origin(from+t, rows, cols)
			line, stride := l.Shape.line(src[image], y-top, x-left, linePoints, l.Channels, edge)
			l.Level.transformLine(lineInput, inputs[t*pad16(l.Channels):], in, line, stride, l.Channels)
		}
		for p, product := range l.products {
			product.ComputeRows(outputs[p*out:(p+1)*out], pad16(l.Filters), inputs[p*in:(p+1)*in], pad16(l.Channels), n, Epilogue{})
		}
		for t := range n {
			image, y, x := l.Shape.origin(from+t, rows, cols)
			d := dst[image]
			stride, exist := l.Shape.step(d), cols-x
			if l.Shape == Column {
				exist = rows - y
			}
			to := d.Data[y*d.RowStride+x*d.Stride:]
			if exist >= lineTile {
				l.Level.transformLine(lineOutput, to, stride, outputs[t*pad16(l.Filters):], out, l.Filters)
				continue
			}
			l.Level.transformLine(lineOutput, edge, l.Filters, outputs[t*pad16(l.Filters):], out, l.Filters)
			for i := range exist {
				copy(to[i*stride:], edge[i*l.Filters:(i+1)*l.Filters])
			}
		}
	}
}

// checkImages gives the rows and columns of some outputs, all of which are alike.
func checkImages(dst, src []Image, filters, channels int) (rows, cols int) {
	if len(dst) != len(src) || len(src) == 0 {
		panic(fmt.Sprintf("simd: %d outputs of %d inputs", len(dst), len(src)))
	}
	rows, cols = dst[0].Rows, dst[0].Cols
	for i := range src {
		src[i].check(channels)
		dst[i].check(filters)
		if dst[i].Rows != rows || dst[i].Cols != cols || dst[i].Stride < filters && cols > 1 {
			panic(fmt.Sprintf("simd: an output of %dx%d at a stride of %d besides one of %dx%d", dst[i].Rows, dst[i].Cols, dst[i].Stride, rows, cols))
		}
	}
	return rows, cols
}

// lineTransform is one of the transforms of a line.
type lineTransform int

const (
	lineInput     lineTransform = iota // ten positions to ten points
	lineKernel                         // seven taps to ten points
	lineOutput                         // ten points to four positions
	lineCotangent                      // four positions to ten points
	lineSums                           // ten points to seven taps
)

// lineMatrix is a transform. Its rows are what is made, its columns what it is made of.
type lineMatrix struct {
	toPoints bool // the rows belong to the points 0, p, -p, q, -q, ..., infinity; else the columns do
	rows     [][]float32
}

func (t lineTransform) matrix() lineMatrix {
	return [...]lineMatrix{lineInputMatrix, lineKernelMatrix, lineOutputMatrix, lineCotangentMatrix, lineSumsMatrix}[t]
}

// transformLine transforms n channels, filters or pairs of both. What is made lies dstStride values apart, what it is made of srcStride.
func (l Level) transformLine(t lineTransform, dst []float32, dstStride int, src []float32, srcStride, n int) {
	m := t.matrix()
	in, out := len(m.rows[0]), len(m.rows)
	_, _ = src[(in-1)*srcStride+n-1], dst[(out-1)*dstStride+n-1]
	if l != Generic {
		l.lines(t, dst, dstStride, src, srcStride, n)
		return
	}
	x := make([]float32, in)
	for c := range n {
		for j := range x {
			x[j] = src[j*srcStride+c]
		}
		m.apply(x, func(i int, v float32) { dst[i*dstStride+c] = v })
	}
}

// apply has the order of operations of the assembly. It changes x.
func (m lineMatrix) apply(x []float32, made func(i int, v float32)) {
	sum := func(row []float32, columns ...int) (total float32) {
		first := true
		for _, j := range columns {
			if row[j] == 0 {
				continue
			}
			if first {
				total, first = float32(row[j]*x[j]), false
			} else {
				total = fma(row[j], x[j], total)
			}
		}
		return total
	}
	every := func(from, step, to int) (columns []int) {
		for ; from < to; from += step {
			columns = append(columns, from)
		}
		return columns
	}
	in, last := len(x), len(m.rows)-1
	if !m.toPoints {
		for j := 1; j < in-1; j += 2 { // what opposites have in common, and what not
			x[j], x[j+1] = x[j]+x[j+1], x[j+1]-x[j]
		}
	}
	for i, row := range m.rows {
		switch {
		case !m.toPoints:
			made(i, sum(row, append(append([]int{0}, every(1+i%2, 2, in-1)...), in-1)...))
		case i == 0 || i == last:
			made(i, sum(row, every(0, 1, in)...))
		case i%2 == 1:
			even, odd := sum(row, every(0, 2, in)...), sum(row, every(1, 2, in)...)
			made(i, even+odd)
			made(i+1, even-odd)
		}
	}
}
