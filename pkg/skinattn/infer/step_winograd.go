package infer

import "github.com/skinattn/skinattn/internal/simd"

// largeWinograd is where a transformed kernel, in bytes, is so large that threads which share an image divide its filters: each reads its part alone. Else
// they divide the tiles.
const largeWinograd = 4 << 20

// winogradStep is a 3x3 convolution of stride 1 in Winograd's form.
type winogradStep struct {
	*node
	level                  simd.Level
	kernel                 *simd.Winograd
	parts                  [][]*simd.Winograd // by number of threads less one, for large kernels; else nil
	bias                   []float32
	afterScale, afterShift []float32
}

// winogradPays says whether a convolution takes Winograd's form: its shape alone decides.
func winogradPays(n *node) bool {
	return n.window.size == [2]int{3, 3} && n.window.stride == 1 && n.before == nil && n.gate == nil && n.first == 0 &&
		(n.residual == nil || n.residual.dense()) && len(n.kernel) == 9*n.in[0].channels*n.channels &&
		simd.WinogradPays(n.rows, n.cols, n.in[0].channels, n.channels)
}

func newWinogradStep(level simd.Level, n *node) *winogradStep {
	s := &winogradStep{node: n, level: level, bias: float32s(n.shift)}
	if n.after != nil {
		s.afterScale, s.afterShift = float32s(n.after.scale), float32s(n.after.shift)
	}
	return s
}

func (s *winogradStep) pack() {
	s.kernel = simd.NewWinograd(s.level, folded(s.node), s.in[0].channels, s.channels)
	s.node.kernel = nil // the weights go
}

func (s *winogradStep) large() bool { return s.kernel.Bytes() > largeWinograd }

func (s *winogradStep) floats(threads int) (own, shared int) {
	for parts := len(s.parts) + 1; parts <= threads && s.large(); parts++ {
		s.parts = append(s.parts, s.kernel.Parts(parts))
	}
	return s.kernel.Scratch(), 0
}

func (s *winogradStep) phases(int) int {
	if s.after != nil {
		return 2 // tiles and parts of the filters are no runs of positions
	}
	return 1
}

// image is a map of image k of the frame.
func image(f *frame, n *node, k int) simd.Image {
	return simd.Image{Data: f.at(n, k)[n.offset(0):], Rows: n.rows, Cols: n.cols, Stride: n.place.stride, RowStride: n.pitch() * n.place.stride}
}

func (s *winogradStep) run(f *frame, phase, part, parts int) {
	if phase == 1 {
		from, to := divided(s.positions(), 1, part, parts)
		for k := range f.images {
			m := simd.Map{Data: f.at(s.node, k)[s.offset(from):], Stride: s.place.stride}
			s.level.Affine(m, m, s.afterScale, s.afterShift, to-from, s.channels, s.after.act)
		}
		return
	}
	kernel := s.kernel
	from, to := 0, simd.Square.Tiles(s.rows, s.cols)
	if s.large() {
		if part >= len(s.parts[parts-1]) {
			return
		}
		kernel = s.parts[parts-1][part]
	} else {
		from, to = divided(to, 1, part, parts)
	}
	for k := range f.images {
		e := simd.Epilogue{Bias: s.bias, Activation: s.act}
		if s.residual != nil {
			e.Residual, e.ResidualStride = f.at(s.residual, k)[s.residual.offset(0):], s.residual.place.stride
		}
		dst, src := [1]simd.Image{image(f, s.node, k)}, [1]simd.Image{image(f, s.in[0], k)}
		kernel.ComputeTiles(dst[:], src[:], s.window.pad[0][0], s.window.pad[1][0], from, to, f.own[part], e)
	}
}
