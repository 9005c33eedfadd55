package infer

import (
	"github.com/skinattn/skinattn/internal/simd"
)

// largeKernel is where a kernel, in bytes, exceeds what the second cache holds beside the maps: it is then read once for all positions, and
// threads divide its filters.
const largeKernel = 512 << 10

// packed is the kernel of a convolution with what follows its sums.
type packed struct {
	*node
	conv *simd.Conv
	bias []float32
	rows bool // the taps are the rows of the window

	taps, seen int // of conv: taps and input channels
}

// folded is the kernel of a convolution times the scales of its filters.
func folded(n *node) []float32 {
	if n.scale == nil {
		return n.kernel
	}
	kernel := make([]float32, len(n.kernel))
	for i, v := range n.kernel {
		kernel[i] = float32(float64(v) * n.scale[i%n.channels])
	}
	return kernel
}

// newPacked is a convolution whose kernel is to be packed.
func newPacked(n *node) packed {
	in := n.in[0]
	p := packed{node: n, bias: float32s(n.shift), taps: n.window.size[0] * n.window.size[1]}
	p.seen = len(n.kernel) / p.taps / n.channels
	if p.rows = in.kind == inputNode && p.seen < fewChannels && p.seen == in.channels && in.place.stride == p.seen &&
		in.place.left >= n.window.pad[1][0] && in.place.right >= n.window.pad[1][1] && min(n.window.pad[1][0], n.window.pad[1][1]) >= 0; p.rows {
		p.taps, p.seen = n.window.size[0], p.seen*n.window.size[1]
	}
	return p
}

// pack packs the kernel.
func (p *packed) pack(level simd.Level) {
	p.conv = simd.NewConv(level, folded(p.node), p.taps, p.seen, p.channels)
	p.kernel = nil // the weights go
}

// epilogue is what follows the sums from position i of the map on.
func (p *packed) epilogue(f *frame, k, i int) simd.Epilogue {
	e := simd.Epilogue{Bias: p.bias, Activation: p.act}
	if p.residual != nil {
		e.Residual, e.ResidualStride = f.at(p.residual, k)[p.residual.offset(i):], p.residual.place.stride
	}
	return e
}

// base is where in the input the first row begins that the window sees at position i. A window may lie in zeros below the
// input, with which pads have been joined.
func (p *packed) base(i int) int {
	in := p.in[0]
	row := i/p.node.cols*p.window.stride - p.window.pad[0][0]
	return min(max(0, row), in.rows-1) * in.pitch() * in.place.stride
}

// offsets are where in the input the positions from..to of the output begin under each tap, less base.
func (p *packed) offsets(from, to int) (offsets []int32, base int) {
	in, w := p.in[0], p.window
	n := to - from
	offsets = make([]int32, p.conv.Taps*n)
	cols := w.size[1]
	if p.rows {
		cols = 1
	}
	base = p.base(from)
	for tap := range p.conv.Taps {
		for i := range n {
			at := from + i
			r := at/p.node.cols*w.stride - w.pad[0][0] + tap/cols
			c := at%p.node.cols*w.stride - w.pad[1][0] + tap%cols
			outside := r < 0 || r >= in.rows || !p.rows && (c < 0 || c >= in.cols)
			if outside {
				offsets[tap*n+i] = -1
				continue
			}
			offsets[tap*n+i] = int32((r*in.pitch()+in.place.left+c)*in.place.stride + p.first - base)
		}
	}
	return offsets, base
}

// tile is a run of positions that are computed at once.
type tile struct {
	from, to int
	offsets  []int32 // nil for 1x1 convolutions
	base     int
}

// convStep is a convolution.
type convStep struct {
	packed
	level simd.Level
	parts [][]*simd.Conv // by number of threads, for large kernels; else nil
	tiles [][][]tile     // by number of threads less one, and thread

	scale, shift           []float32 // of before
	afterScale, afterShift []float32
	stride                 int // of the input after before or gate, in a thread's own memory
	most                   int // positions of a tile
}

func newConvStep(level simd.Level, n *node) *convStep {
	s := &convStep{packed: newPacked(n), level: level}
	if n.before != nil {
		s.scale, s.shift = float32s(n.before.scale), float32s(n.before.shift)
	}
	if n.after != nil {
		s.afterScale, s.afterShift = float32s(n.after.scale), float32s(n.after.shift)
	}
	s.stride = stride(2, n.in[0].channels)
	return s
}

func (s *convStep) pack() { s.packed.pack(s.level) }

// large says that threads divide the filters, not the positions.
func (s *convStep) large() bool {
	return (s.conv.Bytes() > largeKernel || s.positions() == 1) && s.level != simd.Generic
}

// prepare makes the tiles for teams of up to so many threads.
func (s *convStep) prepare(threads int) {
	cache := map[[3]int]tile{} // by rows, rows above the map, rows below the map
	for parts := len(s.tiles) + 1; parts <= threads; parts++ {
		var byPart [][]tile
		for part := range parts {
			from, to := 0, s.positions()
			if !s.large() {
				from, to = divided(s.positions(), s.unit(), part, parts)
			}
			var tiles []tile
			for from < to {
				end := min(to, from+s.length(to-from))
				tiles = append(tiles, s.tile(from, end, cache))
				s.most = max(s.most, end-from)
				from = end
			}
			byPart = append(byPart, tiles)
		}
		s.tiles = append(s.tiles, byPart)
		if s.large() {
			s.parts = append(s.parts, s.conv.Parts(parts))
		}
	}
}

// unit is what tiles consist of: rows if they are long, else as many positions as micro-kernels make.
func (s *convStep) unit() int {
	if s.node.cols >= 24 {
		return s.node.cols
	}
	return 24
}

// length is the number of positions of a tile where so many are left: all for a large kernel, else what fits into the second cache.
func (s *convStep) length(left int) int {
	if s.large() {
		return left
	}
	in := s.in[0]
	bytes := 4 * (s.conv.Filters + s.window.stride*s.window.stride*in.channels)
	if s.before != nil || s.gate != nil {
		bytes += 4 * in.channels
	}
	n := max(96, min(2048, largeKernel/bytes))
	return max(s.unit(), n/s.unit()*s.unit())
}

func (s *convStep) tile(from, to int, cache map[[3]int]tile) tile {
	t := tile{from: from, to: to}
	if s.window.pointwise() && s.in[0].dense() {
		t.base = from * s.in[0].place.stride
		return t
	}
	w, cols := s.window, s.node.cols
	if from%cols != 0 || to%cols != 0 {
		t.offsets, t.base = s.offsets(from, to)
		return t
	}
	top := from/cols*w.stride - w.pad[0][0]
	bottom := (to/cols-1)*w.stride - w.pad[0][0] + w.size[0]
	key := [3]int{(to - from) / cols, max(0, -top), max(0, bottom-s.in[0].rows)}
	if known, ok := cache[key]; ok {
		t.offsets = known.offsets
		t.base = s.packed.base(from)
		return t
	}
	t.offsets, t.base = s.offsets(from, to)
	cache[key] = t
	return t
}

func (s *convStep) floats(threads int) (own, shared int) {
	s.prepare(threads)
	if s.before != nil || s.gate != nil {
		return s.most * s.stride, 0
	}
	return 0, 0
}

func (s *convStep) phases(threads int) int {
	if s.large() && s.after != nil && threads > 1 {
		return 2 // the filters are divided, and then the positions
	}
	return 1
}

func (s *convStep) run(f *frame, phase, part, parts int) {
	if phase == 1 {
		from, to := divided(s.positions(), 24, part, parts)
		for k := range f.images {
			s.follow(f.at(s.node, k)[s.offset(from):], to-from)
		}
		return
	}
	conv := s.conv
	if s.large() {
		if part >= len(s.parts[parts-1]) {
			return
		}
		conv = s.parts[parts-1][part]
	}
	if s.positions() == 1 && s.before == nil && s.gate == nil && s.window.pointwise() && f.images > 1 {
		s.vectors(f, conv, part, parts)
		return
	}
	for k := range f.images {
		for _, t := range s.tiles[parts-1][part] {
			s.compute(f, k, conv, t, part, parts)
		}
	}
}

// vectors computes vectors of all images at once.
func (s *convStep) vectors(f *frame, conv *simd.Conv, part, parts int) {
	from, to := 0, f.images
	if !s.large() {
		from, to = divided(f.images, 1, part, parts)
	}
	if from == to {
		return
	}
	in := s.in[0].place.block
	e := s.epilogue(f, from, 0)
	if s.residual != nil {
		e.Residual = f.arena[s.residual.place.block.offset*f.images+from*s.residual.place.block.size+s.residual.place.base:]
		e.ResidualStride = s.residual.place.block.size
	}
	src := f.arena[in.offset*f.images+from*in.size+s.in[0].place.base:]
	out := s.place.block
	conv.ComputeRows(f.arena[out.offset*f.images+from*out.size+s.place.base:], out.size, src, in.size, to-from, e)
	if s.after != nil && !(s.large() && parts > 1) {
		for k := from; k < to; k++ {
			s.follow(f.at(s.node, k), 1)
		}
	}
}

// compute makes a tile of image k.
func (s *convStep) compute(f *frame, k int, conv *simd.Conv, t tile, part, parts int) {
	n := t.to - t.from
	in := s.in[0]
	dst := f.at(s.node, k)[s.offset(t.from):]
	src := f.at(in, k)[t.base:]
	e := s.epilogue(f, k, t.from)
	switch {
	case t.offsets != nil:
		conv.Compute(dst, s.place.stride, src, t.offsets, e)
	case s.before != nil || s.gate != nil:
		own := simd.Map{Data: f.own[part], Stride: s.stride}
		s.precede(own, simd.Map{Data: src, Stride: in.place.stride}, n, f, k)
		conv.ComputeRows(dst, s.place.stride, own.Data, own.Stride, n, e)
	default:
		conv.ComputeRows(dst, s.place.stride, src, in.place.stride, n, e)
	}
	if s.after != nil && !(s.large() && parts > 1) {
		s.follow(dst, n)
	}
}

// precede makes the input of a 1x1 convolution after a batch norm or a gate.
func (s *convStep) precede(dst, src simd.Map, n int, f *frame, k int) {
	channels := s.in[0].channels
	switch {
	case s.gate != nil:
		s.level.Multiply(dst, src, simd.Map{Data: f.at(s.gate, k)}, n, channels, simd.Activation{})
	case s.scale != nil:
		s.level.Affine(dst, src, s.scale, s.shift, n, channels, s.before.act)
	default:
		s.level.Apply(dst, src, n, channels, s.before.act)
	}
}

// follow applies the batch norm behind the activation to n positions.
func (s *convStep) follow(dst []float32, n int) {
	m := simd.Map{Data: dst, Stride: s.place.stride}
	s.level.Affine(m, m, s.afterScale, s.afterShift, n, s.conv.Filters, s.after.act)
}
