package simd

import (
	"fmt"
	"unsafe"
)

// Conv is the kernel of an ordinary convolution or matrix product, packed for a level.
type Conv struct {
	Level                   Level
	Taps, Channels, Filters int // kernel offsets, input and output channels

	plain  []float32 // Generic: [taps channels filters]
	packed []float32 // panels, each [taps channels filters of the panel], the filters filled up to whole vectors with zeros
	panels []panel
	runs   []run     // of the products of a sum
	zeros  []float32 // what a position outside of the map reads
	next   *Conv     // the kernel that is used after this one; nil: unknown
}

// panel is a part of the filters that a micro-kernel makes at once.
type panel struct {
	first    int // filter
	eighths  int // of filters
	at       int // in packed
	filters  int // that exist
	tailBits int // of the last vector, if it isn't full
	tail     int // lanes
}

// NewConv packs a kernel [taps channels filters], in row-major order: Keras's [kh kw Cin Cout].
func NewConv(level Level, kernel []float32, taps, channels, filters int) *Conv {
	c := MakeConv(level, taps, channels, filters)
	c.Repack(kernel)
	return c
}

// layConv lays out the panels of a kernel of so many values; it has no memory yet.
func layConv(level Level, taps, channels, filters int) (c *Conv, size int) {
	if taps < 1 || channels < 1 || filters < 1 {
		panic(fmt.Sprintf("simd: a kernel of %d taps, %d channels and %d filters", taps, channels, filters))
	}
	c = &Conv{Level: level, Taps: taps, Channels: channels, Filters: filters}
	c.runs = []run{{taps: taps, channels: channels}}
	if level == Generic {
		return c, taps * channels * filters
	}
	lanes := level.lanes()
	for first := 0; first < filters; {
		left := (filters - first + 7) / 8
		p := panel{first: first, eighths: level.panelEighths(left), at: size}
		p.filters = min(8*p.eighths, filters-first)
		if 8*p.eighths > p.filters {
			width := lanes // of the last vector
			if p.eighths%2 != 0 {
				width = 8
			}
			p.tail = p.filters - (8*p.eighths - width)
			p.tailBits = 1<<p.tail - 1
		}
		c.panels = append(c.panels, p)
		size += taps * channels * level.pitch(p.eighths)
		first += 8 * p.eighths
	}
	c.zeros = make([]float32, channels)
	return c, size
}

// place gives a kernel its memory, which is zeros.
func (c *Conv) place(memory []float32) {
	if c.Level == Generic {
		c.plain = memory
	} else {
		c.packed = memory
	}
}

// lanes is how many values a vector has.
func (l Level) lanes() int {
	if l == AVX512 {
		return 16
	}
	return 8
}

// panelEighths is how wide a panel is where so many eighths of filters are left.
func (l Level) panelEighths(left int) int {
	usual, most := 2, 3
	if l == AVX512 {
		usual, most = 4, 6
	}
	if left <= most {
		return left
	}
	return usual
}

// pitch is how far the filters of a channel lie from those of the next in a panel.
func (l Level) pitch(eighths int) int {
	if lanes := l.lanes(); eighths > 3 {
		return (8*eighths + lanes - 1) / lanes * lanes
	}
	return 8 * eighths
}

// Bytes is the size of the packed kernel.
func (c *Conv) Bytes() int { return 4 * (len(c.packed) + len(c.plain)) }

// Parts divides the filters into at most n parts about equally large. Each writes its filters alone, where the whole kernel would: the parts
// may run at the same time. Parts share the memory of the whole.
func (c *Conv) Parts(n int) []*Conv {
	if c.Level == Generic {
		return []*Conv{c}
	}
	var parts []*Conv
	panels := c.panels
	for n = min(n, len(panels)); n > 0; n-- {
		part := *c
		count := (len(panels) + n - 1) / n
		part.panels, panels = panels[:count:count], panels[count:]
		parts = append(parts, &part)
	}
	return parts
}

// filterRange is where the filters of a part begin and end.
func (c *Conv) filterRange() (first, last int) {
	end := c.panels[len(c.panels)-1]
	return c.panels[0].first, end.first + end.filters
}

// aligned makes a slice that begins at a cache line.
func aligned(n int) []float32 {
	s := make([]float32, n+15)
	skip := (64 - int(uintptr(unsafe.Pointer(unsafe.SliceData(s)))&63)) & 63 / 4
	return s[skip : skip+n : skip+n]
}

// Compute makes len(offsets)/Taps positions of the output: position i at dst[i*dstStride:]. offsets has, tap by tap
// (offsets[tap*positions+i]), where in src the channels begin that a position sees under a tap; negative: zeros (padding).
func (c *Conv) Compute(dst []float32, dstStride int, src []float32, offsets []int32, e Epilogue) {
	n := checkReads(offsets, c.Taps, c.Channels, src)
	if n == 0 {
		return
	}
	c.check(dst, dstStride, n, e)
	if c.Level == Generic {
		c.generic(dst, dstStride, src, n, func(tap, i int) int { return int(offsets[tap*n+i]) }, e)
		return
	}
	c.compute(dst, dstStride, src, offsets, 0, n, e)
}

// checkReads is how many positions the offsets of so many taps are for. It panics where they don't divide, or where a position would read channels beyond src.
func checkReads(offsets []int32, taps, channels int, src []float32) (positions int) {
	positions = len(offsets) / taps
	if len(offsets) != positions*taps {
		panic(fmt.Sprintf("simd: %d offsets for %d taps", len(offsets), taps))
	}
	greatest := int32(-1)
	for _, at := range offsets {
		greatest = max(greatest, at)
	}
	if int(greatest)+channels > len(src) && greatest >= 0 {
		panic(fmt.Sprintf("simd: a position reads %d channels from %d of %d", channels, greatest, len(src)))
	}
	return positions
}

// ComputeRows is Compute for a 1x1 convolution, or matrix product: position i reads src[i*srcStride:].
func (c *Conv) ComputeRows(dst []float32, dstStride int, src []float32, srcStride, positions int, e Epilogue) {
	if positions == 0 {
		return
	}
	if c.Taps != 1 {
		panic(fmt.Sprintf("simd: rows for a kernel of %d taps", c.Taps))
	}
	if srcStride < 0 || positions < 0 || (positions-1)*srcStride+c.Channels > len(src) {
		panic(fmt.Sprintf("simd: %d positions of %d channels at a stride of %d in %d", positions, c.Channels, srcStride, len(src)))
	}
	c.check(dst, dstStride, positions, e)
	if c.Level == Generic {
		c.generic(dst, dstStride, src, positions, func(_, i int) int { return i * srcStride }, e)
		return
	}
	c.compute(dst, dstStride, src, nil, srcStride, positions, e)
}

func (c *Conv) check(dst []float32, dstStride, n int, e Epilogue) {
	if n > 0 && (dstStride < c.Filters && n > 1 || (n-1)*dstStride+c.Filters > len(dst)) {
		panic(fmt.Sprintf("simd: %d positions of %d filters at a stride of %d into %d", n, c.Filters, dstStride, len(dst)))
	}
	if len(c.runs) > 1 && (e.Bias != nil || e.Residual != nil || e.Activation != (Activation{})) {
		panic("simd: an epilogue of a blocked sum")
	}
	if e.Bias != nil && len(e.Bias) < c.Filters {
		panic(fmt.Sprintf("simd: a bias of %d for %d filters", len(e.Bias), c.Filters))
	}
	if n > 0 && e.Residual != nil && (e.ResidualStride < 0 || (n-1)*e.ResidualStride+c.Filters > len(e.Residual)) {
		panic(fmt.Sprintf("simd: %d positions of %d filters at a stride of %d in a residual of %d", n, c.Filters, e.ResidualStride, len(e.Residual)))
	}
}

func (c *Conv) generic(dst []float32, dstStride int, src []float32, n int, offset func(tap, i int) int, e Epilogue) {
	for i := range n {
		for f := range c.Filters {
			total := float32(0)
			for _, r := range c.runs {
				sum := e.bias(f)
				for tap := r.tap; tap < r.tap+r.taps; tap++ {
					at := offset(tap, i)
					for ch := r.channel; ch < r.channel+r.channels; ch++ {
						v := float32(0)
						if at >= 0 {
							v = src[at+ch]
						}
						sum = fma(v, c.plain[(tap*c.Channels+ch)*c.Filters+f], sum)
					}
				}
				if r.tap > 0 || r.channel > 0 {
					sum += total
				}
				total = sum
			}
			dst[i*dstStride+f] = e.apply(total, i, f)
		}
	}
}

// run is a part of the products of a sum: some channels of a tap, or all channels of some taps.
type run struct{ tap, taps, channel, channels int }

// runLength is about how many products are added up in one go where sums are blocked.
const runLength = 256

// BlockSums divides each sum into the sums of runs of some hundred products, which are added up: the error of one long sum of float32 grows with its length.
// An epilogue is not possible then. It is for training, where long sums follow one another through all layers twice.
func (c *Conv) BlockSums() {
	if c.Taps*c.Channels < 2*runLength {
		return
	}
	c.runs = nil
	if c.Channels < 2*runLength {
		each := max(1, runLength/c.Channels)
		for tap := 0; tap < c.Taps; tap += each {
			c.runs = append(c.runs, run{tap, min(each, c.Taps-tap), 0, c.Channels})
		}
		return
	}
	for tap := range c.Taps {
		for channel := 0; channel < c.Channels; channel += runLength {
			c.runs = append(c.runs, run{tap, 1, channel, min(runLength, c.Channels-channel)})
		}
	}
}

// BlockSums is that of the products.
func (w *Winograd) BlockSums() {
	for _, p := range w.products {
		p.BlockSums()
	}
}

// fetchedAhead is the size from which what follows in a kernel is fetched into the second cache while a panel is used: of a smaller kernel most stays in the first.
const fetchedAhead = 64 << 10

// following is what is used after a run of a panel, for a last or another block of positions; nil where it need not be fetched.
func (c *Conv) following(panel, run int, last bool) []float32 {
	switch small := c.next == nil && c.Bytes() < fetchedAhead; {
	case small:
		return nil
	case run+1 < len(c.runs):
		return c.part(panel, run+1)
	case panel+1 < len(c.panels):
		return c.part(panel+1, 0)
	case !last:
		return c.part(0, 0)
	case c.next != nil:
		return c.next.part(0, 0)
	}
	return nil
}

// part is the kernel of a run of a panel.
func (c *Conv) part(panel, run int) []float32 {
	p, r := c.panels[panel], c.runs[run]
	pitch := c.Level.pitch(p.eighths)
	return c.packed[p.at+(r.tap*c.Channels+r.channel)*pitch:][:r.taps*r.channels*pitch]
}

// chain says that kernels are used one after the other.
func chain(kernels []*Conv) {
	if kernels[0].Level == Generic { // whose parts are the whole
		return
	}
	for i, c := range kernels[1:] {
		kernels[i].next = c
	}
}

// bias is what the sum of an output channel begins with.
func (e Epilogue) bias(f int) float32 {
	if e.Bias == nil {
		return 0
	}
	return e.Bias[f]
}

// apply is what is stored for the sum of an output channel of a position.
func (e Epilogue) apply(sum float32, i, f int) float32 {
	if e.Residual != nil {
		sum += e.Residual[i*e.ResidualStride+f]
	}
	return e.Activation.Apply(sum)
}
