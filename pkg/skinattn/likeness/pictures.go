package likeness

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/rand/v2"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// pictures is a kind of pictures that the score is measured on.
type pictures struct {
	name string
	// draw draws one, of the given size; nil for kinds that change a photo of a lesion.
	draw func(rng *rand.Rand, width, height int) *image.RGBA
	// change makes one of a photo.
	change func(photo *imaging.RGB) *imaging.RGB
}

// others are the kinds of pictures beside synthetic lesions. The first are no lesions at all;
// the last are photos of lesions as no camera would take them.
var others = []pictures{
	{name: "noise", draw: noise},
	{name: "one colour", draw: plain},
	{name: "colour gradients", draw: gradient},
	{name: "smooth clouds of colours", draw: clouds},
	{name: "circles, boxes and lines", draw: shapes},
	{name: "line charts", draw: chart},
	{name: "screens of text", draw: text},
	{name: "corners of lesion photos, mostly skin, enlarged", change: corner},
	{name: "lesion photos as negatives", change: func(p *imaging.RGB) *imaging.RGB {
		return eachPixel(p, func(r, g, b uint8) (uint8, uint8, uint8) { return 255 - r, 255 - g, 255 - b })
	}},
	{name: "lesion photos with red and blue swapped", change: func(p *imaging.RGB) *imaging.RGB {
		return eachPixel(p, func(r, g, b uint8) (uint8, uint8, uint8) { return b, g, r })
	}},
	{name: "lesion photos at a quarter of their brightness", change: func(p *imaging.RGB) *imaging.RGB {
		return eachPixel(p, func(r, g, b uint8) (uint8, uint8, uint8) { return r / 4, g / 4, b / 4 })
	}},
	{name: "lesion photos without colours", change: func(p *imaging.RGB) *imaging.RGB {
		return eachPixel(p, func(r, g, b uint8) (uint8, uint8, uint8) {
			grey := color.GrayModel.Convert(color.RGBA{r, g, b, 255}).(color.Gray).Y
			return grey, grey, grey
		})
	}},
	{name: "lesion photos out of focus", change: blurred},
}

func anyColour(rng *rand.Rand) color.RGBA {
	return color.RGBA{uint8(rng.IntN(256)), uint8(rng.IntN(256)), uint8(rng.IntN(256)), 255}
}

// canvas is a picture of one colour.
func canvas(width, height int, c color.Color) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(img, img.Bounds(), image.NewUniform(c), image.Point{}, draw.Src)
	return img
}

func plain(rng *rand.Rand, width, height int) *image.RGBA {
	return canvas(width, height, anyColour(rng))
}

func noise(rng *rand.Rand, width, height int) *image.RGBA {
	img := canvas(width, height, color.Black)
	for i := range img.Pix {
		if i%4 != 3 {
			img.Pix[i] = uint8(rng.IntN(256))
		}
	}
	return img
}

// mixed is the colour at a share of the way from a to b.
func mixed(a, b color.RGBA, share float64) color.RGBA {
	mix := func(x, y uint8) uint8 { return uint8(float64(x) + share*(float64(y)-float64(x)) + .5) }
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 255}
}

func gradient(rng *rand.Rand, width, height int) *image.RGBA {
	a, b, angle := anyColour(rng), anyColour(rng), 2*math.Pi*rng.Float64()
	img := canvas(width, height, color.Black)
	for y := range height {
		for x := range width {
			along := (float64(x)/float64(width)-.5)*math.Cos(angle) + (float64(y)/float64(height)-.5)*math.Sin(angle)
			img.SetRGBA(x, y, mixed(a, b, min(max(.5+along/math.Sqrt2, 0), 1)))
		}
	}
	return img
}

func clouds(rng *rand.Rand, width, height int) *image.RGBA {
	const cols, rows = 8, 6
	var grid [rows + 1][cols + 1]color.RGBA
	for r := range grid {
		for c := range grid[r] {
			grid[r][c] = anyColour(rng)
		}
	}
	smooth := func(t float64) float64 { return t * t * (3 - 2*t) }
	img := canvas(width, height, color.Black)
	for y := range height {
		for x := range width {
			v, u := float64(y)*rows/float64(height), float64(x)*cols/float64(width)
			r, c := int(v), int(u)
			dv, du := smooth(v-float64(r)), smooth(u-float64(c))
			img.SetRGBA(x, y, mixed(mixed(grid[r][c], grid[r][c+1], du), mixed(grid[r+1][c], grid[r+1][c+1], du), dv))
		}
	}
	return img
}

// line draws a line of the given thickness.
func line(img *image.RGBA, x0, y0, x1, y1, thick float64, c color.Color) {
	steps := math.Hypot(x1-x0, y1-y0) + 1
	for s := 0.; s <= steps; s++ {
		x, y := x0+(x1-x0)*s/steps, y0+(y1-y0)*s/steps
		draw.Draw(img, image.Rect(int(x-thick/2), int(y-thick/2), int(x+thick/2)+1, int(y+thick/2)+1), image.NewUniform(c), image.Point{}, draw.Src)
	}
}

func shapes(rng *rand.Rand, width, height int) *image.RGBA {
	img := plain(rng, width, height)
	for range 3 + rng.IntN(12) {
		c := anyColour(rng)
		x, y, w, h := rng.IntN(width), rng.IntN(height), 10+rng.IntN(width/2), 10+rng.IntN(height/2)
		switch rng.IntN(3) {
		case 0:
			draw.Draw(img, image.Rect(x, y, x+w, y+h), image.NewUniform(c), image.Point{}, draw.Src)
		case 1:
			line(img, float64(x), float64(y), float64(rng.IntN(width)), float64(rng.IntN(height)), 6, c)
		default:
			for dy := -h / 2; dy < h/2; dy++ {
				half := int(float64(w) / 2 * math.Sqrt(1-float64(4*dy*dy)/float64(h*h)))
				draw.Draw(img, image.Rect(x-half, y+dy, x+half, y+dy+1), image.NewUniform(c), image.Point{}, draw.Src)
			}
		}
	}
	return img
}

func chart(rng *rand.Rand, width, height int) *image.RGBA {
	img := canvas(width, height, color.White)
	left, bottom := float64(width)/10, float64(height)*.88
	line(img, left, 10, left, bottom, 2, color.Black)
	line(img, left, bottom, float64(width)-10, bottom, 2, color.Black)
	for range 1 + rng.IntN(4) {
		c, y := anyColour(rng), bottom*rng.Float64()
		const points = 24
		for k := range points {
			next := min(max(y+(rng.Float64()-.5)*bottom/4, 10), bottom)
			step := (float64(width) - left - 10) / points
			line(img, left+float64(k)*step, y, left+float64(k+1)*step, next, 2, c)
			y = next
		}
	}
	return img
}

func text(rng *rand.Rand, width, height int) *image.RGBA {
	paper, ink := color.RGBA{255, 255, 255, 255}, color.RGBA{25, 25, 25, 255}
	if rng.IntN(3) == 0 {
		paper, ink = ink, color.RGBA{225, 225, 225, 255}
	}
	img := canvas(width, height, paper)
	drawer := font.Drawer{Dst: img, Src: image.NewUniform(ink), Face: basicfont.Face7x13}
	for y := 16; y < height-4; y += 16 {
		var words strings.Builder
		for words.Len() < (width-16)/7 {
			for range 1 + rng.IntN(9) {
				words.WriteByte(byte('a' + rng.IntN(26)))
			}
			words.WriteByte(' ')
		}
		drawer.Dot = fixed.P(8, y)
		drawer.DrawString(words.String())
	}
	return img
}

// eachPixel changes the colours of a photo.
func eachPixel(photo *imaging.RGB, change func(r, g, b uint8) (uint8, uint8, uint8)) *imaging.RGB {
	out := &imaging.RGB{Width: photo.Width, Height: photo.Height, Pix: make([]uint8, len(photo.Pix))}
	for i := 0; i < len(photo.Pix); i += 3 {
		out.Pix[i], out.Pix[i+1], out.Pix[i+2] = change(photo.Pix[i], photo.Pix[i+1], photo.Pix[i+2])
	}
	return out
}

// corner is the upper left corner, a quarter of the photo's width.
func corner(photo *imaging.RGB) *imaging.RGB {
	side := max(min(photo.Width/4, photo.Height), 1)
	out := &imaging.RGB{Width: side, Height: side, Pix: make([]uint8, 3*side*side)}
	for y := range side {
		copy(out.Pix[3*y*side:3*(y+1)*side], photo.Pix[3*y*photo.Width:])
	}
	return out
}

// blurred is the photo shrunk to 1/24 of its size and enlarged again, smoothly.
func blurred(photo *imaging.RGB) *imaging.RGB {
	small := rounded(imaging.AntialiasResize(photo, max(photo.Height/24, 2), max(photo.Width/24, 2)), max(photo.Width/24, 2), max(photo.Height/24, 2))
	return rounded(imaging.AntialiasResize(small, photo.Height, photo.Width), photo.Width, photo.Height)
}

func rounded(pixels []float32, width, height int) *imaging.RGB {
	out := &imaging.RGB{Width: width, Height: height, Pix: make([]uint8, len(pixels))}
	for i, v := range pixels {
		out.Pix[i] = uint8(min(max(v, 0), 255) + .5)
	}
	return out
}

// pixelsOf are the pixels of a picture without transparency.
func pixelsOf(img *image.RGBA) *imaging.RGB {
	out := &imaging.RGB{Width: img.Bounds().Dx(), Height: img.Bounds().Dy()}
	for i := 0; i < len(img.Pix); i += 4 {
		out.Pix = append(out.Pix, img.Pix[i], img.Pix[i+1], img.Pix[i+2])
	}
	return out
}
