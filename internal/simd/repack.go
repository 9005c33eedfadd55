package simd

import "fmt"

// Form is how the values of a kernel lie before they are packed.
type Form int

// The forms of kernels.
const (
	Straight   Form = iota // [taps channels filters]
	Transposed             // [taps filters channels]: for each tap the transposed matrix
	// Mirrored is Transposed with the taps from the last to the first: the kernel of a convolution is, as it lies in memory, the mirrored kernel of the convolution
	// that makes the gradient with respect to its input, whose channels are the filters of the other.
	Mirrored
)

// MakeConv has the memory for a kernel of a shape and no kernel: Repack is next.
func MakeConv(level Level, taps, channels, filters int) *Conv {
	c, size := layConv(level, taps, channels, filters)
	c.place(aligned(size))
	return c
}

// Repack packs another kernel [taps channels filters] in the memory of the one before.
func (c *Conv) Repack(kernel []float32) { c.RepackPart(kernel, Straight, 0, 1) }

// RepackTransposed is Repack of a kernel [taps filters channels].
func (c *Conv) RepackTransposed(kernel []float32) { c.RepackPart(kernel, Transposed, 0, 1) }

// RepackMirrored is Repack of a kernel [taps filters channels] whose last tap becomes the first.
func (c *Conv) RepackMirrored(kernel []float32) { c.RepackPart(kernel, Mirrored, 0, 1) }

// RepackPart packs a part of a kernel, one of so many: a range of its rows, which are pairs of tap and channel. The parts may run at the same time; all of them
// are Repack.
func (c *Conv) RepackPart(kernel []float32, form Form, part, parts int) {
	if len(kernel) != c.Taps*c.Channels*c.Filters {
		panic(fmt.Sprintf("simd: a kernel of %d values for %d taps, %d channels and %d filters", len(kernel), c.Taps, c.Channels, c.Filters))
	}
	from, to := partOf(c.Taps*c.Channels, part, parts)
	if form == Straight {
		c.packRows(kernel, from, to)
		return
	}
	for from < to {
		tap, first := from/c.Channels, from%c.Channels
		n := min(to-from, c.Channels-first)
		source := tap
		if form == Mirrored {
			source = c.Taps - 1 - tap
		}
		c.packColumns(kernel[source*c.Filters*c.Channels:][:c.Filters*c.Channels], from, first, n)
		from += n
	}
}

// partOf is where a part of n rows begins and ends: at multiples of 8, which are whole cache lines and whole steps of the loops.
func partOf(n, part, parts int) (from, to int) {
	from, to = shareOf((n+7)/8, part, parts)
	return min(8*from, n), min(8*to, n)
}

// shareOf is where a part of n things begins and ends.
func shareOf(n, part, parts int) (from, to int) {
	if parts < 1 || part < 0 || part >= parts {
		panic(fmt.Sprintf("simd: part %d of %d", part, parts))
	}
	return n * part / parts, n * (part + 1) / parts
}

// packRows copies rows of a kernel to all panels. A few rows at once are read one after the other and written in longer pieces.
func (c *Conv) packRows(kernel []float32, from, to int) {
	if c.Level == Generic {
		copy(c.plain[from*c.Filters:to*c.Filters], kernel[from*c.Filters:])
		return
	}
	const few = 16
	for ; from < to; from += few {
		end := min(from+few, to)
		for _, p := range c.panels {
			pitch := c.Level.pitch(p.eighths)
			dst, src := c.packed[p.at+from*pitch:], kernel[from*c.Filters+p.first:]
			for k := range end - from {
				copy(dst[k*pitch:], src[k*c.Filters:][:p.filters])
			}
		}
	}
}

// packColumns packs n columns of a matrix [filters channels] from the first on as the rows from..from+n-1.
func (c *Conv) packColumns(matrix []float32, from, first, n int) {
	if c.Level == Generic {
		c.Level.transpose(c.plain[from*c.Filters:], c.Filters, matrix[first:], c.Channels, c.Filters, n)
		return
	}
	for _, p := range c.panels {
		pitch := c.Level.pitch(p.eighths)
		c.Level.transpose(c.packed[p.at+from*pitch:], pitch, matrix[p.first*c.Channels+first:], c.Channels, p.filters, n)
	}
}

// transpose makes the columns of dst from rows of src, each so many columns long.
func (l Level) transpose(dst []float32, dstStride int, src []float32, srcStride, rows, columns int) {
	// What is written at once stays in the first cache until its lines are full; what is read is long enough for the processor to read ahead.
	const many = 64
	for x := 0; x < columns; x += many {
		n := min(many, columns-x)
		y := 0
		if l != Generic && n >= 8 {
			for ; y+8 <= rows; y += 8 {
				transposeRows(dst[x*dstStride+y:], dstStride, src[y*srcStride+x:], srcStride, n/8)
				for i := x + n/8*8; i < x+n; i++ {
					for k := y; k < y+8; k++ {
						dst[i*dstStride+k] = src[k*srcStride+i]
					}
				}
			}
		}
		for ; y < rows; y++ {
			for i := x; i < x+n; i++ {
				dst[i*dstStride+y] = src[y*srcStride+i]
			}
		}
	}
}

// Repack transforms and packs another kernel [3 3 channels filters] in the memory of the one before. It is much faster than NewWinograd and differs from it
// by roundings: its sums are float32.
func (w *Winograd) Repack(kernel []float32) { w.RepackPart(kernel, Straight, 0, 1) }

// RepackTransposed is Repack of a kernel [3 3 filters channels].
func (w *Winograd) RepackTransposed(kernel []float32) { w.RepackPart(kernel, Transposed, 0, 1) }

// RepackMirrored is Repack of a kernel [3 3 filters channels] turned by 180 degrees: of the convolution that makes the gradient with respect to the input of another.
func (w *Winograd) RepackMirrored(kernel []float32) { w.RepackPart(kernel, Mirrored, 0, 1) }

// packedChannels are transposed at once by a Winograd's RepackPart.
const packedChannels = 16

// RepackPart transforms and packs a part of a kernel, one of so many: a range of its channels. The parts may run at the same time; all of them are Repack.
func (w *Winograd) RepackPart(kernel []float32, form Form, part, parts int) {
	if len(kernel) != 9*w.Channels*w.Filters {
		panic(fmt.Sprintf("simd: a 3x3 kernel of %d values for %d channels and %d filters", len(kernel), w.Channels, w.Filters))
	}
	from, to := partOf(w.Channels, part, parts)
	size := w.Channels * w.Filters
	switch {
	case from == to:
	case w.Level == Generic:
		w.genericPart(kernel, form, from, to)
	case form == Straight:
		for _, p := range w.products[0].panels {
			w.packPanel(p, kernel[from*w.Filters+p.first:], size, w.Filters, from, to)
		}
	default:
		var scratch [9 * packedChannels * widestPanel]float32 // [taps][channels][filters]
		for ; from < to; from += packedChannels {
			n := min(packedChannels, to-from)
			for _, p := range w.products[0].panels {
				for tap := range 9 {
					source := tap
					if form == Mirrored {
						source = 8 - tap
					}
					w.Level.transpose(scratch[tap*packedChannels*widestPanel:], widestPanel, kernel[source*size+p.first*w.Channels+from:], w.Channels, p.filters, n)
				}
				w.packPanel(p, scratch[:], packedChannels*widestPanel, widestPanel, from, from+n)
			}
		}
	}
}

// TrainingWinogradPays says whether Winograd's form beats the plain one by more than a tenth in training, where Repack transforms the kernel for each batch of so
// many images, whichever threads compute them, for outputs of rows x cols. It is the same on all levels, and the same for a convolution as for the one, of
// filters to channels, that makes the gradient with respect to its input; it depends on the size of the batch.
func TrainingWinogradPays(rows, cols, images, channels, filters int) bool {
	if min(channels, filters) < 24 {
		return false
	}
	positions, tiles := rows*cols*images, Square.Tiles(rows, cols)*images
	// The transformed kernel stays in the third cache, or is written to memory and comes back. In quarters of what the plain form takes for a position, a tenth added:
	packing, tile := 64, 18
	if 4*winogradPoints*channels*filters > 10<<20 {
		packing, tile = 440, 23
	}
	return 4*positions >= packing+tile*tiles
}

// widestPanel is how many filters a panel has at most.
const widestPanel = 48

func (w *Winograd) genericPart(kernel []float32, form Form, from, to int) {
	for c := from; c < to; c++ {
		for f := range w.Filters {
			var v [3][winogradWindow]float32
			for y := range v {
				var g [3]float32
				for x := range g {
					at := ((3*y+x)*w.Channels+c)*w.Filters + f
					switch form {
					case Transposed:
						at = ((3*y+x)*w.Filters+f)*w.Channels + c
					case Mirrored:
						at = ((8-3*y-x)*w.Filters+f)*w.Channels + c
					}
					g[x] = kernel[at]
				}
				v[y] = transformKernel(g)
			}
			for x := range winogradWindow {
				for y, value := range transformKernel([3]float32{v[0][x], v[1][x], v[2][x]}) {
					w.products[y*winogradWindow+x].plain[c*w.Filters+f] = value
				}
			}
		}
	}
}

// transformKernel has the order of operations of the assembly: winogradKernel in float32, where a point and its opposite have the even powers in common.
func transformKernel(g [3]float32) (t [winogradWindow]float32) {
	const a, b = pointA, pointB
	opposite := func(k0, k1, k2 float32) (plus, minus float32) {
		even := fma(k2, g[2], float32(k0*g[0]))
		return fma(k1, g[1], even), fma(-k1, g[1], even)
	}
	t[0] = float32(1 / (a * a * b * b) * g[0])
	t[1], t[2] = opposite(1/(2*a*a*(a*a-b*b)), 1/(2*a*(a*a-b*b)), 1/(2*(a*a-b*b)))
	t[3], t[4] = opposite(1/(2*b*b*(b*b-a*a)), 1/(2*b*(b*b-a*a)), 1/(2*(b*b-a*a)))
	t[5] = g[2]
	return t
}
