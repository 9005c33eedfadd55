package convolve

import (
	"fmt"

	"github.com/skinattn/skinattn/internal/parallel"
	"github.com/skinattn/skinattn/internal/simd"
)

// Run computes the convolution of the operands a and b, which have the geometry's dimensions, into out.
func (g Geometry) Run(level simd.Level, on Cores, a, b, out []float32) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("computing a convolution: %v", r)
		}
	}()
	if !g.valid() || len(a) != size(g.Dims[0]) || len(b) != size(g.Dims[1]) || len(out) != size(g.Dims[2]) {
		return fmt.Errorf("no convolution of %d and %d values: %+v", len(a), len(b), g)
	}
	c := &call{Geometry: g, level: level, cores: on, a: a, b: b, out: out}
	c.window, c.channels, c.filters = g.window()
	if g.joinsRows() {
		// The rows of the window are the channels of a window of one column.
		c.window[1], c.channels = 1, c.window[1]*c.channels
	}
	form, ok := g.form()
	n, rows, cols := g.Dims[2][0], g.Dims[2][1], g.Dims[2][2]
	switch {
	case g.Kind == KernelGradient && ok && simd.WinogradGradientPays(form, g.Dims[1][1], g.Dims[1][2], g.Dims[1][0], c.channels, c.filters):
		return c.winogradGradient(form)
	case g.Kind == KernelGradient:
		return c.kernelGradient()
	case g.Dilation != [2]int{1, 1}:
		return c.dilated()
	case ok && form == simd.Square && simd.TrainingWinogradPays(rows, cols, n, c.channels, c.filters):
		return c.winograd()
	case ok && form != simd.Square && simd.LinePays(form, rows, cols, n, c.channels, c.filters):
		return c.line(form)
	}
	return c.plain()
}

// form is the Winograd form that a convolution without strides has, or its gradient.
func (g Geometry) form() (form simd.Shape, ok bool) {
	if one := [2]int{1, 1}; g.Stride != one || g.Spread != one || g.Dilation != one || g.joinsRows() {
		return 0, false
	}
	size, _, _ := g.window()
	form, ok = map[[2]int]simd.Shape{{3, 3}: simd.Square, {1, 7}: simd.Row, {7, 1}: simd.Column}[size]
	return form, ok
}

func size(dims [4]int) int { return dims[0] * dims[1] * dims[2] * dims[3] }

// call is a convolution that is being computed.
type call struct {
	Geometry
	level             simd.Level
	cores             Cores
	a, b, out         []float32
	window            [2]int
	channels, filters int
}

func (c *call) taps() int { return c.window[0] * c.window[1] }

// Cores compute a convolution. The zero value is the caller's alone.
type Cores struct {
	Others int               // besides the caller's
	Help   func(task func()) // hands a task to some of them, which run it if they have time
}

// all is how many they are.
func (c Cores) all() int { return 1 + c.Others }

func (c Cores) help(task func()) {
	if c.Others > 0 {
		c.Help(task)
	}
}

// fine is a number of parts for phases whose result does not depend on it: whoever is late does fewer of them.
func (c *call) fine() int {
	if c.cores.Others == 0 {
		return 1
	}
	return 4 * c.cores.all()
}

// together runs the phases, one after the other, each in so many parts that may be computed at the same time.
func (c *call) together(parts int, phases ...func(part, parts int)) error {
	rounds := make([]parallel.Round, len(phases))
	for i, phase := range phases {
		rounds[i] = parallel.Round{Pieces: parts, Do: func(part int) { phase(part, parts) }}
	}
	if err := parallel.Rounds(c.cores.help, rounds...); err != nil {
		return fmt.Errorf("computing a convolution: %w", err)
	}
	return nil
}

// divided is the part of n things that come in whole numbers of each.
func divided(n, each, part, parts int) (from, to int) {
	units := (n + each - 1) / each
	return min(n, units*part/parts*each), min(n, units*(part+1)/parts*each)
}

// plain is a convolution as the sum over the taps.
func (c *call) plain() error {
	kernel, giveBack := takeConv(c.level, c.taps(), c.channels, c.filters)
	defer giveBack()
	positions := size(c.Dims[2]) / c.Dims[2][3]
	chunk := chunkOf(kernel)
	return c.together(c.fine(), func(part, parts int) { kernel.RepackPart(c.b, layout(c.Kind), part, parts) }, func(part, parts int) {
		from, to := divided(positions, 24, part, parts)
		offsets := take[int32](chunk * c.taps())
		defer give(offsets)
		for ; from < to; from += chunk {
			n := min(chunk, to-from)
			dst := c.out[from*c.filters:]
			if c.dense() {
				kernel.ComputeRows(dst, c.filters, c.a[from*c.channels:], c.channels, n, simd.Epilogue{})
				continue
			}
			at := offsets[:n*c.taps()]
			c.offsets(at, from, n, c.Stride, c.Dims[2])
			kernel.Compute(dst, c.filters, c.a, at, simd.Epilogue{})
		}
	})
}

// dense says that each position sees itself alone.
func (c *call) dense() bool {
	return c.taps() == 1 && c.Stride == [2]int{1, 1} && c.Spread == [2]int{1, 1} && c.Pad == [2][2]int{} && c.channels == c.Dims[0][3]
}

// chunkOf is how many positions are computed at once: their input and output stay in the second cache, unless the kernel is larger
// than that, which then serves more of them each time it is read.
func chunkOf(kernel *simd.Conv) int {
	const l2 = 256 << 10
	if kernel.Bytes() > 2*l2 {
		return 1536
	}
	return max(48, min(1536, l2/4/(kernel.Channels+kernel.Filters)/24*24))
}

// offsets has, tap by tap, where in the first operand the channels begin that the positions from..from+n of a map of the given dimensions see; -1: nowhere.
func (c *call) offsets(at []int32, from, n int, stride [2]int, dims [4]int) {
	rows, cols := c.Dims[0][1], c.Dims[0][2]
	channels := c.Dims[0][3]
	seen := cols // columns at which a joined row may begin
	if c.channels != channels {
		seen = cols - c.channels/channels + 1
	}
	for tap := range c.taps() {
		dy, dx := tap/c.window[1]-c.Pad[0][0], tap%c.window[1]-c.Pad[1][0]
		to := at[tap*n : (tap+1)*n]
		image, y, x := from/(dims[1]*dims[2]), from/dims[2]%dims[1], from%dims[2]
		for i := 0; i < n; {
			row := y*stride[0] + dy
			count := min(n-i, dims[2]-x)
			line := to[i : i+count]
			if row < 0 || row >= rows {
				for k := range line {
					line[k] = -1
				}
			} else {
				first := (image*rows + row) * cols
				for k := range line {
					col := (x+k)*stride[1] + dx
					if uint(col) < uint(seen) {
						line[k] = int32((first + col) * channels)
					} else {
						line[k] = -1
					}
				}
			}
			i, x, y = i+count, 0, y+1
			if y == dims[1] {
				y, image = 0, image+1
			}
		}
	}
}

// winograd is a 3x3 convolution of stride 1 in Winograd's form.
func (c *call) winograd() error {
	kernel, giveBack := takeWinograd(c.level, c.channels, c.filters)
	defer giveBack()
	src, dst := images(c.a, c.Dims[0]), images(c.out, c.Dims[2])
	tiles := simd.Square.Tiles(dst[0].Rows, dst[0].Cols) * len(dst)
	return c.together(c.fine(), func(part, parts int) { kernel.RepackPart(c.b, layout(c.Kind), part, parts) }, func(part, parts int) {
		from, to := divided(tiles, 12, part, parts)
		scratch := take[float32](kernel.Scratch())
		defer give(scratch)
		kernel.ComputeTiles(dst, src, c.Pad[0][0], c.Pad[1][0], from, to, scratch, simd.Epilogue{})
	})
}

// images are the maps of a batch.
func images(values []float32, dims [4]int) (all []simd.Image) {
	for i, n := 0, dims[1]*dims[2]*dims[3]; i < dims[0]; i++ {
		all = append(all, simd.Image{Data: values[i*n : (i+1)*n], Rows: dims[1], Cols: dims[2], Stride: dims[3], RowStride: dims[2] * dims[3]})
	}
	return all
}

// line is a convolution of 1x7 or 7x1 in Winograd's form.
func (c *call) line(form simd.Shape) error {
	kernel, giveBack := takeLine(c.level, form, c.channels, c.filters)
	defer giveBack()
	matrices := take[float32](kernel.Matrices())
	defer give(matrices)
	src, dst := images(c.a, c.Dims[0]), images(c.out, c.Dims[2])
	tiles := form.Tiles(dst[0].Rows, dst[0].Cols) * len(dst)
	return c.together(c.fine(), func(part, parts int) { kernel.TransformKernel(matrices, c.b, part, parts) },
		func(part, parts int) { kernel.RepackPart(matrices, layout(c.Kind), part, parts) },
		func(part, parts int) {
			from, to := divided(tiles, 12, part, parts)
			scratch := take[float32](kernel.Scratch())
			defer give(scratch)
			kernel.ComputeTiles(dst, src, c.Pad[0][0], c.Pad[1][0], from, to, scratch)
		})
}

// winogradGradient is the gradient of a kernel in Winograd's form.
func (c *call) winogradGradient(form simd.Shape) error {
	src, cotangent := images(c.a, c.Dims[0]), images(c.b, c.Dims[1])
	g := simd.WinogradGradient{Level: c.level, Shape: form, Channels: c.channels, Filters: c.filters, Tiles: form.Tiles(cotangent[0].Rows, cotangent[0].Cols) * len(src)}
	in, out := g.Matrices()
	inputs, cotangents, sums := take[float32](in), take[float32](out), take[float32](g.Sums())
	defer give(inputs)
	defer give(cotangents)
	defer give(sums)
	withScratch := func(do func(scratch []float32)) {
		scratch := take[float32](g.Scratch())
		defer give(scratch)
		do(scratch)
	}
	var phases []func(part, parts int)
	for first := 0; first < g.Tiles; first += simd.GradientTiles {
		n := min(simd.GradientTiles, g.Tiles-first)
		phases = append(phases, func(part, parts int) {
			withScratch(func(scratch []float32) {
				from, to := divided(n, 1, part, parts)
				g.Transform(inputs, cotangents, src, cotangent, c.Pad[0][0], c.Pad[1][0], first, first+from, first+to, scratch)
			})
		}, func(part, parts int) {
			withScratch(func(scratch []float32) { g.Add(sums, inputs, cotangents, first, part, parts, scratch) })
		})
	}
	return c.together(c.fine(), append(phases, func(part, parts int) { g.Finish(c.out, sums, part, parts) })...)
}

// dilated is the gradient of the input of a convolution with strides. Output positions whose places differ by whole strides see the same
// taps: each such phase is a convolution of its own.
func (c *call) dilated() error {
	type phase struct {
		kernel *simd.Conv
		taps   []int
		values []float32 // of the kernel under the taps
	}
	phases := make([]phase, c.Dilation[0]*c.Dilation[1])
	each := c.channels * c.filters
	for p := range phases {
		for tap := range c.taps() {
			dy, dx := p/c.Dilation[1]+tap/c.window[1]-c.Pad[0][0], p%c.Dilation[1]+tap%c.window[1]-c.Pad[1][0]
			if mod(dy, c.Dilation[0]) == 0 && mod(dx, c.Dilation[1]) == 0 {
				phases[p].taps = append(phases[p].taps, tap)
			}
		}
		if n := len(phases[p].taps); n > 0 {
			kernel, giveBack := takeConv(c.level, n, c.channels, c.filters)
			phases[p].kernel = kernel
			defer giveBack()
			phases[p].values = take[float32](n * each)
			defer give(phases[p].values)
		}
	}
	in, out := c.Dims[0], c.Dims[2]
	return c.together(c.fine(), func(part, parts int) {
		from, to := divided(each, 16, part, parts)
		for _, p := range phases {
			for i, tap := range p.taps {
				copy(p.values[i*each+from:i*each+to], c.b[tap*each+from:])
			}
		}
	}, func(part, parts int) {
		for _, p := range phases {
			if p.kernel != nil {
				p.kernel.RepackPart(p.values, layout(c.Kind), part, parts)
			}
		}
	}, func(part, parts int) {
		at := take[int32](out[2] * c.taps())
		defer give(at)
		from, to := divided(out[0]*out[1], 1, part, parts)
		for line := from; line < to; line++ {
			image, y := line/out[1], line%out[1]
			for px := range min(c.Dilation[1], out[2]) {
				p := phases[y%c.Dilation[0]*c.Dilation[1]+px]
				n := (out[2] - px + c.Dilation[1] - 1) / c.Dilation[1]
				dst := c.out[(line*out[2]+px)*c.filters:]
				if p.kernel == nil {
					for i := range n {
						clear(dst[i*c.Dilation[1]*c.filters:][:c.filters])
					}
					continue
				}
				for i, tap := range p.taps {
					row := floorDiv(y+tap/c.window[1]-c.Pad[0][0], c.Dilation[0])
					first := floorDiv(px+tap%c.window[1]-c.Pad[1][0], c.Dilation[1])
					for k := range n {
						at[i*n+k] = -1
						if col := first + k; uint(row) < uint(in[1]) && uint(col) < uint(in[2]) {
							at[i*n+k] = int32(((image*in[1]+row)*in[2] + col) * in[3])
						}
					}
				}
				p.kernel.Compute(dst, c.Dilation[1]*c.filters, c.a, at[:n*len(p.taps)], simd.Epilogue{})
			}
		}
	})
}

func mod(n, m int) int { return ((n % m) + m) % m }

func floorDiv(n, m int) int { return (n - mod(n, m)) / m }

// kernelGradient is the sum, over all positions, of what they see under each tap times their cotangents. The positions are divided among sums, which are added up at
// the end; where they are too few for all cores, several cores make the taps of one sum.
func (c *call) kernelGradient() error {
	dims, each := c.Dims[1], c.channels*c.filters
	positions := size(dims) / dims[3]
	sums := make([][]float32, min(c.cores.all(), (positions+simd.GradientBlock-1)/simd.GradientBlock))
	sums[0] = c.out
	for i := range sums[1:] {
		sums[1+i] = take[float32](len(c.out))
		defer give(sums[1+i])
	}
	const chunk = 2048
	return c.together(c.cores.all(), func(part, parts int) {
		// Parts that are one too many for the others do nothing.
		number, member, members := part%len(sums), part/len(sums), parts/len(sums)
		if member >= members {
			return
		}
		first, last := divided(c.taps(), 1, member, members)
		if first == last {
			return
		}
		sum := simd.KernelGradient{Level: c.level, Taps: last - first, Channels: c.channels, Filters: c.filters}
		to := sums[number][first*each : last*each]
		clear(to)
		offsets, scratch := take[int32](chunk*c.taps()), take[float32](sum.Scratch())
		defer give(offsets)
		defer give(scratch)
		from, end := divided(positions, simd.GradientBlock, number, len(sums))
		for ; from < end; from += chunk {
			n := min(chunk, end-from)
			at := offsets[:n*c.taps()]
			c.offsets(at, from, n, c.Spread, dims)
			sum.Add(to, c.a, at[first*n:last*n], c.b[from*c.filters:], c.filters, scratch)
		}
	}, func(part, parts int) {
		from, to := divided(len(c.out), 16, part, parts)
		out := c.out[from:to]
		for _, other := range sums[1:] {
			for i, v := range other[from:to] {
				out[i] += v
			}
		}
	})
}

// layout is how the kernel of a kind lies in memory.
func layout(k Kind) simd.Form {
	if k == InputGradient {
		return simd.Transposed
	}
	return simd.Straight
}
