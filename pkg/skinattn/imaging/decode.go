package imaging

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"io"
	"os"
	"sync"

	"github.com/bep/imagemeta"

	"github.com/skinattn/skinattn/internal/jpeg"
)

const (
	// MaxPixels is the size of the largest image that is decoded: 100 million pixels,
	// 300 MB as RGB and at most 1.2 GB more while decoding (a progressive CMYK JPEG; a
	// 16-bit PNG 0.8 GB). The size is checked in the header, before memory is allocated.
	// Images that are decoded at the same time have no more pixels together: a large one
	// waits for the others, on however many cores.
	MaxPixels = 100_000_000

	// MaxFileBytes is the largest image file that is read: 512 MiB.
	MaxFileBytes = 512 << 20
)

// RGB is a decoded photo with 8 bits a channel.
type RGB struct {
	Width, Height int     // in pixels
	Pix           []uint8 // [Height][Width][3] in row-major order; channels red, green, blue
}

// newRGB returns a black image.
func newRGB(width, height int) *RGB {
	return &RGB{Width: width, Height: height, Pix: make([]uint8, 3*width*height)}
}

// DecodeFile reads the JPEG or PNG file at path as [Decode] does. Every error
// names the file.
func DecodeFile(path string) (*RGB, error) {
	_, img, err := decodeFile(path)
	return img, err
}

// readImageFile returns the content of the file at path; see [openImageFile].
func readImageFile(path string) ([]byte, error) {
	f, length, err := openImageFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, length)
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return data, nil
}

// decodeFile returns the content of the file at path and the photo in it.
func decodeFile(path string) ([]byte, *RGB, error) {
	data, err := readImageFile(path)
	if err != nil {
		return nil, nil, err
	}
	img, err := Decode(data)
	if err != nil {
		return nil, nil, fmt.Errorf("decoding %s: %w", path, err)
	}
	return data, img, nil
}

// openImageFile opens path for reading and returns its length in bytes. A file that
// is not regular or longer than [MaxFileBytes] is an error.
func openImageFile(path string) (*os.File, int64, error) {
	// Opening a pipe that nobody writes to would wait for ever.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("reading %s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("reading %s: not a regular file", path)
	case info.Size() > MaxFileBytes:
		err = fmt.Errorf("reading %s: %d bytes is more than the limit of %d for an image file", path, info.Size(), MaxFileBytes)
	default:
		return f, info.Size(), nil
	}
	f.Close() // nothing was written to it
	return nil, 0, err
}

// format is a supported file format.
type format struct {
	signature string // the first bytes of a file
	exif      string // occurs in every file that has EXIF data
	metadata  imagemeta.ImageFormat
	// size returns the width and height in pixels from the beginning of a file. Its
	// error wraps io.ErrUnexpectedEOF where data ends too early.
	size func(data []byte) (width, height int, err error)
	// decode returns the pixels as stored. It calls accept with the size before it
	// allocates memory for them.
	decode func(data []byte, accept func(width, height int) error) (*RGB, error)
}

var formats = []format{
	{"\xff\xd8", "Exif\x00\x00", imagemeta.JPEG, jpeg.Size, decodeJPEG},
	{"\x89PNG\r\n\x1a\n", "eXIf", imagemeta.PNG, pngSize, decodePNG},
}

// emptyError is the ErrFormat of a file without bytes.
type emptyError struct{}

func (*emptyError) Error() string        { return "the file is empty" }
func (*emptyError) Is(target error) bool { return target == ErrFormat }

// formatOf recognises a file's format by its first bytes.
func formatOf(data []byte) (format, error) {
	if len(data) == 0 {
		return format{}, &emptyError{}
	}
	for _, f := range formats {
		if bytes.HasPrefix(data, []byte(f.signature)) {
			return f, nil
		}
	}
	return format{}, ErrFormat
}

// Decode decodes a JPEG or PNG image and applies its EXIF orientation, if it
// has one. The pixels are:
//
//   - of a JPEG, baseline or progressive, YCbCr or RGB: to the last bit those of
//     libjpeg (hence of Pillow and OpenCV) with its default settings: the integer
//     inverse cosine transform and smooth ("fancy") chroma upsampling;
//   - of a grey JPEG or PNG: the grey value in all three channels;
//   - of a CMYK or YCCK JPEG with Adobe's marker: (255-C)*(255-K)/255 and so on,
//     without a colour profile; without the marker the meaning of the inks is
//     unknown, which is an error;
//   - of a 16-bit PNG: the high byte of each channel;
//   - of a PNG with transparency: composited over white, the colour of the page.
//
// A file that is empty, cut short, damaged, of another format or larger than
// [MaxPixels] is an error. Unreadable EXIF data is ignored.
func Decode(data []byte) (*RGB, error) { return decode(data, MaxPixels) }

// DecodeUpTo is [Decode] for images of at most maxPixels pixels; a larger one is a
// [*TooLargeError], before memory is spent on it. More than [MaxPixels] are never decoded.
func DecodeUpTo(data []byte, maxPixels int) (*RGB, error) {
	return decode(data, min(maxPixels, MaxPixels))
}

// ErrFormat says that a file is neither a JPEG nor a PNG image: its first bytes are those of
// something else, or it is empty.
var ErrFormat = errors.New("neither a JPEG nor a PNG image")

// TooLargeError says that an image has too many pixels to be decoded.
type TooLargeError struct{ Width, Height, MaxPixels int }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("image of %d x %d pixels is more than the limit of %d pixels", e.Width, e.Height, e.MaxPixels)
}

func decode(data []byte, maxPixels int) (*RGB, error) {
	f, err := formatOf(data)
	if err != nil {
		return nil, err
	}
	taken := 0
	defer func() { decoding.give(taken) }()
	img, err := f.decode(data, func(width, height int) error {
		// The division keeps the test safe from overflow on 32-bit machines.
		if width > maxPixels/height {
			return &TooLargeError{width, height, maxPixels}
		}
		if taken == 0 { // a damaged file may have two headers
			taken = decoding.take(width * height)
		}
		return nil
	})
	if err != nil {
		return nil, describe(err)
	}
	if !bytes.Contains(data, []byte(f.exif)) { // few photos of a data set have EXIF data
		return img, nil
	}
	return orient(img, f.orientation(bytes.NewReader(data))), nil
}

func decodeJPEG(data []byte, accept func(width, height int) error) (*RGB, error) {
	img, err := jpeg.Decode(data, accept)
	return (*RGB)(img), err
}

// pngSize relies on image/png for width and height being above 0.
func pngSize(data []byte) (width, height int, err error) {
	config, err := png.DecodeConfig(bytes.NewReader(data))
	return config.Width, config.Height, err
}

func decodePNG(data []byte, accept func(width, height int) error) (*RGB, error) {
	width, height, err := pngSize(data)
	if err != nil {
		return nil, err
	}
	if err := accept(width, height); err != nil {
		return nil, err
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return toRGB(img), nil
}

// SizeFile returns the width and height in pixels of the photo that [DecodeFile] returns.
// It reads the headers and EXIF data, and not the coded pixels. Every error names the file.
func SizeFile(path string) (width, height int, err error) {
	file, length, err := openImageFile(path)
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	// Read more of the beginning of the file until it holds the headers.
	var f format
	for n := int64(headerChunk); ; n *= 4 {
		data := make([]byte, min(n, length))
		if _, err := file.ReadAt(data, 0); err != nil {
			return 0, 0, fmt.Errorf("reading %s: %w", path, err)
		}
		if f, err = formatOf(data); err == nil {
			width, height, err = f.size(data)
		}
		if err == nil {
			break
		}
		if n >= length || !errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, 0, fmt.Errorf("decoding %s: %w", path, describe(err))
		}
	}
	if f.orientation(file) >= 5 { // rows and columns change places
		width, height = height, width
	}
	return width, height, nil
}

// headerChunk is the number of bytes that are read first for a file's headers. Headers
// with EXIF data and thumbnail are usually shorter.
const headerChunk = 16 << 10

// describe says "cut short" where the decoders say "unexpected EOF".
func describe(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("the image is cut short: %w", err)
	}
	return err
}

// toRGB converts a PNG image, over white where it is transparent, some rows at a time.
func toRGB(src image.Image) *RGB {
	const rows = 64
	bounds := src.Bounds()
	dst := newRGB(bounds.Dx(), bounds.Dy())
	out := dst.Pix
	for y := bounds.Min.Y; y < bounds.Max.Y; y += rows {
		strip := bounds
		strip.Min.Y, strip.Max.Y = y, min(y+rows, bounds.Max.Y)
		page := image.NewRGBA(strip)
		draw.Draw(page, strip, image.White, image.Point{}, draw.Src)
		draw.Draw(page, strip, src, strip.Min, draw.Over)
		for i := range strip.Dx() * strip.Dy() {
			copy(out[3*i:3*i+3], page.Pix[4*i:])
		}
		out = out[3*strip.Dx()*strip.Dy():]
	}
	return dst
}

// decoding is the memory for decoding that all cores have in common.
var decoding = newBudget(MaxPixels)

// budget is a number of pixels that may be decoded at the same time. One photo of the
// greatest size takes it all, and ordinary photos never wait.
type budget struct {
	mu   sync.Mutex
	free *sync.Cond
	left int
	all  int
}

func newBudget(pixels int) *budget {
	b := &budget{left: pixels, all: pixels}
	b.free = sync.NewCond(&b.mu)
	return b
}

// take waits until there is room for pixels and returns what to give back.
func (b *budget) take(pixels int) int {
	pixels = min(pixels, b.all)
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.left < pixels {
		b.free.Wait()
	}
	b.left -= pixels
	return pixels
}

// give returns pixels that were taken.
func (b *budget) give(pixels int) {
	if pixels == 0 {
		return
	}
	b.mu.Lock()
	b.left += pixels
	b.mu.Unlock()
	b.free.Broadcast()
}
