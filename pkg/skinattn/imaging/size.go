package imaging

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/skinattn/skinattn/internal/jpeg"
)

// SizeFile returns the width and height in pixels that [DecodeFile] would give
// the JPEG or PNG file at path, from its header alone. Every error names the
// file.
func SizeFile(path string) (width, height int, err error) {
	data, err := readImageFile(path)
	if err != nil {
		return 0, 0, err
	}
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xd8")):
		width, height, err = jpeg.Size(data)
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		width, height, err = pngSize(data)
	default:
		err = errors.New("neither a JPEG nor a PNG image")
	}
	if err != nil {
		return 0, 0, fmt.Errorf("decoding %s: %w", path, describe(err))
	}
	if exifOrientation(data) >= 5 { // rows and columns change places
		width, height = height, width
	}
	return width, height, nil
}
