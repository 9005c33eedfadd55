package plots

import (
	"cmp"
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"
	"slices"
	"strconv"

	xdraw "golang.org/x/image/draw"
	"golang.org/x/image/math/f64"
	"gonum.org/v1/plot/palette"
	"gonum.org/v1/plot/palette/moreland"
)

// HeatMap is a map over a picture, such as the attention of a network: equal
// fields in rows and columns, the first at the upper left.
type HeatMap struct {
	// Title stands above the map's panel.
	Title      string
	Rows, Cols int
	Values     []float64 // of length Rows*Cols, row by row
}

func (m HeatMap) validate() error {
	if m.Rows < 1 || m.Cols < 1 || len(m.Values) != m.Rows*m.Cols {
		return fmt.Errorf("map %q: %d values do not fill %d rows and %d columns", m.Title, len(m.Values), m.Rows, m.Cols)
	}
	for i, v := range m.Values {
		if !isFinite(v) {
			return fmt.Errorf("map %q: row %d, column %d is %v; every value must be a finite number", m.Title, i/m.Cols+1, i%m.Cols+1, v)
		}
	}
	return nil
}

// limits returns the values that get the first and the last colour.
func (m HeatMap) limits(fromZero bool) (low, high float64) {
	low, high = slices.Min(m.Values), slices.Max(m.Values)
	if fromZero {
		low, high = min(low, 0), max(high, 0)
	}
	return low, high
}

// at returns the bilinear value at (x, y), both from 0 to 1 over the picture, by
// the rule of [saliency.Upsample] but in float64: a picture shows one grey level
// more or less where float32 rounds the other way.
func (m HeatMap) at(x, y float64) float64 {
	y0, y1, fy := between(y, m.Rows)
	x0, x1, fx := between(x, m.Cols)
	above, below := m.Values[y0*m.Cols:], m.Values[y1*m.Cols:]
	return (above[x0]*(1-fx)+above[x1]*fx)*(1-fy) + (below[x0]*(1-fx)+below[x1]*fx)*fy
}

// between returns the cells whose centres enclose a place, from 0 to 1 over n
// cells, and the share of the second.
func between(at float64, n int) (i, next int, share float64) {
	at = min(max(at*float64(n)-0.5, 0), float64(n-1))
	i = int(at)
	return i, min(i+1, n-1), at - float64(i)
}

// HeatStyle is the look of a map over a photo. The zero value is the default.
type HeatStyle struct {
	// Opacity of the colours over the photo, from 0 to 1; 0 means 0.5, a
	// negative value leaves the photo alone.
	Opacity float64
	// Colors are the map's colours, from its smallest to its largest value; nil
	// means [HeatColors].
	Colors palette.ColorMap
	// FromZero lets the colours begin at 0 (or end there, if all values are
	// negative) instead of at the map's smallest value, so that a nearly even
	// map looks even; a map of zeros gets the first colour. Without it, a map
	// of equal values is drawn in the middle colour.
	FromZero bool
	// OutlineWidth is the width of a mask's outline in pixels, its dark rims
	// included; 0 means a hundredth of the picture's shorter side, at least 3.
	OutlineWidth float64
}

const defaultOpacity = 0.5

// HeatColors returns the default colours of maps: five colours of viridis (S. van
// der Walt and N. Smith, 2015; CC0), and even steps of lightness between them (K.
// Moreland, "Why we use bad color maps and what you can do about it", 2016). The
// map reads the same in grey and to the colour-blind, and has no hue of skin.
func HeatColors() palette.ColorMap {
	scale, err := moreland.NewLuminance([]color.Color{
		color.RGBA{68, 1, 84, 255}, color.RGBA{59, 82, 139, 255}, color.RGBA{33, 145, 140, 255},
		color.RGBA{94, 201, 98, 255}, color.RGBA{253, 231, 37, 255},
	})
	if err != nil {
		panic(err) // these colours do grow lighter
	}
	return scale
}

const heatSteps = 256

// colors returns the colours in equal steps, with full opacity.
func (s HeatStyle) colors() []color.RGBA {
	scale := s.Colors
	if scale == nil {
		scale = HeatColors()
	}
	out := make([]color.RGBA, heatSteps)
	for i, c := range scale.Palette(heatSteps).Colors() {
		out[i] = color.RGBAModel.Convert(c).(color.RGBA)
		out[i].A = 0xff
	}
	return out
}

func (s HeatStyle) validate() error {
	if s.Opacity > 1 || math.IsNaN(s.Opacity) || math.IsNaN(s.OutlineWidth) || s.OutlineWidth < 0 {
		return fmt.Errorf("map colours: opacity %v must be at most 1 and outline width %v at least 0", s.Opacity, s.OutlineWidth)
	}
	return nil
}

// Overlay lays m over the photo and returns a picture of the photo's size. The
// map covers the whole photo. With a mask, of the photo's shape in any
// resolution and light (over half) inside the lesion, the lesion's outline is
// drawn: white between black rims, which shows on every ground.
func Overlay(photo image.Image, m HeatMap, mask image.Image, s HeatStyle) (*image.RGBA, error) {
	if photo == nil || photo.Bounds().Empty() {
		return nil, errors.New("laying a map over a photo: the photo is empty")
	}
	return overlay(photo, &m, mask, s, photo.Bounds(), photo.Bounds().Dx(), photo.Bounds().Dy())
}

// overlay returns w x h pixels of the photo's view, a rectangle in the photo's
// pixels, with the map and the outline of the mask, each of which may be nil.
func overlay(photo image.Image, m *HeatMap, mask image.Image, s HeatStyle, view image.Rectangle, w, h int) (*image.RGBA, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	xdraw.CatmullRom.Scale(out, out.Bounds(), photo, view, xdraw.Src, nil)
	if m != nil {
		if err := m.validate(); err != nil {
			return nil, err
		}
		s.blend(out, *m)
	}
	if mask == nil {
		return out, nil
	}
	inside, err := sameView(mask, photo.Bounds(), view, w, h)
	if err != nil {
		return nil, err
	}
	width := s.OutlineWidth
	if width == 0 {
		width = max(3, float64(min(w, h))/100)
	}
	drawOutline(out, inside, width)
	return out, nil
}

// sameView crops the mask as the view crops the photo and returns w x h pixels. The
// mask covers the whole photo, in any resolution.
func sameView(mask image.Image, photo, view image.Rectangle, w, h int) (*image.Gray, error) {
	b := mask.Bounds()
	shape := float64(b.Dx()*photo.Dy()) / float64(b.Dy()*photo.Dx())
	if b.Empty() || math.Abs(shape-1) > 0.02 {
		return nil, fmt.Errorf("a mask of %v pixels does not fit a photo of %v; both must have one shape", b.Size(), photo.Size())
	}
	scaleX := float64(w) / float64(view.Dx()) * float64(photo.Dx()) / float64(b.Dx())
	scaleY := float64(h) / float64(view.Dy()) * float64(photo.Dy()) / float64(b.Dy())
	inside := image.NewGray(image.Rect(0, 0, w, h))
	xdraw.CatmullRom.Transform(inside, f64.Aff3{
		scaleX, 0, -scaleX*float64(b.Min.X) - float64((view.Min.X-photo.Min.X)*w)/float64(view.Dx()),
		0, scaleY, -scaleY*float64(b.Min.Y) - float64((view.Min.Y-photo.Min.Y)*h)/float64(view.Dy()),
	}, mask, b, xdraw.Src, nil)
	return inside, nil
}

// blend lays the map over img.
func (s HeatStyle) blend(img *image.RGBA, m HeatMap) {
	opacity := max(cmp.Or(s.Opacity, defaultOpacity), 0)
	colors := s.colors()
	low, high := m.limits(s.FromZero)
	b := img.Bounds()
	for y := range b.Dy() {
		for x := range b.Dx() {
			share := 0.5 // of the colours, for a map of equal values
			if high > low {
				share = (m.at((float64(x)+0.5)/float64(b.Dx()), (float64(y)+0.5)/float64(b.Dy())) - low) / (high - low)
			} else if s.FromZero {
				share = 0
			}
			mix(img.Pix[img.PixOffset(x, y):], colors[int(math.Round(share*(heatSteps-1)))], opacity)
		}
	}
}

// mix replaces a share of a pixel by c.
func mix(pixel []uint8, c color.RGBA, share float64) {
	for i, v := range [3]uint8{c.R, c.G, c.B} {
		pixel[i] = uint8(math.Round(float64(pixel[i])*(1-share) + float64(v)*share))
	}
}

// drawOutline draws the border of the light part of mask on img, both of one
// size: a white line between two black ones, in the given total width. Where the
// mask meets the picture's edge there is no border.
func drawOutline(img *image.RGBA, mask *image.Gray, width float64) {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	distance := borderDistance(mask, int(math.Ceil(width/2))+1)
	for y := range h {
		for x := range w {
			d := float64(distance[y*w+x])
			pixel := img.Pix[img.PixOffset(x, y):]
			// Half a pixel is the step of a line's edge: it smooths the line.
			mix(pixel, color.RGBA{A: 0xff}, min(max(width/2+0.5-d, 0), 1))
			mix(pixel, color.RGBA{0xff, 0xff, 0xff, 0xff}, min(max(width/4+0.5-d, 0), 1))
		}
	}
}

// borderDistance returns each pixel's distance, in pixels, from the nearest border
// between light (over half) and dark; distances above reach are infinite. A border
// lies between two neighbouring pixels, where the interpolated grey level passes a
// half.
func borderDistance(mask *image.Gray, reach int) []float32 {
	w, h := mask.Bounds().Dx(), mask.Bounds().Dy()
	distance := slices.Repeat([]float32{float32(math.Inf(1))}, w*h)
	level := func(x, y int) float64 { return float64(mask.Pix[y*mask.Stride+x]) - 127.5 }
	near := func(bx, by float64) {
		for y := max(0, int(by)-reach); y <= min(h-1, int(by)+reach+1); y++ {
			for x := max(0, int(bx)-reach); x <= min(w-1, int(bx)+reach+1); x++ {
				distance[y*w+x] = min(distance[y*w+x], float32(math.Hypot(float64(x)-bx, float64(y)-by)))
			}
		}
	}
	for y := range h {
		for x := range w {
			here := level(x, y)
			for _, to := range []image.Point{{X: 1}, {Y: 1}} {
				if x+to.X == w || y+to.Y == h {
					continue
				}
				if next := level(x+to.X, y+to.Y); (here > 0) != (next > 0) {
					share := here / (here - next)
					near(float64(x)+share*float64(to.X), float64(y)+share*float64(to.Y))
				}
			}
		}
	}
	return distance
}

// rangeText writes a range, rounded to two digits of its width.
func rangeText(low, high float64) string {
	digits := 2
	if high > low {
		digits = 1 - int(math.Floor(math.Log10(high-low)))
	}
	if digits > 6 || max(math.Abs(low), math.Abs(high)) >= 1e6 {
		return fmt.Sprintf("%.3g to %.3g", low, high)
	}
	number := func(v float64) string {
		if v == 0 {
			return "0"
		}
		return strconv.FormatFloat(v, 'f', max(digits, 0), 64)
	}
	return number(low) + " to " + number(high)
}
