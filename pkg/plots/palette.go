package plots

import (
	"image/color"
	"math"
)

// Okabe and Ito's colours (Color Universal Design: How to make figures and
// presentations that are friendly to colorblind people, 2008; also Wong, Points
// of view: Color blindness, Nature Methods 8, 441, 2011).
var (
	Black     = color.RGBA{0x00, 0x00, 0x00, 0xff}
	Orange    = color.RGBA{0xe6, 0x9f, 0x00, 0xff}
	SkyBlue   = color.RGBA{0x56, 0xb4, 0xe9, 0xff}
	Green     = color.RGBA{0x00, 0x9e, 0x73, 0xff}
	Yellow    = color.RGBA{0xf0, 0xe4, 0x42, 0xff}
	Blue      = color.RGBA{0x00, 0x72, 0xb2, 0xff}
	Vermilion = color.RGBA{0xd5, 0x5e, 0x00, 0xff}
	Purple    = color.RGBA{0xcc, 0x79, 0xa7, 0xff}
)

// UnknownColor is the colour of unknown and missing values.
var UnknownColor = color.RGBA{0xbb, 0xbb, 0xbb, 0xff}

// classColors leave out yellow, too pale for a thin line on white.
var classColors = []color.Color{Orange, SkyBlue, Green, Purple, Vermilion, Black, Blue}

// seriesColors are for bars and curves of runs or parts.
var seriesColors = []color.Color{Blue, Orange, Green, Purple, SkyBlue, Vermilion, Yellow, Black}

// ClassColor returns the colour of class k, the same in every figure. There are
// seven; further classes begin again.
func ClassColor(k int) color.Color { return classColors[k%len(classColors)] }

// SeriesColor returns the colour of the i-th run, part or other series.
func SeriesColor(i int) color.Color { return seriesColors[i%len(seriesColors)] }

// seriesColor returns c or, if it is nil, the colour of the i-th series.
func seriesColor(c color.Color, i int) color.Color {
	if c != nil {
		return c
	}
	return SeriesColor(i)
}

// blues runs from white to a deep blue in equal steps of linear light, for
// shares of 0 to 1.
type blues struct{}

const blueSteps = 256

// Colors implements gonum's palette.Palette.
func (blues) Colors() []color.Color {
	colors := make([]color.Color, blueSteps)
	for i := range colors {
		colors[i] = blueAt(float64(i) / (blueSteps - 1))
	}
	return colors
}

func blueAt(share float64) color.RGBA {
	deep := color.RGBA{0x08, 0x45, 0x8a, 0xff}
	mix := func(to uint8) uint8 { return uint8(math.Round(255 + share*(float64(to)-255))) }
	return color.RGBA{mix(deep.R), mix(deep.G), mix(deep.B), 0xff}
}

// inkOn returns black or white, whichever reads better on a background.
func inkOn(c color.RGBA) color.Color {
	luminance := 0.299*float64(c.R) + 0.587*float64(c.G) + 0.114*float64(c.B)
	if luminance < 140 {
		return color.White
	}
	return ink
}
