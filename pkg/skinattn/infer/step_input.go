package infer

import (
	"cmp"

	"github.com/skinattn/skinattn/internal/simd"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// inputStep brings an input to its place: pixels are put into the network's order and scaled.
type inputStep struct {
	onePhase
	level simd.Level
	*node
	reversed bool        // the network's first channel is blue
	scale    *simd.Scale // of pixels, by channel of the network
}

func newInputStep(level simd.Level, n *node) *inputStep {
	s := &inputStep{level: level, node: n}
	if n.pixels == nil {
		return s
	}
	scaling := n.pixels.Scaling
	s.reversed = (n.pixels.Order == imaging.BGROrder) != scaling.Reverse
	var scales, shifts [3]float32
	for c := range scales {
		scale := 1 / float64(cmp.Or(scaling.Divisor, 1)) / float64(cmp.Or(scaling.Std[c], 1))
		shift := -float64(scaling.Mean[c]) / float64(cmp.Or(scaling.Std[c], 1))
		if n.affine.scale != nil {
			scale, shift = scale*n.affine.scale[c], shift*n.affine.scale[c]+n.affine.shift[c]
		}
		scales[c], shifts[c] = float32(scale), float32(shift)
	}
	s.scale = simd.NewScale(scales, shifts)
	return s
}

func (s *inputStep) run(f *frame, _, part, parts int) {
	input := f.execution.inputs[s.layer]
	from, to := divided(s.rows, 1, part, parts)
	left, width, pitch := s.place.left*s.place.stride, s.cols*s.channels, s.pitch()*s.place.stride
	for k := range f.images {
		dst := f.at(s.node, k)
		image, size := f.image+k, s.size()
		for r := from; r < to; r++ {
			row := dst[r*pitch : (r+1)*pitch]
			at := image*size + r*width
			switch {
			case s.place.stride != s.channels:
				for c := range s.cols {
					copy(row[c*s.place.stride:], input.Floats[at+c*s.channels:][:s.channels])
				}
				continue
			case s.pixels == nil:
				copy(row[left:], input.Floats[at:][:width])
			case input.Row != nil:
				input.Row(image, r, row[left:left+width])
				s.scaled(row[left:left+width], row[left:left+width])
			case input.Bytes != nil:
				s.level.Widen(row[left:left+width], input.Bytes[at:][:width])
				s.scaled(row[left:left+width], row[left:left+width])
			default:
				s.scaled(row[left:left+width], input.Floats[at:][:width])
			}
			clear(row[:left])
			clear(row[left+width:])
		}
	}
}

// scaled makes of a row of pixels what the network takes. Each product is rounded before the sum, on every processor.
func (s *inputStep) scaled(dst, src []float32) {
	if s.reversed {
		copy(dst, src)
		imaging.BGROrder.Reorder(dst)
		src = dst
	}
	s.scale.Apply(s.level, dst, src)
}
