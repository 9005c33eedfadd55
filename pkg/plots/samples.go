package plots

import (
	"cmp"
	"errors"
	"fmt"
	"image"
	"math"
	"slices"

	xdraw "golang.org/x/image/draw"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// ClassSamples is a grid of images, a row for each class with its name at the
// left (the paper's Figure 1). With one image a class, names stand beneath the
// images instead, in rows of Columns.
type ClassSamples struct {
	Classes []string
	// Images has the images of each class; rows may differ in length.
	Images [][]image.Image
	// Columns is the number of images in a line if each class has one image; 0
	// means 4.
	Columns int
	// Aspect is width by height of a cell; images are cropped to it around
	// their centre. 0 means the first image's.
	Aspect float64
	Title  string
}

// NewClassSamples returns a grid of images by class.
func NewClassSamples(classes []string, images [][]image.Image) *ClassSamples {
	return &ClassSamples{Classes: classes, Images: images}
}

// single reports whether every class has at most one image.
func (f *ClassSamples) single() bool {
	return !slices.ContainsFunc(f.Images, func(row []image.Image) bool { return len(row) > 1 })
}

// grid returns the number of lines and columns of cells.
func (f *ClassSamples) grid() (lines, columns int) {
	if f.single() {
		return panelGrid(len(f.Images), cmp.Or(max(f.Columns, 0), 4))
	}
	for _, row := range f.Images {
		columns = max(columns, len(row))
	}
	return len(f.Images), columns
}

func (f *ClassSamples) aspect() float64 {
	if f.Aspect > 0 {
		return f.Aspect
	}
	for _, row := range f.Images {
		for _, img := range row {
			if img != nil && !img.Bounds().Empty() {
				return float64(img.Bounds().Dx()) / float64(img.Bounds().Dy())
			}
		}
	}
	return 1
}

// layout returns the size of an image, the room for names at the left and
// beneath, and the gap between cells.
func (f *ClassSamples) layout(s Style) (w, h, left, beneath, gap vg.Length) {
	_, columns := f.grid()
	gap = s.FontSize * 0.4
	if f.single() {
		beneath = 1.4 * s.FontSize
	} else {
		for _, name := range f.Classes {
			left = max(left, s.text(1).Width(name))
		}
		left += s.FontSize * 0.6
	}
	w = (s.Width - 2*s.edge() - left - gap*vg.Length(columns-1)) / vg.Length(max(1, columns))
	return w, w / vg.Length(f.aspect()), left, beneath, gap
}

// Height implements [Figure].
func (f *ClassSamples) Height(s Style) vg.Length {
	lines, _ := f.grid()
	_, h, _, beneath, gap := f.layout(s)
	return 2*s.edge() + vg.Length(lines)*(h+beneath) + vg.Length(max(0, lines-1))*gap + titleHeight(s, f.Title)
}

// Draw implements [Figure].
func (f *ClassSamples) Draw(c draw.Canvas, s Style) error {
	if len(f.Classes) != len(f.Images) {
		return fmt.Errorf("class samples: %d classes but %d rows of images", len(f.Classes), len(f.Images))
	}
	w, h, left, beneath, gap := f.layout(s)
	if len(f.Images) == 0 || !(w > 0) {
		return errors.New("class samples: there is no room for an image, or none to draw")
	}
	c = s.addTitle(s.margin(c), f.Title)
	_, columns := f.grid()
	single := f.single()
	drawn := 0
	for k, row := range f.Images {
		line, first := k, 0
		if single {
			line, first = k/columns, k%columns
		}
		top := c.Max.Y - vg.Length(line)*(h+beneath+gap)
		if !single {
			c.FillText(s.textAt(1, draw.XLeft, draw.YCenter), vg.Point{X: c.Min.X, Y: top - h/2}, f.Classes[k])
		}
		for i, img := range row {
			if img == nil || img.Bounds().Empty() {
				return fmt.Errorf("class samples: image %d of class %s is empty", i, f.Classes[k])
			}
			x := c.Min.X + left + vg.Length(first+i)*(w+gap)
			box := rect(x, top-h, x+w, top)
			c.DrawImage(box, fit(img, f.aspect(), pixels(w, s.DPI), pixels(h, s.DPI)))
			drawn++
			if single {
				c.FillText(s.textAt(1, draw.XCenter, draw.YTop), vg.Point{X: x + w/2, Y: top - h - s.FontSize*0.15}, f.Classes[k])
			}
		}
	}
	if drawn == 0 {
		return errors.New("class samples: there is no image to draw")
	}
	return nil
}

func pixels(l vg.Length, dpi int) int { return max(1, int(math.Round(l.Dots(float64(dpi))))) }

// fit crops img around its centre to the aspect and scales it down to w x h
// pixels, so that a file holds no more than can be seen. Images are never enlarged:
// viewers do that as well.
func fit(img image.Image, aspect float64, w, h int) image.Image {
	b := img.Bounds()
	cw, ch := b.Dx(), b.Dy()
	if float64(cw) > float64(ch)*aspect {
		cw = max(1, int(math.Round(float64(ch)*aspect)))
	} else {
		ch = max(1, int(math.Round(float64(cw)/aspect)))
	}
	source := image.Rect(0, 0, cw, ch).Add(b.Min).Add(image.Pt((b.Dx()-cw)/2, (b.Dy()-ch)/2))
	if w > cw {
		w, h = cw, ch
	}
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	xdraw.CatmullRom.Scale(out, out.Bounds(), img, source, xdraw.Src, nil)
	return out
}

// Data implements [Figure]: the sizes of the images in pixels.
func (f *ClassSamples) Data() [][]string {
	out := table{{"class", "image", "width", "height"}}
	for k, row := range f.Images {
		for i, img := range row {
			if img != nil {
				out.add(f.Classes[k], i, img.Bounds().Dx(), img.Bounds().Dy())
			}
		}
	}
	return out
}
