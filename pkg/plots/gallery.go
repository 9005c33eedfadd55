package plots

import (
	"cmp"
	"errors"
	"fmt"
	"image"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/skinattn/skinattn/pkg/eval"
)

// Gallery shows the images of which a classifier was surest, hits and misses of
// two classes in a row each (the paper's Figure 14).
type Gallery struct {
	// Classes are the two classes whose probabilities stand under each image.
	Classes [2]string
	Rows    []GalleryRow
	// Columns is the room for images in a row; 0 means 4.
	Columns int
	// Aspect is width by height of an image; images are cropped to it around
	// their centre. 0 means 4/3.
	Aspect float64
	Title  string
}

// GalleryRow is the images of one true and one predicted class.
type GalleryRow struct {
	Truth, Predicted string
	// Count is the number of images with this true and this predicted class, out
	// of Total with this true class.
	Count, Total int
	Pictures     []GalleryPicture
}

// GalleryPicture is an image with the probabilities of the gallery's classes.
type GalleryPicture struct {
	ImageID string
	Image   image.Image
	Probs   [2]float64
}

const galleryColumns = 4

// NewGallery returns the images of two classes of t with the highest probability
// for the predicted class, in four rows of up to perRow images (0 means 4): hits
// of the first class, hits of the second, the first taken for the second, and the
// second taken for the first. Equally probable images come in the order of their
// ids. photo returns an image by its id, or nil if it is not at hand; such images,
// and rows without images, are left out. It fails if t lacks one of the classes
// or photo fails.
func NewGallery(t *eval.Table, first, second string, perRow int, photo func(imageID string) (image.Image, error)) (*Gallery, error) {
	p := t.Predictions()
	a, b := slices.Index(p.Classes, first), slices.Index(p.Classes, second)
	if a < 0 || b < 0 || a == b {
		return nil, fmt.Errorf("gallery: %q and %q must be two of the classes %v", first, second, p.Classes)
	}
	if perRow <= 0 {
		perRow = galleryColumns
	}
	g := &Gallery{Classes: [2]string{first, second}, Columns: perRow}
	for _, pair := range [][2]int{{a, a}, {b, b}, {a, b}, {b, a}} {
		truth, predicted := pair[0], pair[1]
		row := GalleryRow{Truth: p.Classes[truth], Predicted: p.Classes[predicted]}
		var found []int
		for i := range p.Len() {
			if p.Truth[i] != truth {
				continue
			}
			row.Total++
			if p.Predicted(i) == predicted {
				found = append(found, i)
			}
		}
		row.Count = len(found)
		slices.SortFunc(found, func(i, j int) int {
			return cmp.Or(cmp.Compare(p.Probs[j][predicted], p.Probs[i][predicted]), cmp.Compare(p.ImageIDs[i], p.ImageIDs[j]))
		})
		for _, i := range found {
			if len(row.Pictures) == perRow {
				break
			}
			img, err := photo(p.ImageIDs[i])
			if err != nil {
				return nil, fmt.Errorf("gallery: %w", err)
			}
			if img != nil {
				row.Pictures = append(row.Pictures, GalleryPicture{p.ImageIDs[i], img, [2]float64{float64(p.Probs[i][a]), float64(p.Probs[i][b])}})
			}
		}
		if len(row.Pictures) > 0 {
			g.Rows = append(g.Rows, row)
		}
	}
	return g, nil
}

// title returns the text above a row.
func (r GalleryRow) title() string {
	if r.Truth == r.Predicted {
		return fmt.Sprintf("%s predicted as %s: %d of %d", r.Truth, r.Predicted, r.Count, r.Total)
	}
	return fmt.Sprintf("%s taken for %s: %d of %d", r.Truth, r.Predicted, r.Count, r.Total)
}

func (f *Gallery) columns() int {
	columns := cmp.Or(max(f.Columns, 0), galleryColumns)
	for _, r := range f.Rows {
		columns = max(columns, len(r.Pictures))
	}
	return columns
}

// layout returns the size of an image, the room for a row's title and for
// captions, and the gap between images.
func (f *Gallery) layout(s Style) (w, h, above, beneath, gap vg.Length) {
	aspect := f.Aspect
	if aspect <= 0 {
		aspect = 4. / 3
	}
	gap = 0.6 * s.FontSize
	w = (s.Width - 2*s.edge() - gap*vg.Length(f.columns()-1)) / vg.Length(f.columns())
	return w, w / vg.Length(aspect), 1.4 * s.FontSize, 2.7 * s.FontSize * galleryText, gap
}

// galleryText is the size of captions relative to labels.
const galleryText = 0.8

// Height implements [Figure].
func (f *Gallery) Height(s Style) vg.Length {
	_, h, above, beneath, gap := f.layout(s)
	rows := vg.Length(len(f.Rows))
	return 2*s.edge() + titleHeight(s, f.Title) + rows*(above+h+beneath) + max(0, rows-1)*gap
}

// Draw implements [Figure].
func (f *Gallery) Draw(c draw.Canvas, s Style) error {
	if len(f.Rows) == 0 {
		return errors.New("gallery: there is no image to draw")
	}
	w, h, above, beneath, gap := f.layout(s)
	if !(w > s.FontSize) {
		return fmt.Errorf("gallery: %d images in a row have no room in %.0f mm", f.columns(), float64(s.Width/vg.Millimeter))
	}
	c = s.addTitle(s.margin(c), f.Title)
	y := c.Max.Y
	for _, r := range f.Rows {
		c.FillText(s.textAt(1, draw.XLeft, draw.YTop), vg.Point{X: c.Min.X, Y: y}, r.title())
		y -= above
		for i, picture := range r.Pictures {
			if picture.Image == nil || picture.Image.Bounds().Empty() {
				return fmt.Errorf("gallery: image %s is empty", picture.ImageID)
			}
			x := c.Min.X + vg.Length(i)*(w+gap)
			box := rect(x, y-h, x+w, y)
			c.DrawImage(box, fit(picture.Image, float64(w/h), pixels(w, s.DPI), pixels(h, s.DPI)))
			caption := s.textAt(galleryText, draw.XLeft, draw.YTop)
			at := vg.Point{X: x, Y: y - h - 0.15*s.FontSize}
			c.FillText(caption, at, fitText(caption, picture.ImageID, w+gap/2))
			at.Y -= 1.2 * s.FontSize * galleryText
			caption.Color = muted
			c.FillText(caption, at, fitText(caption, fmt.Sprintf("%s %.2f, %s %.2f", f.Classes[0], picture.Probs[0], f.Classes[1], picture.Probs[1]), w+gap/2))
		}
		y -= h + beneath + gap
	}
	return nil
}

// Data implements [Figure].
func (f *Gallery) Data() [][]string {
	out := table{{"truth", "predicted", "rank", "image_id", f.Classes[0], f.Classes[1]}}
	for _, r := range f.Rows {
		for i, picture := range r.Pictures {
			out.add(r.Truth, r.Predicted, i+1, picture.ImageID, picture.Probs[0], picture.Probs[1])
		}
	}
	return out
}
