package infer

import (
	"math"

	"github.com/skinattn/skinattn/internal/simd"
)

// loopStep is an elementwise operation: affineNode, addNode or multiplyNode.
type loopStep struct {
	onePhase
	level simd.Level
	*node
	scale, shift []float32
}

func newLoopStep(level simd.Level, n *node) *loopStep {
	return &loopStep{level: level, node: n, scale: float32s(n.affine.scale), shift: float32s(n.affine.shift)}
}

func (s *loopStep) run(f *frame, _, part, parts int) {
	from, to := divided(s.positions(), 1, part, parts)
	if from == to {
		return
	}
	for k := range f.images {
		at := func(n *node) simd.Map { return simd.Map{Data: f.at(n, k)[n.offset(from):], Stride: n.place.stride} }
		dst, x := at(s.node), at(s.in[0])
		switch {
		case s.kind == addNode:
			s.level.Add(dst, x, at(s.in[1]), float32(s.factor), to-from, s.channels, s.act)
		case s.kind == multiplyNode && s.in[1].positions() == 1:
			s.level.Multiply(dst, x, simd.Map{Data: f.at(s.in[1], k)}, to-from, s.channels, s.act)
		case s.kind == multiplyNode:
			s.level.Multiply(dst, x, at(s.in[1]), to-from, s.channels, s.act)
		case s.scale != nil:
			s.level.Affine(dst, x, s.scale, s.shift, to-from, s.channels, s.act)
		default:
			s.level.Apply(dst, x, to-from, s.channels, s.act)
		}
	}
}

// poolStep is maxPoolNode or averagePoolNode.
type poolStep struct {
	level simd.Level
	*node
}

func (*poolStep) phases(int) int { return 1 }

func (s *poolStep) run(f *frame, _, part, parts int) {
	from, to := divided(s.rows, 1, part, parts)
	for k := range f.images {
		for r := from; r < to; r++ {
			s.row(f, k, r)
		}
	}
}

// row makes a row of the output: the windows in the middle at once, those that meet the map's sides one by one.
func (s *poolStep) row(f *frame, k, r int) {
	in, w := s.in[0], s.window
	var seen [][]float32
	src := f.at(in, k)
	for i := range w.size[0] {
		if at := r*w.stride - w.pad[0][0] + i; at >= 0 && at < in.rows {
			seen = append(seen, src[in.offset(at*in.cols):])
		}
	}
	dst := f.at(s.node, k)[s.offset(r*s.cols):]
	for c := 0; c < s.cols; {
		first := c*w.stride - w.pad[1][0]
		low, high := max(0, first), min(in.cols, first+w.size[1])
		n := 1
		if first >= 0 && first+w.size[1] <= in.cols {
			n = min(s.cols-c, (in.cols-w.size[1]-first)/w.stride+1)
		}
		out := simd.Map{Data: dst[c*s.place.stride:], Stride: s.place.stride}
		s.windows(out, seen, low, high-low, n)
		c += n
	}
}

func (s *poolStep) windows(dst simd.Map, seen [][]float32, low, columns, n int) {
	in := s.in[0]
	size := s.window.size[0] * s.window.size[1]
	if columns <= 0 || len(seen) == 0 { // zeros alone
		for i := range n {
			clear(dst.Data[i*dst.Stride:][:s.channels])
		}
		return
	}
	w := simd.Window{Columns: columns, SrcStride: in.place.stride, Step: s.window.stride}
	for _, row := range seen {
		w.Rows = append(w.Rows, row[low*in.place.stride:])
	}
	whole := columns*len(seen) == size
	if s.kind == maxPoolNode {
		s.level.Max(dst, w, n, s.channels)
		if s.window.zeros && !whole {
			s.level.Apply(dst, dst, n, s.channels, simd.Activation{ReLU: true})
		}
		return
	}
	count := columns * len(seen)
	if s.window.zeros {
		count = size
	}
	s.level.Sum(dst, w, 1/float32(count), n, s.channels)
}

// meanStep is the mean over all positions. Threads divide the channels.
type meanStep struct {
	level simd.Level
	*node
}

func (*meanStep) phases(int) int { return 1 }

func (s *meanStep) run(f *frame, _, part, parts int) {
	from, to := divided(s.channels, align, part, parts)
	if from == to {
		return
	}
	in := s.in[0]
	for k := range f.images {
		w := simd.Window{Rows: [][]float32{f.at(in, k)[from:]}, Columns: in.positions(), SrcStride: in.place.stride, Step: 0}
		s.level.Sum(simd.Map{Data: f.at(s.node, k)[from:], Stride: s.channels}, w, 1/float32(in.positions()), 1, to-from)
	}
}

// copyStep writes the parts of a concatenation that are not where they belong.
type copyStep struct {
	onePhase
	level simd.Level
	*node
	copied []int // inputs
	base   []int // first channel of each input
}

// newCopyStep returns nil if all parts are where they belong.
func newCopyStep(level simd.Level, n *node) *copyStep {
	s := &copyStep{level: level, node: n}
	base := 0
	for i, in := range n.in {
		if in.place.block != n.place.block || in.place.base != n.place.base+base || in.place.stride != n.place.stride {
			s.copied = append(s.copied, i)
		}
		s.base = append(s.base, base)
		base += in.channels
	}
	if s.copied == nil {
		return nil
	}
	return s
}

func (s *copyStep) run(f *frame, _, part, parts int) {
	from, to := divided(s.positions(), 1, part, parts)
	if from == to {
		return
	}
	for k := range f.images {
		for _, i := range s.copied {
			in := s.in[i]
			s.level.Apply(simd.Map{Data: f.at(s.node, k)[s.offset(from)+s.base[i]:], Stride: s.place.stride},
				simd.Map{Data: f.at(in, k)[in.offset(from):], Stride: in.place.stride}, to-from, in.channels, simd.Activation{})
		}
	}
}

// padStep is a pad or crop that no window takes.
type padStep struct{ *node }

func (padStep) phases(int) int { return 1 }

func (s *padStep) run(f *frame, _, part, parts int) {
	in := s.in[0]
	from, to := divided(s.positions(), 1, part, parts)
	for k := range f.images {
		dst, src := f.at(s.node, k), f.at(in, k)
		for i := from; i < to; i++ {
			out := dst[s.offset(i):][:s.channels]
			r, c := i/s.cols-s.window.pad[0][0], i%s.cols-s.window.pad[1][0]
			if r < 0 || r >= in.rows || c < 0 || c >= in.cols {
				clear(out)
			} else {
				copy(out, src[in.offset(r*in.cols+c):])
			}
		}
	}
}

// reshapeStep copies the positions of a map one after the other.
type reshapeStep struct{ *node }

func (reshapeStep) phases(int) int { return 1 }

func (s *reshapeStep) run(f *frame, _, part, parts int) {
	in := s.in[0]
	for k := range f.images {
		dst, src := f.at(s.node, k), f.at(in, k)
		from, to := divided(in.positions(), 1, part, parts)
		for i := from; i < to; i++ {
			for c := range in.channels {
				at := i*in.channels + c
				dst[s.offset(at/s.channels)+at%s.channels] = src[in.offset(i)+c]
			}
		}
	}
}

// softmaxStep is the softmax of vectors, in float64.
type softmaxStep struct{ *node }

func (softmaxStep) phases(int) int { return 1 }

func (s *softmaxStep) run(f *frame, _, part, parts int) {
	from, to := divided(f.images, 1, part, parts)
	for k := from; k < to; k++ {
		for i := range s.positions() {
			softmax(f.at(s.node, k)[s.offset(i):], f.at(s.in[0], k)[s.in[0].offset(i):], s.channels, 1, 1)
		}
	}
}

// softmax is the softmax of n values that are dstStep and srcStep apart.
func softmax(dst, src []float32, n, dstStep, srcStep int) {
	most := math.Inf(-1)
	for i := range n {
		most = max(most, float64(src[i*srcStep]))
	}
	sum := 0.
	for i := range n {
		sum += math.Exp(float64(src[i*srcStep]) - most)
	}
	for i := range n {
		dst[i*dstStep] = float32(math.Exp(float64(src[i*srcStep])-most) / sum)
	}
}

// mapsStep makes Soft-Attention's maps: for each head, a softmax over all positions. Threads divide the heads.
type mapsStep struct{ *node }

func (mapsStep) phases(int) int { return 1 }

func (s *mapsStep) run(f *frame, _, part, parts int) {
	from, to := divided(s.heads, 1, part, parts)
	for k := range f.images {
		dst, src := f.at(s.node, k), f.at(s.in[0], k)
		for head := from; head < to; head++ {
			softmax(dst[head:], src[head:], s.positions(), s.place.stride, s.in[0].place.stride)
		}
	}
}

// weighStep multiplies a map by the sum of the attention maps.
type weighStep struct {
	level simd.Level
	*node
}

func (*weighStep) phases(int) int { return 1 }

func (s *weighStep) floats(int) (own, shared int) { return s.positions(), 0 }

func (s *weighStep) run(f *frame, _, part, parts int) {
	from, to := divided(s.positions(), 1, part, parts)
	if from == to {
		return
	}
	x, maps := s.in[0], s.in[1]
	for k := range f.images {
		weights := f.own[part]
		src := f.at(maps, k)
		for i := from; i < to; i++ {
			sum := float32(0)
			for head := range maps.heads {
				sum += src[i*maps.place.stride+head]
			}
			weights[i] = sum * float32(s.factor)
		}
		s.level.Weigh(simd.Map{Data: f.at(s.node, k)[s.offset(from):], Stride: s.place.stride},
			simd.Map{Data: f.at(x, k)[x.offset(from):], Stride: x.place.stride}, simd.Map{Data: weights[from:], Stride: 1}, to-from, s.channels, simd.Activation{})
	}
}
