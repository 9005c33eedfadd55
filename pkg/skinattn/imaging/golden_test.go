package imaging

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// golden is testdata/golden.json, which tools/golden/imaging/make.py writes
// with real Keras 2.15, TensorFlow, Pillow and OpenCV.
type golden struct {
	Resize []struct {
		Name, Method  string
		Width, Height int
		TargetHeight  int `json:"target_height"`
		TargetWidth   int `json:"target_width"`
		Step          int
		Want          string
	}
	Decode []struct {
		File, By, Want      string
		Width, Height, Step int
	}
	Preprocess []struct {
		Mode, Order string
		RGB         []int
		Want        []float32
	}
}

func loadGolden(t *testing.T) golden {
	t.Helper()
	data, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Resize) == 0 || len(g.Decode) == 0 || len(g.Preprocess) == 0 {
		t.Fatal("golden.json has no cases")
	}
	return g
}

// pattern is the source picture of the resize cases, pattern() in make.py.
func pattern(width, height int) *RGB {
	img := newRGB(width, height)
	i := 0
	for y := range height {
		for x := range width {
			for c := range 3 {
				img.Pix[i] = uint8(3*x*x + 5*y*y + 7*x*y + 41*c*(x+1))
				i++
			}
		}
	}
	return img
}

func TestResizeMatchesKeras(t *testing.T) {
	for _, tc := range loadGolden(t).Resize {
		t.Run(tc.Method+"/"+tc.Name, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join("testdata", tc.Want))
			if err != nil {
				t.Fatal(err)
			}
			want := make([]float32, len(raw)/4)
			if err := binary.Read(bytes.NewReader(raw), binary.LittleEndian, want); err != nil {
				t.Fatal(err)
			}
			resize, tolerance := SmartResize, 1e-4
			if tc.Method == "stretch" {
				resize, tolerance = StretchResize, 0
			} else if tc.Method == "antialias" {
				resize, tolerance = AntialiasResize, 5e-3 // TensorFlow places samples in float32
			}
			got := resize(pattern(tc.Width, tc.Height), tc.TargetHeight, tc.TargetWidth)
			if len(got) != 3*tc.TargetHeight*tc.TargetWidth {
				t.Fatalf("%d values, want %d", len(got), 3*tc.TargetHeight*tc.TargetWidth)
			}
			i := 0
			worst := 0.0
			for y := 0; y < tc.TargetHeight; y += tc.Step {
				for x := 0; x < tc.TargetWidth; x += tc.Step {
					for c := range 3 {
						diff := math.Abs(float64(got[3*(y*tc.TargetWidth+x)+c] - want[i]))
						if worst = max(worst, diff); diff > tolerance {
							t.Fatalf("y %d x %d channel %d: got %v, Keras %v", y, x, c, got[3*(y*tc.TargetWidth+x)+c], want[i])
						}
						i++
					}
				}
			}
			if i != len(want) {
				t.Fatalf("compared %d values, file has %d", i, len(want))
			}
		})
	}
}

// TestDecodeMatchesPillow wants every pixel as Pillow (for 16-bit PNG OpenCV)
// decodes it. make.py asserts that OpenCV agrees with Pillow about the JPEGs,
// but for CMYK.
func TestDecodeMatchesPillow(t *testing.T) {
	for _, tc := range loadGolden(t).Decode {
		t.Run(tc.File, func(t *testing.T) {
			want, err := os.ReadFile(filepath.Join("testdata", tc.Want))
			if err != nil {
				t.Fatal(err)
			}
			got, err := DecodeFile(filepath.Join("testdata", tc.File))
			if err != nil {
				t.Fatal(err)
			}
			if got.Width != tc.Width || got.Height != tc.Height || len(got.Pix) != 3*tc.Width*tc.Height {
				t.Fatalf("got %d x %d and %d bytes, want %d x %d", got.Width, got.Height, len(got.Pix), tc.Width, tc.Height)
			}
			allowed := 0
			if tc.File == "png-alpha.png" {
				allowed = 1 // both round a product of two 8-bit numbers, in different ways
			}
			i, worst, differing := 0, 0, 0
			for y := range tc.Height {
				for x := 0; x < tc.Width; x += tc.Step {
					for c := range 3 {
						if d := int(got.Pix[3*(y*tc.Width+x)+c]) - int(want[i]); d != 0 {
							differing++
							worst = max(worst, d, -d)
						}
						i++
					}
				}
			}
			if i != len(want) {
				t.Fatalf("compared %d values, file has %d", i, len(want))
			}
			if worst > allowed {
				t.Errorf("%d of %d values differ from %s, by up to %d", differing, i, tc.By, worst)
			}
		})
	}
}

func TestPreprocessMatchesKeras(t *testing.T) {
	for _, tc := range loadGolden(t).Preprocess {
		t.Run(fmt.Sprintf("%s/%s", tc.Mode, tc.Order), func(t *testing.T) {
			order := Order(tc.Order)
			if order != RGBOrder && order != BGROrder {
				t.Fatalf("order %q", order)
			}
			pixels := make([]uint8, len(tc.RGB))
			for i, v := range tc.RGB {
				pixels[i] = uint8(v)
			}
			got := make([]float32, len(pixels))
			order.Floats(got, pixels)
			if err := Preprocess(tc.Mode).Apply(got, got); err != nil {
				t.Fatal(err)
			}
			for i := range got {
				if d := math.Abs(float64(got[i] - tc.Want[i])); d > 1e-6*max(1, math.Abs(float64(tc.Want[i]))) {
					t.Errorf("value %d: got %v, Keras %v", i, got[i], tc.Want[i])
				}
			}
		})
	}
}
