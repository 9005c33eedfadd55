package simd

import (
	"fmt"
	"math"
)

// Map is a feature map, or a part of its channels: position i has its channels at Data[i*Stride:].
type Map struct {
	Data   []float32
	Stride int
}

// checkMap panics if a map is too short for so many positions of so many channels.
func (m Map) check(positions, channels int) {
	if m.Stride < 0 || positions > 0 && (positions-1)*m.Stride+channels > len(m.Data) {
		panic(fmt.Sprintf("simd: %d positions of %d channels at a stride of %d in %d", positions, channels, m.Stride, len(m.Data)))
	}
}

// checkLoop panics unless all maps have so many positions of so many channels; it says whether there is something to do.
func checkLoop(positions, channels int, dst Map, others ...Map) bool {
	if positions < 0 || channels < 0 {
		panic(fmt.Sprintf("simd: %d positions of %d channels", positions, channels))
	}
	if positions == 0 || channels == 0 {
		return false
	}
	dst.check(positions, channels)
	if dst.Stride < channels && positions > 1 {
		panic(fmt.Sprintf("simd: outputs of %d channels at a stride of %d", channels, dst.Stride))
	}
	for _, m := range others {
		m.check(positions, channels)
	}
	return true
}

// flat makes one long position of dense maps.
func flat(positions, channels int, maps ...Map) (int, int) {
	for _, m := range maps {
		if m.Stride != channels {
			return positions, channels
		}
	}
	return 1, positions * channels
}

// Apply makes a(x) of positions x channels. dst may be x.
func (l Level) Apply(dst, x Map, positions, channels int, a Activation) {
	if !checkLoop(positions, channels, dst, x) {
		return
	}
	positions, channels = flat(positions, channels, dst, x)
	if l != Generic {
		l.loop(loopCopy, dst, x, Map{x.Data, 0}, nil, positions, channels, 0, a)
		return
	}
	each(dst, positions, channels, func(i, c int) float32 { return a.Apply(x.Data[i*x.Stride+c]) })
}

// Affine makes a(x*scale+shift), one fused multiply-add, with a scale and a shift for each channel. dst may be x.
func (l Level) Affine(dst, x Map, scale, shift []float32, positions, channels int, a Activation) {
	if !checkLoop(positions, channels, dst, x, Map{scale, 0}, Map{shift, 0}) {
		return
	}
	if l != Generic {
		l.loop(loopAffine, dst, x, Map{scale, 0}, shift, positions, channels, 0, a)
		return
	}
	each(dst, positions, channels, func(i, c int) float32 { return a.Apply(fma(x.Data[i*x.Stride+c], scale[c], shift[c])) })
}

// Add makes a(x+y*factor), one fused multiply-add. dst may be x or y.
func (l Level) Add(dst, x, y Map, factor float32, positions, channels int, a Activation) {
	if !checkLoop(positions, channels, dst, x, y) {
		return
	}
	positions, channels = flat(positions, channels, dst, x, y)
	if l != Generic {
		l.loop(loopAdd, dst, x, y, nil, positions, channels, factor, a)
		return
	}
	each(dst, positions, channels, func(i, c int) float32 {
		return a.Apply(fma(y.Data[i*y.Stride+c], factor, x.Data[i*x.Stride+c]))
	})
}

// Multiply makes a(x*y). A y of stride 0 is one vector of channels for all positions: squeeze and excitation. dst may be x or y.
func (l Level) Multiply(dst, x, y Map, positions, channels int, a Activation) {
	if !checkLoop(positions, channels, dst, x, y) {
		return
	}
	positions, channels = flat(positions, channels, dst, x, y)
	if l != Generic {
		l.loop(loopMultiply, dst, x, y, nil, positions, channels, 0, a)
		return
	}
	each(dst, positions, channels, func(i, c int) float32 {
		return a.Apply(x.Data[i*x.Stride+c] * y.Data[i*y.Stride+c])
	})
}

// Weigh makes a(x*y), where y has one value for each position, y.Stride apart. dst may be x.
func (l Level) Weigh(dst, x, y Map, positions, channels int, a Activation) {
	if !checkLoop(positions, channels, dst, x) {
		return
	}
	y.check(positions, 1)
	if l != Generic {
		l.loop(loopWeigh, dst, x, y, nil, positions, channels, 0, a)
		return
	}
	each(dst, positions, channels, func(i, c int) float32 { return a.Apply(x.Data[i*x.Stride+c] * y.Data[i*y.Stride]) })
}

// The elementwise loops.
const (
	loopCopy = iota
	loopAffine
	loopAdd
	loopMultiply
	loopWeigh
)

func each(dst Map, positions, channels int, value func(i, c int) float32) {
	for i := range positions {
		for c := range channels {
			dst.Data[i*dst.Stride+c] = value(i, c)
		}
	}
}

// Window is a row of windows of a map without padding, for pooling: the rows that they see, from where the first window begins. At the edges the
// caller gives fewer rows or columns: what is there.
type Window struct {
	Rows      [][]float32
	Columns   int // of a window
	SrcStride int // between positions of the input
	Step      int // positions of the input from a window to the next
}

func (w Window) check(dst Map, n, channels int) bool {
	if !checkLoop(n, channels, dst) {
		return false
	}
	if w.Columns < 1 || w.SrcStride < 0 || w.Step < 0 || len(w.Rows) < 1 {
		panic(fmt.Sprintf("simd: windows of %dx%d, %d apart, at a stride of %d", len(w.Rows), w.Columns, w.Step, w.SrcStride))
	}
	for _, row := range w.Rows {
		Map{row, w.SrcStride}.check((n-1)*w.Step+w.Columns, channels)
	}
	return true
}

// Max makes the maxima of n windows. A NaN is kept only if no number comes after it.
func (l Level) Max(dst Map, w Window, n, channels int) {
	if !w.check(dst, n, channels) {
		return
	}
	minusInf := float32(math.Inf(-1))
	if l != Generic {
		l.pool(true, dst, w, n, channels, minusInf, 1)
		return
	}
	w.each(dst, n, channels, minusInf, 1, func(v, x float32) float32 {
		if v > x {
			return v
		}
		return x
	})
}

// Sum makes the sums of n windows, rows first, times scale: averages. A map's average is a window of one row of all its positions.
func (l Level) Sum(dst Map, w Window, scale float32, n, channels int) {
	if !w.check(dst, n, channels) {
		return
	}
	if l != Generic {
		l.pool(false, dst, w, n, channels, 0, scale)
		return
	}
	w.each(dst, n, channels, 0, scale, func(v, x float32) float32 { return v + x })
}

func (w Window) each(dst Map, n, channels int, start, scale float32, join func(v, x float32) float32) {
	each(dst, n, channels, func(i, c int) float32 {
		v := start
		for _, row := range w.Rows {
			for k := range w.Columns {
				v = join(v, row[(i*w.Step+k)*w.SrcStride+c])
			}
		}
		return v * scale
	})
}
