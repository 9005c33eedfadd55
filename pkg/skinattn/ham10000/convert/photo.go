package convert

import (
	"bytes"
	"fmt"
	"image"
	"image/gif"
	"image/png"
	"io"
	"os"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// formats are those that become PNG, by their first bytes; a "?" is any byte.
var formats = []struct {
	signature string
	size      func(io.Reader) (image.Config, error)
	decode    func(io.Reader) (image.Image, error)
}{
	{"BM", bmp.DecodeConfig, bmp.Decode},
	{"GIF8", gif.DecodeConfig, gif.Decode},
	{"II*\x00", tiff.DecodeConfig, tiff.Decode},
	{"MM\x00*", tiff.DecodeConfig, tiff.Decode},
	{"RIFF????WEBP", webp.DecodeConfig, webp.Decode},
}

func begins(data []byte, signature string) bool {
	if len(data) < len(signature) {
		return false
	}
	for i := range len(signature) {
		if signature[i] != '?' && signature[i] != data[i] {
			return false
		}
	}
	return true
}

// ending returns the ending of a photo that package imaging reads, "" for another one.
func ending(data []byte) string {
	switch {
	case begins(data, "\xff\xd8"):
		return ".jpg"
	case begins(data, "\x89PNG\r\n\x1a\n"):
		return ".png"
	}
	return ""
}

// recode makes a PNG of a photo in another format, with the same pixels.
func recode(data []byte) (coded []byte, err error) {
	for _, f := range formats {
		if !begins(data, f.signature) {
			continue
		}
		config, err := f.size(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		if config.Width <= 0 || config.Height <= 0 || config.Width > imaging.MaxPixels/config.Height {
			return nil, fmt.Errorf("image of %d x %d pixels is more than the limit of %d pixels", config.Width, config.Height, imaging.MaxPixels)
		}
		picture, err := f.decode(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		var out bytes.Buffer
		err = png.Encode(&out, picture)
		return out.Bytes(), err
	}
	return nil, fmt.Errorf("neither JPEG, PNG, BMP, GIF, TIFF nor WebP")
}

// recodeFile writes the photo at path to target, as PNG.
func recodeFile(path, target string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() > imaging.MaxFileBytes {
		return fmt.Errorf("%s: %d bytes is more than the limit of %d for an image file", path, info.Size(), imaging.MaxFileBytes)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	coded, err := recode(data)
	if err != nil {
		return fmt.Errorf("converting %s: %w", path, err)
	}
	return atomicfile.WriteBytes(target, coded)
}

func copyFile(path, target string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	return atomicfile.WriteFile(target, func(w io.Writer) error {
		_, err := io.Copy(w, from)
		return err
	})
}
