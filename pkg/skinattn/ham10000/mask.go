package ham10000

import (
	"errors"
	"fmt"
	"math"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// Errors of [Dataset.Mask] for images that have no usable mask, as opposed to a
// damaged file.
var (
	// ErrNoMask: the folder has no mask of the image.
	ErrNoMask = errors.New("there is no " + idPrefix + "*" + maskSuffix + " of it in the data folder")
	// ErrEmptyMask: no pixel of the lesion lies in the part of the photo that the
	// network sees.
	ErrEmptyMask = errors.New("its mask is empty in what the network sees")
)

// maskAspect is the largest relative difference between the aspect ratios of a mask
// and its photo: rounding to whole pixels can cause this difference above 100 pixels.
const maskAspect = 0.01

// CheckMaskAspect returns an error if a mask does not have the aspect ratio of its
// photo and so would not fit on it. The error begins with the mask's path. Sizes are
// in pixels.
func CheckMaskAspect(path string, width, height, photoWidth, photoHeight int) error {
	ratio := float64(width) * float64(photoHeight) / (float64(height) * float64(photoWidth))
	if math.Abs(math.Log(ratio)) > maskAspect {
		return fmt.Errorf("%s has %d x %d pixels, the photo %d x %d; both must have the same aspect ratio",
			path, width, height, photoWidth, photoHeight)
	}
	return nil
}

// Mask returns the lesion mask of image id on the pixels of the network's input,
// [size size] in row-major order. The mask goes the photo's way: cropped and
// resized by fit, whose bilinear values count as inside from one half on. The
// published masks are 0 or 255, on a grid of any size with the photo's aspect
// ratio; another ratio is an error, since the mask would not lie on the photo.
func (d *Dataset) Mask(id string, fit imaging.ResizeMode, size int) ([]bool, error) {
	path, ok := d.MaskPath(id)
	if !ok {
		return nil, fmt.Errorf("image %s: %w", id, ErrNoMask)
	}
	mask, err := imaging.DecodeFile(path)
	if err != nil {
		return nil, fmt.Errorf("mask of image %s: %w", id, err)
	}
	if photo, ok := d.ImagePath(id); ok {
		width, height, err := imaging.SizeFile(photo)
		if err != nil {
			return nil, fmt.Errorf("image %s: %w", id, err)
		}
		if err := CheckMaskAspect(path, mask.Width, mask.Height, width, height); err != nil {
			return nil, fmt.Errorf("mask of image %s: %w", id, err)
		}
	}
	values := fit.Resize(mask, size)
	inside, any := make([]bool, size*size), false
	for i := range inside {
		inside[i] = values[3*i] >= 127.5
		any = any || inside[i]
	}
	if !any {
		return nil, fmt.Errorf("image %s: %w", id, ErrEmptyMask)
	}
	return inside, nil
}
