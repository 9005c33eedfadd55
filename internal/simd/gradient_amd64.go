package simd

import "unsafe"

// gatheredOffsets is where positions lie that gatheredChannels have been copied of.
var gatheredOffsets = func() (offsets [GradientBlock]int32) {
	for i := range offsets {
		offsets[i] = int32(i * gatheredChannels)
	}
	return offsets
}()

// gradientZeros is what a position reads that sees padding: as much as is copied at once.
var gradientZeros [48]float32

// outerEighths is how wide a panel of filters is where so many eighths are left. A micro-kernel of one eighth waits for its sums: with AVX2, no panel has one where there are more.
func (l Level) outerEighths(left int) int {
	if l == AVX2 && left == 4 {
		return 2
	}
	if l == AVX2 {
		return min(left, 3)
	}
	return l.panelEighths(left)
}

// block adds the positions from..to-1 of n. cotangent begins with that of the first.
func (g KernelGradient) block(sums, src []float32, offsets []int32, cotangent []float32, stride, from, to, n int, scratch []float32) {
	scratch = scratch[(64-int(uintptr(unsafe.Pointer(unsafe.SliceData(scratch)))&63))&63/4:]
	channels, scratch := scratch[:GradientBlock*gatheredChannels], scratch[GradientBlock*gatheredChannels:]
	var strides [GradientBlock]int32 // where the cotangents of the positions lie
	for i := range to - from {
		strides[i] = int32(i * stride)
	}
	rows := strides[:to-from]
	var panels [gradientFilters / 16]outerPanel
	for first := 0; first < g.Filters; {
		count, size := 0, 0
		for first < g.Filters && count < len(panels) {
			p := outerPanel{first: first, eighths: g.Level.outerEighths((g.Filters - first + 7) / 8)}
			end := size + GradientBlock*g.Level.pitch(p.eighths)
			if end > GradientBlock*gradientFilters {
				break
			}
			p.filters = min(8*p.eighths, g.Filters-first)
			p.cotangent, p.stride = unsafe.Pointer(&cotangent[first]), 4*stride
			if p.filters < 8*p.eighths || g.gathersCotangent(stride) {
				p.gather(g.Level, scratch[size:end], rows)
				size = end
			}
			panels[count] = p
			count++
			first += 8 * p.eighths
		}
		next := ahead{rows: rows}
		switch {
		case first < g.Filters: // more filters of this block
			next.filters = cotangent[first:min(first+gradientFilters, g.Filters)]
			next.reads = offsets[from:to]
		case to < n: // the next block
			next.filters = cotangent[(to-from)*stride:][:min(gradientFilters, g.Filters)]
			if n-to >= to-from {
				next.reads = offsets[to : to+to-from]
			}
		}
		g.outer(sums, src, offsets, panels[:count], from, to, n, channels, next)
	}
}

// ahead is what is read after some panels. It is on its way to the second cache while they are summed: one cache line of each position with each tile.
type ahead struct {
	filters []float32 // of the cotangent's first position; what has been fetched is left out
	rows    []int32   // where those of the positions lie
	reads   []int32   // where the positions read the map under the first tap; nil: there is no next block, or it is shorter
}

// gathersCotangent says whether the cotangent is copied: where it is read again for more than a few channels, and where positions are a multiple of 2 KiB
// apart, so that those of a block don't stay in the caches.
func (g KernelGradient) gathersCotangent(stride int) bool {
	return g.Taps*g.Channels > 64 || stride%512 == 0
}

// gathers says whether channels are copied before panels of filters are summed. The copy costs a hundredth or two of the sums, but without it, a block whose positions
// are a multiple of 2 KiB apart doesn't stay in the caches; the smaller micro-kernels of AVX2 wait for the second cache anyway.
func (l Level) gathers(panels int, offsets []int32) bool {
	if panels <= 2 {
		return false
	}
	if l == AVX2 {
		return true
	}
	for i, at := range offsets[1:] {
		if before := offsets[i]; at >= 0 && before >= 0 {
			return (at-before)%512 == 0
		}
	}
	return false
}

// outerPanel is a part of the filters of a block's cotangent.
type outerPanel struct {
	first, filters, eighths int
	cotangent               unsafe.Pointer
	stride                  int // bytes
}

// tails are the lanes of the last vector of a number of values: how many, as bits, and as a mask. None: all count.
func (l Level) tails(eighths, values int) (bits int, mask unsafe.Pointer) {
	width := l.lanes()
	if eighths%2 != 0 {
		width = 8
	}
	lanes := values - (8*eighths - width)
	return 1<<lanes - 1, unsafe.Pointer(&tailMasks[min(lanes, 8)])
}

// gather copies the panel's filters of positions, which lie at offsets, one after the other.
func (p *outerPanel) gather(l Level, dst []float32, offsets []int32) {
	t := gathering{
		src:       p.cotangent,
		offsets:   unsafe.Pointer(&offsets[0]),
		zeros:     unsafe.Pointer(&gradientZeros),
		dst:       unsafe.Pointer(&dst[0]),
		positions: len(offsets),
	}
	t.tail, t.mask = l.tails(p.eighths, p.filters)
	l.gather(p.eighths, &t)
	p.cotangent, p.stride = unsafe.Pointer(&dst[0]), 4*l.pitch(p.eighths)
}

func (l Level) gather(eighths int, t *gathering) {
	if l == AVX512 {
		gatherAVX512(eighths, t)
	} else {
		gatherAVX2(eighths, t)
	}
}

// outer runs the micro-kernels on some panels. channels is room for what is copied of the map.
func (g KernelGradient) outer(sums, src []float32, offsets []int32, panels []outerPanel, from, to, n int, channels []float32, next ahead) {
	most := outerChannelsAVX2
	if g.Level == AVX512 {
		most = outerChannelsAVX512
	}
	t := outerTile{zeros: unsafe.Pointer(&gradientZeros), positions: to - from, sumsStride: 4 * g.Filters}
	for tap := range g.Taps {
		reads := unsafe.Pointer(&offsets[tap*n+from])
		gathers := g.Level.gathers(len(panels), offsets[tap*n+from:tap*n+to])
		for first := 0; first < g.Channels; first += gatheredChannels {
			count := min(gatheredChannels, g.Channels-first)
			base := t.zeros // where all positions see padding
			if len(src) >= g.Channels {
				base = unsafe.Pointer(&src[first])
			}
			t.offsets = reads
			if gathers && count > 8 {
				copies := gathering{src: base, offsets: reads, zeros: t.zeros, dst: unsafe.Pointer(&channels[0]), positions: to - from}
				copies.tail, copies.mask = g.Level.tails(2, count)
				g.Level.gather(2, &copies)
				base, t.offsets = unsafe.Pointer(&channels[0]), unsafe.Pointer(&gatheredOffsets)
			}
			// The channels that are read next.
			nextChannels, nextReads := first+gatheredChannels, reads
			if nextChannels >= g.Channels {
				nextChannels, nextReads = 0, nil
				if tap < g.Taps-1 {
					nextReads = unsafe.Pointer(&offsets[(tap+1)*n+from])
				} else if next.reads != nil {
					nextReads = unsafe.Pointer(&next.reads[0])
				}
			}
			tiles := (count + most - 1) / most
			for at := 0; at < count; tiles-- {
				rows := (count - at + tiles - 1) / tiles
				t.src = unsafe.Add(base, 4*at)
				for _, p := range panels {
					t.cotangent, t.stride = p.cotangent, p.stride
					t.sums = unsafe.Pointer(&sums[(tap*g.Channels+first+at)*g.Filters+p.first])
					t.tail = 0
					if p.filters < 8*p.eighths {
						t.tail, t.mask = g.Level.tails(p.eighths, p.filters)
					}
					switch {
					case nextReads != nil && len(src) >= g.Channels:
						t.next, t.nextOffsets = unsafe.Pointer(&src[nextChannels]), nextReads
						nextReads = nil
					case len(next.filters) > 0:
						t.next, t.nextOffsets = unsafe.Pointer(&next.filters[0]), unsafe.Pointer(&next.rows[0])
						next.filters = next.filters[min(16, len(next.filters)):]
					default: // what is in the first cache
						t.next, t.nextOffsets = t.src, t.offsets
					}
					if g.Level == AVX512 {
						outerAVX512(rows, p.eighths, &t)
					} else {
						outerAVX2(rows, p.eighths, &t)
					}
				}
				at += rows
			}
		}
	}
}
