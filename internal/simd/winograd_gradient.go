package simd

import "fmt"

// WinogradGradient adds up the gradient of the kernel of a convolution of stride 1 in the form that is [Winograd] transposed, F(3x3, 4x4), or [Line], F(7, 4): for each
// tile of 4x4 positions, 36 products for each pair of channel and filter instead of 144.
// A value that is not finite makes NaN also of taps that do not see it, of the same channel or filter.
//
// The tiles are taken in groups of at most GradientTiles: Transform for its tiles, then Add, and Finish at the end. Each of the three may be divided among threads, which wait for each other in between. The order of the sums does not depend on it.
type WinogradGradient struct {
	Level             Level
	Shape             Shape
	Channels, Filters int
	Tiles             int // of all images
}

// GradientTiles is how many tiles go through at once: as many as a KernelGradient sums in one go.
const GradientTiles = GradientBlock

// WinogradGradientPays says whether Winograd's form beats the plain one for the gradient of the kernel of a convolution with outputs of rows x cols for a batch of so many
// images. It is the same on all levels, and depends on the size of the batch.
func WinogradGradientPays(shape Shape, rows, cols, images, channels, filters int) bool {
	positions, tiles := rows*cols*images, shape.Tiles(rows, cols)*images
	y, x := shape.tile()
	switch {
	case min(channels, filters) < 16 || tiles < 8:
		return false
	case 8*positions < 3*tiles*y*x: // of the positions of a tile, those beyond the borders are multiplied for nothing
		return false
	case 4*shape.points()*channels*filters <= 10<<20:
		return true
	}
	// The sums go through memory, which takes as long as the products of 32 tiles do.
	return shape.taps()*positions >= shape.points()*(32+tiles)
}

// Matrices is how many values the transforms of a group take, of the input and of the cotangent.
func (g WinogradGradient) Matrices() (input, cotangent int) {
	n := min(g.Tiles, GradientTiles)
	return g.Shape.points() * planeOf(n, g.Channels), g.Shape.points() * planeOf(n, g.Filters)
}

// Sums is how many values the sums of the products take.
func (g WinogradGradient) Sums() int { return g.Shape.points() * g.sumsPlane() }

// sumsPlane is how far the sums of a point lie from those of the next: not at a power of two.
func (g WinogradGradient) sumsPlane() int { return pad16(g.Channels*g.Filters) + 16 }

// Scratch is how many values of scratch Transform and Add need. Each goroutine has its own.
func (g WinogradGradient) Scratch() int {
	return max(winogradPoints*g.Channels, winogradTile*winogradTile*g.Filters, g.products(g.Channels).Scratch())
}

// products sums the products of a point for some of the channels.
func (g WinogradGradient) products(channels int) KernelGradient {
	return KernelGradient{Level: g.Level, Taps: 1, Channels: channels, Filters: g.Filters}
}

// Transform transforms the tiles from..to of a group that begins with the tile first. src and cotangent have the images, of one shape each; the window of row y and
// column x of a cotangent begins at row y-top and column x-left of its input, and what lies outside of the input is zero.
func (g WinogradGradient) Transform(inputs, cotangents []float32, src, cotangent []Image, top, left, first, from, to int, scratch []float32) {
	rows, cols := checkImages(cotangent, src, g.Filters, g.Channels)
	n, all := g.group(first), g.Shape.Tiles(rows, cols)*len(src)
	if all != g.Tiles || from < first || to > first+n {
		panic(fmt.Sprintf("simd: the tiles from %d to %d of a group of %d from %d on, of %d", from, to, n, first, all))
	}
	in, out := planeOf(n, g.Channels), planeOf(n, g.Filters)
	if len(inputs) < g.Shape.points()*in || len(cotangents) < g.Shape.points()*out || len(scratch) < g.Scratch() {
		panic(fmt.Sprintf("simd: matrices of %d and %d and a scratch of %d for %d tiles", len(inputs), len(cotangents), len(scratch), n))
	}
	for t := from; t < to; t++ {
		image, y, x := g.Shape.origin(t, rows, cols)
		input, output := inputs[(t-first)*pad16(g.Channels):], cotangents[(t-first)*pad16(g.Filters):]
		if g.Shape == Square {
			g.Level.input(input, in, tileOf(src[image], y-top, x-left, winogradWindow, winogradWindow, g.Channels, scratch), g.Channels)
			g.Level.cotangent(output, out, tileOf(cotangent[image], y, x, winogradTile, winogradTile, g.Filters, scratch), g.Filters)
			continue
		}
		line, stride := g.Shape.line(src[image], y-top, x-left, linePoints, g.Channels, scratch)
		g.Level.transformLine(lineInput, input, in, line, stride, g.Channels)
		line, stride = g.Shape.line(cotangent[image], y, x, lineTile, g.Filters, scratch)
		g.Level.transformLine(lineCotangent, output, out, line, stride, g.Filters)
	}
}

// group is how many tiles the group has that begins with a tile.
func (g WinogradGradient) group(first int) int {
	if first < 0 || first >= g.Tiles || first%GradientTiles != 0 {
		panic(fmt.Sprintf("simd: a group of tiles from %d on, of %d", first, g.Tiles))
	}
	return min(g.Tiles-first, GradientTiles)
}

// Add adds one part of so many of the group's products to sums. The first group's replace what was there.
func (g WinogradGradient) Add(sums, inputs, cotangents []float32, first, part, parts int, scratch []float32) {
	n := g.group(first)
	in, out := planeOf(n, g.Channels), planeOf(n, g.Filters)
	if len(sums) < g.Sums() || len(inputs) < g.Shape.points()*in || len(cotangents) < g.Shape.points()*out || len(scratch) < g.Scratch() {
		panic(fmt.Sprintf("simd: sums of %d, matrices of %d and %d and a scratch of %d for %d tiles", len(sums), len(inputs), len(cotangents), len(scratch), n))
	}
	var offsets [GradientTiles]int32
	for i := range n {
		offsets[i] = int32(i * pad16(g.Channels))
	}
	// A point's channels come in pieces: cores may be many.
	pieces := (g.Channels + gatheredChannels - 1) / gatheredChannels
	from, to := shareOf(g.Shape.points()*pieces, part, parts)
	for from < to {
		point, piece := from/pieces, from%pieces
		count := min(to-from, pieces-piece)
		begin, end := piece*gatheredChannels, min((piece+count)*gatheredChannels, g.Channels)
		sum := sums[point*g.sumsPlane()+begin*g.Filters : point*g.sumsPlane()+end*g.Filters]
		if first == 0 {
			clear(sum)
		}
		g.products(end-begin).Add(sum, inputs[point*in+begin:(point+1)*in], offsets[:n], cotangents[point*out:(point+1)*out], pad16(g.Filters), scratch)
		from += count
	}
}

// Finish makes one part of so many of the gradient [3 3 channels filters], or [7 channels filters], from the sums.
func (g WinogradGradient) Finish(gradient, sums []float32, part, parts int) {
	n := g.Channels * g.Filters
	if len(gradient) != g.Shape.taps()*n || len(sums) < g.Sums() {
		panic(fmt.Sprintf("simd: the gradient of a kernel of %d values from sums of %d for %d channels and %d filters", len(gradient), len(sums), g.Channels, g.Filters))
	}
	from, to := partOf(n, part, parts)
	if from == to {
		return
	}
	gradient, sums = gradient[from:], sums[from:]
	if g.Shape != Square {
		g.Level.transformLine(lineSums, gradient, n, sums, g.sumsPlane(), to-from)
		return
	}
	if g.Level != Generic {
		g.Level.transformSums(gradient, n, sums, g.sumsPlane(), to-from)
		return
	}
	for i := range to - from {
		var v [winogradWindow][3]float32
		for y := range v {
			var s [winogradWindow]float32
			for x := range s {
				s[x] = sums[(y*winogradWindow+x)*g.sumsPlane()+i]
			}
			v[y] = transformSums(s)
		}
		for x := range 3 {
			for y, value := range transformSums([winogradWindow]float32{v[0][x], v[1][x], v[2][x], v[3][x], v[4][x], v[5][x]}) {
				gradient[(3*y+x)*n+i] = value
			}
		}
	}
}

// cotangent transforms a tile of the cotangent; to has its filters in the first matrix.
func (l Level) cotangent(to []float32, plane int, tile Image, filters int) {
	if l != Generic {
		l.transformCotangent(to, plane, tile, filters)
		return
	}
	for f := range filters {
		var v [winogradTile][winogradWindow]float32
		for y := range v {
			var d [winogradTile]float32
			for x := range d {
				d[x] = tile.Data[y*tile.RowStride+x*tile.Stride+f]
			}
			v[y] = transformCotangent(d)
		}
		for x := range winogradWindow {
			for y, value := range transformCotangent([winogradTile]float32{v[0][x], v[1][x], v[2][x], v[3][x]}) {
				to[(y*winogradWindow+x)*plane+f] = value
			}
		}
	}
}

// transformCotangent is the transposed transformOutput, in the order of operations of the assembly.
func transformCotangent(d [winogradTile]float32) (t [winogradWindow]float32) {
	const a, b = pointA, pointB
	t[0], t[5] = d[0], d[3]
	even, odd := fma(a*a, d[2], d[0]), fma(a*a, d[3], d[1])
	t[1], t[2] = fma(a, odd, even), fma(-a, odd, even)
	even, odd = fma(b*b, d[2], d[0]), fma(b*b, d[3], d[1])
	t[3], t[4] = fma(b, odd, even), fma(-b, odd, even)
	return t
}

// transformSums is the transposed transformKernel, in the order of operations of the assembly.
func transformSums(s [winogradWindow]float32) [3]float32 {
	const a, b = pointA, pointB
	sumA, differenceA := s[1]+s[2], s[1]-s[2]
	sumB, differenceB := s[3]+s[4], s[3]-s[4]
	return [3]float32{
		fma(1/(2*b*b*(b*b-a*a)), sumB, fma(1/(2*a*a*(a*a-b*b)), sumA, float32(1/(a*a*b*b)*s[0]))),
		fma(1/(2*b*(b*b-a*a)), differenceB, float32(1/(2*a*(a*a-b*b))*differenceA)),
		fma(1/(2*(b*b-a*a)), sumB, fma(1/(2*(a*a-b*b)), sumA, s[5])),
	}
}
