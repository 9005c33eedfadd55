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

func (l Level) transformInput([]float32, int, Image, int) { panic("simd: no such level") }

func (l Level) transformCotangent([]float32, int, Image, int) { panic("simd: no such level") }

func (l Level) lines(lineTransform, []float32, int, []float32, int, int) {
	panic("simd: no such level")
}

func (l Level) transformSums([]float32, int, []float32, int, int) { panic("simd: no such level") }

func (w *Winograd) transformOutput(Image, []float32, int, int, Epilogue, int, int) {
	panic("simd: no such level")
}

func (g KernelGradient) block([]float32, []float32, []int32, []float32, int, int, int, int, []float32) {
	panic("simd: no such level")
}

func transposeRows([]float32, int, []float32, int, int) { panic("simd: no such level") }

func (w *Winograd) packPanel(panel, []float32, int, int, int, int) { panic("simd: no such level") }

func turnPixels([]float32, []float32, []Tap) int { panic("simd: no such level") }

func turnBytes([]float32, []uint8, []Tap) int { panic("simd: no such level") }

func (r *Reduction) row([]float64, []uint8) int { panic("simd: no such level") }

func weighRows([]float32, [][]float64, []float64) int { panic("simd: no such level") }

func (l Level) widen([]float32, []uint8) int { panic("simd: no such level") }

func (s *Scale) apply(Level, []float32, []float32) int { panic("simd: no such level") }

// HasJPEG says whether there are loops for JPEG.
func HasJPEG() bool { return false }

// InverseDCT is for processors with loops for JPEG.
func InverseDCT([]uint8, int, *[64]int16, *[64]uint16) { panic("simd: no loops for JPEG") }

// SumRows is for processors with loops for JPEG.
func SumRows([]uint16, []uint8, []uint8) int { panic("simd: no loops for JPEG") }

// DoubleRow is for processors with loops for JPEG.
func DoubleRow([]uint8, []uint16, int, int) int { panic("simd: no loops for JPEG") }

// ConvertYCbCr is for processors with loops for JPEG.
func ConvertYCbCr(_, _, _, _ []uint8) int { panic("simd: no loops for JPEG") }
