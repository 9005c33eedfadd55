package plots

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"hash/crc32"
	"image"
	"image/png"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"codeberg.org/go-pdf/fpdf"
	xdraw "golang.org/x/image/draw"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/pkg/eval"
)

// Figure draws itself and returns the numbers that it draws.
type Figure interface {
	// Height returns the height that suits a figure of the style's width.
	Height(s Style) vg.Length
	// Draw draws on a canvas as wide as the style and as high as Height says. It
	// fails if there is nothing to draw or the knobs do not fit the data.
	Draw(c draw.Canvas, s Style) error
	// Data returns the numbers drawn: a header and rows of equal length.
	Data() [][]string
}

// Save draws f in the format of path's extension (.svg, .pdf or .png) and
// writes it in one step: a failure leaves the old file.
func Save(path string, f Figure, s Style) error {
	format := strings.TrimPrefix(strings.ToLower(filepath.Ext(path)), ".")
	var image bytes.Buffer
	if err := Encode(&image, format, f, s); err != nil {
		return fmt.Errorf("figure %s: %w", path, err)
	}
	return atomicfile.WriteBytes(path, image.Bytes())
}

// SaveWithData is [Save] and writes the figure's numbers as CSV beside it,
// under the same name with the extension .csv. Beside a device or a pipe goes nothing.
func SaveWithData(path string, f Figure, s Style) error {
	beside := atomicfile.Replaces(path)
	if err := Save(path, f, s); err != nil || !beside {
		return err
	}
	return atomicfile.WriteFile(strings.TrimSuffix(path, filepath.Ext(path))+".csv", func(w io.Writer) error {
		return csv.NewWriter(w).WriteAll(f.Data())
	})
}

// Encode draws f and writes it to w. The format is "svg", "pdf" or "png".
func Encode(w io.Writer, format string, f Figure, s Style) error {
	if err := s.validate(); err != nil {
		return err
	}
	width, height := s.Width, f.Height(s)
	var out vg.CanvasWriterTo
	polish := func(image []byte) []byte { return image }
	switch format {
	case "svg":
		out, polish = vgsvg.New(width, height), addFallbackFonts
	case "pdf":
		out = &pdfCanvas{Canvas: newPDF(width, height), widths: map[int]bool{}}
	case "png":
		out = newRaster(width, height, s)
		polish = func(image []byte) []byte { return addResolution(image, s.DPI) }
	default:
		return fmt.Errorf("unknown format %q: use svg, pdf or png", format)
	}
	if err := f.Draw(draw.New(out), s); err != nil {
		return err
	}
	var image bytes.Buffer
	if _, err := out.WriteTo(&image); err != nil {
		return err
	}
	_, err := w.Write(polish(image.Bytes()))
	return err
}

// newPDF returns a canvas whose document has a fixed date and a sorted catalogue.
// gonum hides the document, but fpdf copies its process-wide defaults into each new
// document: newPDF sets the defaults, makes the document and resets them.
func newPDF(width, height vg.Length) *vgpdf.Canvas {
	fpdfDefaults.Lock()
	defer fpdfDefaults.Unlock()
	set := func(sorted bool, date time.Time) {
		fpdf.SetDefaultCatalogSort(sorted)
		fpdf.SetDefaultCreationDate(date)
		fpdf.SetDefaultModificationDate(date)
	}
	set(true, time.Unix(0, 0).UTC())
	defer set(false, time.Time{})
	return vgpdf.New(width, height)
}

// fpdfDefaults keeps concurrent calls of newPDF apart.
var fpdfDefaults sync.Mutex

// pdfCanvas gives each image a different width in pixels, by transparent columns
// on the right: fpdf writes images in the order of their widths, and images of
// equal width in random order.
type pdfCanvas struct {
	*vgpdf.Canvas
	widths map[int]bool // in use
}

// DrawImage implements vg.Canvas.
func (c *pdfCanvas) DrawImage(rect vg.Rectangle, img image.Image) {
	b := img.Bounds()
	width := b.Dx()
	for c.widths[width] {
		width++
	}
	c.widths[width] = true
	if width > b.Dx() {
		wider := image.NewNRGBA(image.Rect(0, 0, width, b.Dy()))
		xdraw.Draw(wider, wider.Bounds(), img, b.Min, xdraw.Src)
		rect.Max.X += rect.Size().X * vg.Length(width-b.Dx()) / vg.Length(b.Dx())
		img = wider
	}
	c.Canvas.DrawImage(rect, img)
}

// addFallbackFonts names fonts of the same metrics and generic families, for
// viewers without Liberation.
func addFallbackFonts(svg []byte) []byte {
	svg = bytes.ReplaceAll(svg, []byte("font-family:Liberation Sans;"), []byte("font-family:'Liberation Sans',Arial,Helvetica,sans-serif;"))
	return bytes.ReplaceAll(svg, []byte("font-family:Liberation Serif;"), []byte("font-family:'Liberation Serif','Times New Roman',Times,serif;"))
}

// raster is a PNG canvas. Text is drawn readableText pixels high at least and the
// picture scaled down: at small sizes, glyphs and the spaces between them are
// rounded to whole pixels and run into each other.
type raster struct {
	*vgimg.Canvas
	width, height int // pixels of the picture
}

const readableText = 20

func newRaster(width, height vg.Length, s Style) raster {
	scale := max(1, int(math.Ceil(readableText/s.FontSize.Dots(float64(s.DPI)))))
	return raster{vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(s.DPI*scale)), pixels(width, s.DPI), pixels(height, s.DPI)}
}

// WriteTo implements [io.WriterTo].
func (r raster) WriteTo(w io.Writer) (int64, error) {
	img := r.Image()
	if img.Bounds().Dx() > r.width+1 { // more than rounding
		small := image.NewRGBA(image.Rect(0, 0, r.width, r.height))
		xdraw.BiLinear.Scale(small, small.Bounds(), img, img.Bounds(), xdraw.Src, nil)
		// 64 shades of each colour look the same, and the file is a quarter smaller.
		for i, v := range small.Pix {
			small.Pix[i] = uint8((int(v)*63 + 127) / 255 * 255 / 63)
		}
		img = small
	}
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, img); err != nil {
		return 0, err
	}
	return encoded.WriteTo(w)
}

// addResolution inserts the pHYs chunk (PNG specification 11.3.5.3) after the
// header, so that the file has its size in millimetres.
func addResolution(png []byte, dpi int) []byte {
	const afterHeader = 8 + 4 + 4 + 13 + 4 // signature; IHDR length, type, content, CRC
	perMetre := uint32(math.Round(float64(dpi) / 0.0254))
	body := []byte("pHYs")
	body = binary.BigEndian.AppendUint32(body, perMetre)
	body = binary.BigEndian.AppendUint32(body, perMetre)
	body = append(body, 1) // unit: metre
	chunk := append(binary.BigEndian.AppendUint32(nil, uint32(len(body)-4)), body...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(body))
	return slices.Concat(png[:afterHeader], chunk, png[afterHeader:])
}

// cell formats a number for a data file: the shortest text that reads back, and
// nothing for NaN.
func cell(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// table is the data of a figure: a header and rows.
type table [][]string

// add appends a row. Numbers become text as in cell, an interval two cells.
func (t *table) add(values ...any) {
	var row []string
	for _, value := range values {
		switch v := value.(type) {
		case float64:
			row = append(row, cell(v))
		case eval.Interval:
			row = append(row, cell(v.Low), cell(v.High))
		default:
			row = append(row, fmt.Sprint(v))
		}
	}
	*t = append(*t, row)
}
