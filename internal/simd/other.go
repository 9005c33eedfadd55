//go:build !amd64

package simd

func (c *Conv) compute([]float32, int, []float32, []int32, int, int, Epilogue) {
	panic("simd: no such level")
}

func (d *Depthwise) row([]float32, int, [][]float32, int, int, Epilogue) {
	panic("simd: no such level")
}

func (l Level) loop(int, Map, Map, Map, []float32, int, int, float32, Activation) {
	panic("simd: no such level")
}

func (l Level) pool(bool, Map, Window, int, int, float32, float32) { panic("simd: no such level") }

func (w *Winograd) transformInput([]float32, int, Image) { panic("simd: no such level") }

func (w *Winograd) transformOutput(Image, []float32, int, int, Epilogue, int, int) {
	panic("simd: no such level")
}
