package simd

import (
	"slices"
	"unsafe"
)

// tailMasks has, by lanes that count, the masks of AVX2.
var tailMasks = func() (masks [9][8]int32) {
	for n := range masks {
		for i := range n {
			masks[n][i] = -1
		}
	}
	return masks
}()

// noBias is as long as the widest panel.
var noBias [48]float32

// compute runs the micro-kernels. offsets nil: the positions lie srcStride apart.
func (c *Conv) compute(dst []float32, dstStride int, src []float32, offsets []int32, srcStride, n int, e Epilogue) {
	var bias [48]float32
	t := tile{
		src:            unsafe.Pointer(unsafe.SliceData(src)),
		zeros:          unsafe.Pointer(&c.zeros[0]),
		taps:           c.Taps,
		channels:       4 * c.Channels,
		dstStride:      4 * dstStride,
		residualStride: 4 * e.ResidualStride,
		srcStride:      4 * srcStride,
		offsetsStep:    4 * n,
	}
	t.activation, t.lo, t.hi = e.Activation.parameters()
	if last := c.panels[len(c.panels)-1]; e.Bias != nil {
		copy(bias[:], e.Bias[last.first:last.first+last.filters])
	}
	block := c.block(n)
	for from := 0; from < n; from += block {
		to := min(from+block, n)
		for panel, p := range c.panels {
			t.tail, t.mask = p.tailBits, unsafe.Pointer(&tailMasks[min(p.tail, 8)])
			switch {
			case e.Bias == nil:
				t.bias = unsafe.Pointer(&noBias)
			case p.tail != 0:
				t.bias = unsafe.Pointer(&bias)
			default:
				t.bias = unsafe.Pointer(&e.Bias[p.first])
			}
			for number, r := range c.runs {
				t.kernel = unsafe.Pointer(&c.part(panel, number)[0])
				t.taps, t.channels = r.taps, 4*r.channels
				following := c.following(panel, number, to == n)
				for i := from; i < to; {
					positions := c.Level.positions(p.eighths, to-i)
					t.groups = (to - i) / positions
					t.dst = unsafe.Pointer(&dst[i*dstStride+p.first])
					t.fetch(following, t.groups*r.taps*r.channels)
					following = nil // the first micro-kernel makes the most positions
					switch {
					case e.Residual != nil:
						t.residual = unsafe.Pointer(&e.Residual[i*e.ResidualStride+p.first])
					case number > 0: // the runs before
						t.residual, t.residualStride = t.dst, t.dstStride
					default:
						t.residual = nil
					}
					if offsets == nil {
						t.src = unsafe.Pointer(&src[i*srcStride+r.channel])
					} else {
						t.src = unsafe.Add(unsafe.Pointer(unsafe.SliceData(src)), 4*r.channel)
						t.offsets = unsafe.Pointer(&offsets[r.tap*n+i])
					}
					if c.Level == AVX512 {
						convAVX512(positions, p.eighths, &t)
					} else {
						convAVX2(positions, p.eighths, &t)
					}
					i += t.groups * positions
				}
			}
		}
	}
}

// fetch spreads the fetching of what follows over so many channels of the sums, a cache line each at most. Without any, they fetch what is there.
func (t *tile) fetch(following []float32, channels int) {
	t.ahead, t.aheadStep = t.kernel, 0
	if len(following) > 0 {
		t.ahead, t.aheadStep = unsafe.Pointer(&following[0]), min((4*len(following)+channels-1)/channels, 64)
	}
}

// positions is how many of those left the next micro-kernel makes.
func (l Level) positions(eighths, left int) int {
	list := positionsAVX2[:]
	if l == AVX512 {
		list = positionsAVX512[:]
	}
	if sevens(left) && slices.Contains(list[eighths], 7) {
		return 7
	}
	for _, n := range list[eighths] {
		if n <= left {
			return n
		}
	}
	panic("simd: no positions are left")
}

// sevens says that n positions are best made in sevens: eights would leave some for slower micro-kernels.
func sevens(n int) bool { return n%7 == 0 && n%8 != 0 }

// block is how many of n positions go through all panels before the next. Their input stays in the first cache where the kernel stays in the second;
// else in the second, and each panel is read once for many positions.
func (c *Conv) block(n int) int {
	const l1, l2 = 16 << 10, 256 << 10
	room, whole := l1, 24
	if c.Bytes() > 2*l2 {
		room = l2
	}
	if sevens(n) {
		whole = 28
	}
	return max(whole, room/(4*c.Channels)/whole*whole)
}
