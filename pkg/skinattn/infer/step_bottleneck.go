package infer

import (
	"fmt"
	"sync"

	"github.com/skinattn/skinattn/internal/simd"
)

// bottleneckStep is a depthwise convolution with, if they are there, the convolution before it and the 1x1 convolution behind
// it: an inverted residual block, or a separable convolution. A strip of rows goes through all of them while it is in the
// second cache.
//
// The depthwise convolution reads rows with columns of zeros at their ends. A thread keeps the rows that a strip sees in a
// ring, row r in place r modulo the length of the ring.
type bottleneckStep struct {
	level   simd.Level
	d       *node // depthwise
	kernel  *simd.Depthwise
	bias    []float32
	widen   *packed // nil: rows are copied from a map
	project *packed // nil: the output of the depthwise convolution is the step's

	scale, shift           []float32 // before, where rows are copied
	afterScale, afterShift []float32 // behind the projection

	in          shape    // of the depthwise convolution
	left, pitch int      // columns of the ring's rows: zeros before, all
	strip       int      // rows of the output in a strip
	slots       int      // rows of the ring
	dense       bool     // the widening is computed of several rows at once and then copied: rows are short
	offsets     sync.Map // of the widening: []int32 by rows, rows above the map, rows below it
}

// stripBytes is what the ring and the output of a strip may take together: the kernels and the rows of the maps want room in
// the second cache, too.
const stripBytes = 384 << 10

// shortRow is the number of columns below which a row wastes much of the micro-kernels.
const shortRow = 24

// wholeRow is a number of columns below shortRow that micro-kernels of AVX-512 make without a rest, so that rows go to their places at
// once. A large kernel is better read for many rows.
const wholeRow = 14

// togetherRows is the number of rows up to which threads that share an image widen all of it before they go on: strips of
// their own would see rows twice.
const togetherRows = 28

// bottleneck makes the step of a depthwise convolution, and returns the nodes that it reads.
func (b *builder) bottleneck(d *node) (step, []*node, error) {
	w := d.window
	if w.size[0] > 7 || w.size[1] != 3 && w.size[1] != 5 && w.size[1] != 7 || w.stride > 2 || min(w.pad[0][0], w.pad[0][1], w.pad[1][0], w.pad[1][1]) < 0 {
		return nil, nil, &ErrUnsupported{Layer: d.layer, Why: fmt.Sprintf("a depthwise window of %dx%d and stride %d", w.size[0], w.size[1], w.stride)}
	}
	channels := d.channels
	kernel := d.kernel
	if d.scale != nil {
		kernel = make([]float32, len(d.kernel))
		for i, v := range d.kernel {
			kernel[i] = float32(float64(v) * d.scale[i%channels])
		}
	}
	source := d.in[0]
	s := &bottleneckStep{level: b.level, d: d, in: source.shape, bias: float32s(d.shift),
		kernel: simd.NewDepthwise(b.level, kernel, w.size[0], w.size[1], w.stride, channels)}
	d.kernel = nil
	read := []*node{source}
	if widen := b.widening(d); widen != nil {
		p := newPacked(widen)
		s.widen, read = &p, []*node{widen.in[0]}
		whole := b.level == simd.AVX512 && source.cols == wholeRow && 4*len(widen.kernel) <= largeKernel
		s.dense = source.cols < shortRow && !whole
	}
	if d.before != nil {
		s.scale, s.shift = float32s(d.before.scale), float32s(d.before.shift)
	}
	if project := b.projection(d); project != nil {
		p := newPacked(project)
		s.project = &p
		if project.after != nil {
			s.afterScale, s.afterShift = float32s(project.after.scale), float32s(project.after.shift)
		}
	}
	s.left = w.pad[1][0]
	s.pitch = max(s.left+source.cols, (d.cols-1)*w.stride+w.size[1])
	row := 4 * channels * (w.stride*s.pitch + d.cols)
	if s.dense {
		row += 4 * channels * w.stride * source.cols
	}
	s.strip = max(1, min(d.rows, stripBytes/row))
	s.slots = min((s.strip-1)*w.stride+w.size[0], source.rows)
	return s, read, nil
}

func (s *bottleneckStep) pack() {
	for _, p := range []*packed{s.widen, s.project} {
		if p != nil {
			p.pack(s.level)
		}
	}
}

func (s *bottleneckStep) together(threads int) bool {
	return threads > 1 && s.widen != nil && s.in.rows <= togetherRows
}

func (s *bottleneckStep) phases(threads int) int {
	if s.together(threads) {
		return 2
	}
	return 1
}

// Parts of a thread's own memory: a row of zeros, the ring, rows of the widening without zeros between, and the strip's
// output before the projection.
func (s *bottleneckStep) floats(threads int) (own, shared int) {
	row := s.pitch * s.d.channels
	own = row + s.slots*row + s.compact() + s.strip*s.d.cols*s.d.channels
	if s.together(threads) {
		shared = s.in.rows * row
	}
	return own, shared
}

func (s *bottleneckStep) compact() int {
	if !s.dense {
		return 0
	}
	return max(s.slots, s.in.rows) * s.in.cols * s.d.channels
}

func (s *bottleneckStep) run(f *frame, phase, part, parts int) {
	row := s.pitch * s.d.channels
	own := f.own[part]
	take := func(n int) (taken []float32) {
		taken, own = own[:n:n], own[n:]
		return taken
	}
	zeros := take(row)
	clear(zeros)
	ring := rows{data: take(s.slots * row), slots: s.slots, size: row}
	compact := take(s.compact())
	output := own
	if s.together(parts) {
		ring = rows{data: f.shared, slots: s.in.rows, size: row}
	}
	for k := range f.images {
		if s.together(parts) {
			if phase == 0 {
				from, to := divided(s.in.rows, 1, part, parts)
				s.clearEnds(ring, from, to)
				s.fill(f, k, ring, compact, from, to)
				continue
			}
			from, to := divided(s.d.rows, 1, part, parts)
			for from < to {
				end := min(to, from+s.strip)
				s.compute(f, k, ring, zeros, output, from, end)
				from = end
			}
			continue
		}
		s.clearEnds(ring, 0, s.slots)
		from, to := divided(s.d.rows, 1, part, parts)
		w := s.d.window
		next := 0 // row that is not there yet
		for from < to {
			end := min(to, from+s.strip)
			low, high := max(0, from*w.stride-w.pad[0][0]), min(s.in.rows, (end-1)*w.stride-w.pad[0][0]+w.size[0])
			if next = max(next, low); next < high {
				s.fill(f, k, ring, compact, next, high)
				next = high
			}
			s.compute(f, k, ring, zeros, output, from, end)
			from = end
		}
	}
}

// rows are rows of a map, of which the last few are there.
type rows struct {
	data        []float32
	slots, size int
}

func (r rows) at(row int) []float32 {
	slot := row % r.slots
	return r.data[slot*r.size : (slot+1)*r.size : (slot+1)*r.size]
}

// clearEnds writes the zeros beside rows.
func (s *bottleneckStep) clearEnds(ring rows, from, to int) {
	c := s.d.channels
	for r := from; r < to; r++ {
		clear(ring.at(r)[:s.left*c])
		clear(ring.at(r)[(s.left+s.in.cols)*c:])
	}
}

// fill makes the rows from..to of the depthwise convolution's input.
func (s *bottleneckStep) fill(f *frame, k int, ring rows, compact []float32, from, to int) {
	c, cols := s.d.channels, s.in.cols
	at := s.left * c
	switch {
	case s.widen == nil:
		in := s.d.in[0]
		src := f.at(in, k)
		var act simd.Activation
		if s.d.before != nil {
			act = s.d.before.act
		}
		for r := from; r < to; r++ {
			dst, x := simd.Map{Data: ring.at(r)[at:], Stride: c}, simd.Map{Data: src[in.offset(r*cols):], Stride: in.place.stride}
			if s.scale != nil {
				s.level.Affine(dst, x, s.scale, s.shift, cols, c, act)
			} else {
				s.level.Apply(dst, x, cols, c, act)
			}
		}
	case s.dense:
		s.widenRows(f, k, compact, from, to)
		for r := from; r < to; r++ {
			copy(ring.at(r)[at:][:cols*c], compact[(r-from)*cols*c:])
		}
	default:
		for r := from; r < to; r++ {
			s.widenRows(f, k, ring.at(r)[at:], r, r+1)
		}
	}
}

// widenRows computes rows of the convolution before.
func (s *bottleneckStep) widenRows(f *frame, k int, dst []float32, from, to int) {
	p := s.widen
	in := p.in[0]
	n := (to - from) * s.in.cols
	e := p.epilogue(f, k, from*s.in.cols)
	if p.window.pointwise() && in.dense() {
		p.conv.ComputeRows(dst, s.d.channels, f.at(in, k)[from*s.in.cols*in.place.stride:], in.place.stride, n, e)
		return
	}
	// The offsets of rows that see the map's edges alike are the same.
	w := p.window
	top := from*w.stride - w.pad[0][0]
	key := [3]int{to - from, max(0, -top), max(0, (to-1)*w.stride-w.pad[0][0]+w.size[0]-in.rows)}
	offsets, ok := s.offsets.Load(key)
	if !ok {
		made, _ := p.offsets(from*s.in.cols, to*s.in.cols)
		offsets, _ = s.offsets.LoadOrStore(key, made)
	}
	p.conv.Compute(dst, s.d.channels, f.at(in, k)[p.base(from*s.in.cols):], offsets.([]int32), e)
}

// compute makes the rows from..to of the output.
func (s *bottleneckStep) compute(f *frame, k int, ring rows, zeros, output []float32, from, to int) {
	w, d := s.d.window, s.d
	var seen [7][]float32
	e := simd.Epilogue{Bias: s.bias, Activation: d.act}
	dst, stride := output, d.channels
	if s.project == nil {
		dst, stride = f.at(d, k)[d.offset(from*d.cols):], d.place.stride
	}
	for r := from; r < to; r++ {
		for i := range w.size[0] {
			if at := r*w.stride - w.pad[0][0] + i; at >= 0 && at < s.in.rows {
				seen[i] = ring.at(at)
			} else {
				seen[i] = zeros
			}
		}
		s.kernel.Row(dst[(r-from)*d.cols*stride:], stride, seen[:w.size[0]], d.channels, d.cols, e)
	}
	if s.project == nil {
		return
	}
	p := s.project
	first, n := from*d.cols, (to-from)*d.cols
	out := f.at(p.node, k)[p.offset(first):]
	p.conv.ComputeRows(out, p.place.stride, output, d.channels, n, p.epilogue(f, k, first))
	if p.after != nil {
		m := simd.Map{Data: out, Stride: p.place.stride}
		s.level.Affine(m, m, s.afterScale, s.afterShift, n, p.channels, p.after.act)
	}
}
