package report

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/internal/parallel"
	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// groupTable has the metrics of groups of patients.
type groupTable struct {
	Title   string
	Columns []string
	Rows    []groupRow
}

type groupRow struct {
	Name            string
	Images, Lesions int
	Values          []metricValue
}

// groupColumns are the metrics of a group of patients. The last is left out of tables
// without malignant classes.
var groupColumns = []string{"accuracy", "balanced_accuracy", eval.GroupPath(eval.Malignant.Name, "auroc"), eval.GroupPath(eval.Malignant.Name, "recall")}

// addData adds what the data set knows of the reported images: groups of patients, and
// photos.
func (s *section) addData(ctx context.Context, opts Options) error {
	if opts.Data == nil {
		s.Notes = append(s.Notes, "Made without the data set: there are no photos, and no groups by age, sex and site.")
		return nil
	}
	byID := map[string]ham10000.Record{}
	for _, r := range opts.Data.Records {
		byID[r.ImageID] = r
	}
	for _, by := range []struct {
		title  string
		groups []string
		of     func(ham10000.Record) string
	}{
		{"Age", ham10000.AgeGroups(), ham10000.Record.AgeGroup},
		{"Sex", ham10000.Sexes, func(r ham10000.Record) string { return r.Sex }},
		{"Site", ham10000.Sites(), func(r ham10000.Record) string { return r.Localization }},
	} {
		table, err := s.groupsBy(ctx, by.title, by.groups, func(id string) (string, bool) { r, ok := byID[id]; return by.of(r), ok }, opts)
		if err != nil {
			return err
		}
		s.Groups = append(s.Groups, table)
	}
	unknown := 0
	for _, im := range s.client.Images {
		if _, ok := byID[im.ID]; !ok {
			unknown++
		}
	}
	if unknown > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%d reported images are not in the data set %s: they are in no group of patients.", unknown, opts.Data.Dir))
	}
	return s.addPhotos(ctx, opts)
}

// groupsBy evaluates the images of each group by themselves.
func (s *section) groupsBy(ctx context.Context, title string, groups []string, of func(id string) (string, bool), opts Options) (groupTable, error) {
	table := groupTable{Title: title}
	columns := groupColumns
	if len(s.metrics.Groups) == 0 {
		columns = columns[:2]
	}
	for _, column := range columns {
		table.Columns = append(table.Columns, eval.Label(column))
	}
	ids := s.table.Predictions().ImageIDs
	for _, group := range groups {
		part := s.table.Where(func(i int) bool { g, ok := of(ids[i]); return ok && g == group })
		if part.Len() == 0 {
			continue
		}
		m, err := eval.Evaluate(ctx, part, opts.Intervals)
		if err != nil {
			return table, err
		}
		lesions := map[string]bool{}
		for _, lesion := range part.Predictions().LesionIDs {
			lesions[lesion] = true
		}
		row := groupRow{Name: group, Images: m.N, Lesions: len(lesions)}
		for _, column := range columns {
			v, _ := m.Value(column)
			row.Values = append(row.Values, metricValue{share(v), strings.TrimSpace(ci(m.CI[column]))})
		}
		table.Rows = append(table.Rows, row)
	}
	return table, nil
}

// Photos of a page: their size in pixels, and how many images of a cell of the confusion
// matrix have one.
const (
	photoSize     = 144
	photosOfCell  = 60
	photosQuality = 75
)

// addPhotos gives photos to the first images of each cell of the confusion matrix, and
// pictures of where the network looks.
func (s *section) addPhotos(ctx context.Context, opts Options) error {
	shown := map[[2]int]int{}
	var at []int
	var paths []string
	images := s.client.Images
	surest := make([]int, len(images)) // as the page lists them
	for i := range surest {
		surest[i] = i
	}
	sure := func(i int) int { return images[i].Probabilities[images[i].Predicted] }
	slices.SortStableFunc(surest, func(a, b int) int { return sure(b) - sure(a) })
	for _, i := range surest {
		im := images[i]
		path, there := opts.Data.ImagePath(im.ID)
		if !there || shown[[2]int{im.Truth, im.Predicted}] >= photosOfCell {
			continue
		}
		shown[[2]int{im.Truth, im.Predicted}]++
		at, paths = append(at, i), append(paths, path)
	}
	err := parallel.For(ctx, len(at), func(k int) error {
		photo, err := imaging.DecodeFile(paths[k])
		if err == nil {
			images[at[k]].Photo, err = dataURL(thumbnail(photo))
		}
		return err
	})
	if err != nil || opts.Overlays == nil || len(at) == 0 {
		return err
	}
	pictures, err := opts.Overlays(ctx, s.dir, paths, photoSize)
	if err != nil {
		return err
	}
	for k, picture := range pictures {
		if images[at[k]].Overlay, err = dataURL(picture.Picture); err != nil {
			return err
		}
		images[at[k]].Weights = picture.String()
	}
	return nil
}

// thumbnail is the middle of a photo, small.
func thumbnail(photo *imaging.RGB) image.Image {
	pixels := imaging.AntialiasResize(photo, photoSize, photoSize)
	img := image.NewRGBA(image.Rect(0, 0, photoSize, photoSize))
	for i := range photoSize * photoSize {
		for c := range 3 {
			img.Pix[4*i+c] = uint8(pixels[3*i+c] + .5)
		}
		img.Pix[4*i+3] = 255
	}
	return img
}

// dataURL is a picture within a page, as JPEG.
func dataURL(picture image.Image) (string, error) {
	var out bytes.Buffer
	if err := encode(&out, picture); err != nil {
		return "", fmt.Errorf("making a small photo: %w", err)
	}
	return "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(out.Bytes()), nil
}

func encode(w io.Writer, picture image.Image) error {
	return jpeg.Encode(w, picture, &jpeg.Options{Quality: photosQuality})
}
