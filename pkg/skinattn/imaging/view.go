package imaging

import "image"

// View is the part of a width x height photo that [ResizeMode.Resize] keeps, in the photo's
// pixels.
func (f ResizeMode) View(width, height int) image.Rectangle {
	if f == Stretch {
		return image.Rect(0, 0, width, height)
	}
	left, top, w, h := smartCrop(width, height, 1, 1) // the target's shape counts, not its size
	return image.Rect(left, top, left+w, top+h)
}

// Image is a copy of the photo for Go's image packages.
func (p *RGB) Image() *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, p.Width, p.Height))
	for i := range p.Width * p.Height {
		copy(img.Pix[4*i:], p.Pix[3*i:3*i+3])
		img.Pix[4*i+3] = 255
	}
	return img
}
