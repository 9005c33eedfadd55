package figures

import (
	"fmt"
	"image"
	"slices"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// gallery shows melanomas and nevi of the table with the photos of data; nil if
// the table lacks one of the classes or data has none of the photos.
func gallery(table *eval.Table, data *ham10000.Dataset) (plots.Figure, error) {
	if data == nil {
		return nil, nil
	}
	if classes := table.Classes(); !slices.Contains(classes, "mel") || !slices.Contains(classes, "nv") {
		return nil, nil
	}
	g, err := plots.NewGallery(table, "mel", "nv", 0, func(id string) (image.Image, error) { return photo(data, id) })
	if err != nil || len(g.Rows) == 0 {
		return nil, err
	}
	return g, nil
}

// photo reads the image with an id; nil if data has none.
func photo(data *ham10000.Dataset, id string) (image.Image, error) {
	path, ok := data.ImagePath(id)
	if !ok {
		return nil, nil
	}
	rgb, err := imaging.DecodeFile(path)
	if err != nil {
		return nil, err
	}
	return rgb.Image(), nil
}

// samplesPerClass is how many images of a class the samples show.
const samplesPerClass = 4

// classSamples shows images of each class of data (the paper's Figure 1), evenly
// picked from the metadata's order; nil if no image is there.
func classSamples(data *ham10000.Dataset) (plots.Figure, error) {
	if data == nil {
		return nil, nil
	}
	ids := map[string][]string{}
	for _, r := range data.Records {
		if _, ok := data.ImagePath(r.ImageID); ok {
			ids[r.Dx] = append(ids[r.Dx], r.ImageID)
		}
	}
	f := &plots.ClassSamples{Aspect: 4. / 3}
	for _, dx := range ham10000.Classes {
		of := ids[dx]
		if len(of) == 0 {
			continue
		}
		var images []image.Image
		for i, n := 0, min(samplesPerClass, len(of)); i < n; i++ {
			img, err := photo(data, of[i*len(of)/n])
			if err != nil {
				return nil, fmt.Errorf("drawing samples of %s: %w", dx, err)
			}
			images = append(images, img)
		}
		f.Classes, f.Images = append(f.Classes, dx), append(f.Images, images)
	}
	if len(f.Classes) == 0 {
		return nil, nil
	}
	return f, nil
}
