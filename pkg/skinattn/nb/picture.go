package nb

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/image/draw"
	"gonum.org/v1/plot/vg"

	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// imageTypes are the kinds of picture files that a page can show.
var imageTypes = map[string]string{
	".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg",
}

// Figure shows a picture file (SVG, PNG or JPEG) as it is.
func Figure(path string) { Check(figure(path)) }

func figure(path string) error {
	mime, ok := imageTypes[strings.ToLower(filepath.Ext(path))]
	if !ok {
		return fmt.Errorf("showing %s: it is no SVG, PNG or JPEG file", path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("showing a figure: %w", err)
	}
	alt := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	out.html(imgTag(mime, content, strings.ReplaceAll(alt, "_", " ")), "figure: "+path+"\n")
	return nil
}

// imgTag embeds a picture. SVG goes in as a picture too, not as elements: ids
// and styles of several in one page would mix.
func imgTag(mime string, content []byte, alt string) string {
	return fmt.Sprintf(`<img alt="%s" style="max-width: 100%%" src="data:%s;base64,%s">`,
		html.EscapeString(alt), mime, base64.StdEncoding.EncodeToString(content))
}

// pageStyle suits the width of a page in JupyterLab.
func pageStyle() plots.Style {
	s := plots.Paper()
	s.Width, s.FontSize = 130*vg.Millimeter, 9
	return s
}

// Plot draws a figure of package plots in the page.
func Plot(f plots.Figure) {
	page, err := plotHTML(f, "figure")
	Check(err)
	out.html(page, fmt.Sprintf("figure: %d rows of numbers\n", max(0, len(f.Data())-1)))
}

func plotHTML(f plots.Figure, alt string) (string, error) {
	var svg bytes.Buffer
	if err := plots.Encode(&svg, "svg", f, pageStyle()); err != nil {
		return "", err
	}
	return imgTag(imageTypes[".svg"], svg.Bytes(), alt), nil
}

// Picture is an image with a line below it.
type Picture struct {
	Image   image.Image
	Caption string
}

// thumbnailWidth is the width of photos in a gallery, in pixels. Photos in their own
// size would make the page too large.
const thumbnailWidth = 160

// Photo reads a photo for a gallery and reduces it to thumbnailWidth.
func Photo(path, caption string) (Picture, error) {
	rgb, err := imaging.DecodeFile(path)
	if err != nil {
		return Picture{}, err
	}
	small := image.NewRGBA(image.Rect(0, 0, thumbnailWidth, max(1, rgb.Height*thumbnailWidth/rgb.Width)))
	draw.CatmullRom.Scale(small, small.Bounds(), rgb.Image(), image.Rect(0, 0, rgb.Width, rgb.Height), draw.Src, nil)
	return Picture{small, caption}, nil
}

// Square reads a photo as the networks see it, cropped to the square in its
// centre, size pixels wide and high.
func Square(path string, size int) (image.Image, error) {
	rgb, err := imaging.DecodeFile(path)
	if err != nil {
		return nil, err
	}
	return pixels(imaging.SmartResize(rgb, size, size), size)
}

// Gallery shows pictures with their captions, columns of them in a row.
func Gallery(columns int, pictures ...Picture) {
	page, plain, err := galleryHTML(columns, pictures)
	Check(err)
	out.html(page, plain)
}

func galleryHTML(columns int, pictures []Picture) (page, plain string, err error) {
	var b, lines strings.Builder
	fmt.Fprintf(&b, `<div style="display: grid; grid-template-columns: repeat(%d, max-content); gap: 8px">`, columns)
	for _, p := range pictures {
		mime, content, err := encode(p.Image)
		if err != nil {
			return "", "", fmt.Errorf("showing the picture %q: %w", p.Caption, err)
		}
		fmt.Fprintf(&b, `<figure style="margin: 0">%s<figcaption style="font-size: small">%s</figcaption></figure>`,
			imgTag(mime, content, p.Caption), html.EscapeString(p.Caption))
		fmt.Fprintf(&lines, "picture: %s\n", p.Caption)
	}
	b.WriteString("</div>")
	return b.String(), lines.String(), nil
}

// encode encodes small pictures, whose single pixels may matter, as PNG and larger
// ones as JPEG.
func encode(img image.Image) (mime string, content []byte, err error) {
	var b bytes.Buffer
	if size := img.Bounds().Size(); size.X*size.Y <= 64*64 {
		err = png.Encode(&b, img)
		return imageTypes[".png"], b.Bytes(), err
	}
	err = jpeg.Encode(&b, img, &jpeg.Options{Quality: 88})
	return imageTypes[".jpg"], b.Bytes(), err
}

// Pixels makes a picture of numbers as networks get them before scaling: RGB
// 0..255 [size size 3] in row-major order. Values are rounded and clipped to 0..255.
func Pixels(values []float32, size int) image.Image { return Must(pixels(values, size)) }

func pixels(values []float32, size int) (image.Image, error) {
	if size < 1 || len(values) != 3*size*size {
		return nil, fmt.Errorf("making a picture: %d values are no %d x %d pixels of three channels", len(values), size, size)
	}
	rgb := imaging.RGB{Width: size, Height: size, Pix: make([]uint8, len(values))}
	for i, v := range values {
		rgb.Pix[i] = uint8(min(max(v, 0), 255) + .5)
	}
	return rgb.Image(), nil
}

// MeanMap averages the attention maps of an image over their heads. maps is
// [heads rows cols] in row-major order (skinattn.Prediction), shape holds the three
// sizes (skinattn.Model.AttentionShape). The paper's figures show this mean, whereas
// the Soft-Attention block adds the heads up (equation 1 of the paper).
func MeanMap(maps []float32, shape []int) ([]float64, error) {
	if len(shape) != 3 || len(maps) == 0 || len(maps) != shape[0]*shape[1]*shape[2] {
		return nil, fmt.Errorf("averaging attention maps: %d values are no maps of shape %v", len(maps), shape)
	}
	mean := make([]float64, shape[1]*shape[2])
	for i, v := range maps {
		mean[i%len(mean)] += float64(v) / float64(shape[0])
	}
	return mean, nil
}

// Overlay lays a map [rows cols] over a picture, as [plots.Overlay] does with its
// usual colours: dark violet is the smallest value, yellow the largest.
func Overlay(base image.Image, heat []float64, rows, cols int) (image.Image, error) {
	return plots.Overlay(base, plots.HeatMap{Rows: rows, Cols: cols, Values: heat}, nil, plots.HeatStyle{})
}
