package synthetic

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/jpeg"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/parallel"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

const (
	// MetadataFile, ImageDir and MaskDir are the names inside a generated folder.
	MetadataFile = "HAM10000_metadata.csv"
	ImageDir     = "images"
	MaskDir      = "masks"
	// MarkerFile holds the options of a generated folder. Generate
	// writes only into a folder that is empty or has this file.
	MarkerFile = "synthetic.json"

	jpegQuality = 90
)

// Options describe a synthetic data set. A zero field takes its default.
type Options struct {
	// Images is the number of photos, at least one for each class: 600.
	Images int `json:"images"`
	// Seed determines everything random; zero is a seed like any other.
	Seed uint64 `json:"seed"`
	// Width and Height of the photos in pixels, 32 to 2048: 320 x 240, the shape
	// of the real photos at about half their size.
	Width  int `json:"width"`
	Height int `json:"height"`
	// Masks adds the segmentation of each photo, 0 outside and 255 inside.
	Masks bool `json:"masks"`
}

// withDefaults replaces zero fields by their defaults and checks the others.
func (o Options) withDefaults() (Options, error) {
	o.Images, o.Width, o.Height = cmp.Or(o.Images, 600), cmp.Or(o.Width, 320), cmp.Or(o.Height, 240)
	if o.Images < ham10000.NumClasses {
		return o, fmt.Errorf("%d synthetic images: at least %d are needed, one for each class", o.Images, ham10000.NumClasses)
	}
	if o.Images > maxImages {
		return o, fmt.Errorf("%d synthetic images: at most %d have an id", o.Images, maxImages)
	}
	for _, side := range []int{o.Width, o.Height} {
		if side < 32 || side > 2048 {
			return o, fmt.Errorf("synthetic images of %d x %d pixels: sides must be 32 to 2048", o.Width, o.Height)
		}
	}
	return o, nil
}

// Generate writes a data set to folder dir, which it creates if necessary:
// HAM10000_metadata.csv with eight columns, images/ISIC_*.jpg and, with
// [Options.Masks], masks/ISIC_*_segmentation.png. Equal options give equal files
// on any number of cores of one processor architecture; another architecture may
// round a pixel differently.
//
// The metadata is written last, so that a folder with metadata is complete. An
// earlier data set of Generate in dir is replaced. A folder with other files in it
// is an error and stays as it is. If progress is not nil it is called after every
// photo, never by two goroutines at once. Cancelling ctx stops with its error.
func Generate(ctx context.Context, dir string, opts Options, progress func(done, total int)) error {
	opts, err := opts.withDefaults()
	if err != nil {
		return err
	}
	if err := prepare(dir, opts); err != nil {
		return fmt.Errorf("making synthetic data: %w", err)
	}
	plans := plan(opts)
	count := parallel.Counter(len(plans), progress)
	err = parallel.For(ctx, len(plans), func(i int) error {
		if err := writePhoto(dir, opts, plans[i]); err != nil {
			return err
		}
		count()
		return nil
	})
	if err != nil {
		return fmt.Errorf("making synthetic data: %w", err)
	}
	records := make([]ham10000.Record, len(plans))
	for i, p := range plans {
		records[i] = p.record
	}
	return ham10000.WriteMetadata(filepath.Join(dir, MetadataFile), records)
}

// Complete reports whether dir has the whole data set that Generate makes with opts.
func Complete(dir string, opts Options) bool {
	opts, err := opts.withDefaults()
	if err != nil {
		return false
	}
	var made Options
	text, err := os.ReadFile(filepath.Join(dir, MarkerFile))
	if err != nil || json.Unmarshal(text, &made) != nil {
		return false
	}
	_, err = os.Stat(filepath.Join(dir, MetadataFile))
	return err == nil && made == opts
}

// prepare removes an earlier data set from dir and refuses a folder with other
// files.
func prepare(dir string, opts Options) error {
	if dir == "" {
		return errors.New("no folder named")
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(dir, MarkerFile)); err != nil {
			return fmt.Errorf("folder %s has other files in it; choose a new or empty one", dir)
		}
	}
	// The metadata first: from here on the old set is no longer complete.
	if err := os.Remove(filepath.Join(dir, MetadataFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, pattern := range []string{ImageDir + "/" + idPrefix + "*.jpg", MaskDir + "/" + idPrefix + "*_segmentation.png"} {
		old, err := fs.Glob(os.DirFS(dir), pattern) // unlike filepath.Glob, takes no pattern from dir's own name
		if err != nil {
			return err
		}
		for _, name := range old {
			if err := os.Remove(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
				return err
			}
		}
	}
	folders := []string{ImageDir}
	if opts.Masks {
		folders = append(folders, MaskDir)
	}
	for _, folder := range folders {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			return err
		}
	}
	marker, err := json.MarshalIndent(opts, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dir, MarkerFile), append(marker, '\n'))
}

// writePhoto renders one photo and writes it and, if wanted, its mask. A photo has random
// streams of its own, so the order in which photos are written does not matter.
func writePhoto(dir string, opts Options, p planned) error {
	l := newLesion(stream(opts.Seed, lesionStream, p.lesion), p.record.Dx)
	view := newPhoto(stream(opts.Seed, photoStream, p.photo), &l, opts.Width, opts.Height)
	img, mask := render(&l, &view)

	var file bytes.Buffer
	if err := jpeg.Encode(&file, img, &jpeg.Options{Quality: jpegQuality}); err != nil {
		return err
	}
	name := filepath.Join(dir, ImageDir, p.record.ImageID+".jpg")
	if err := os.WriteFile(name, file.Bytes(), 0o644); err != nil {
		return err
	}
	if !opts.Masks {
		return nil
	}
	file.Reset()
	if err := png.Encode(&file, mask); err != nil {
		return err
	}
	name = filepath.Join(dir, MaskDir, p.record.ImageID+"_segmentation.png")
	return os.WriteFile(name, file.Bytes(), 0o644)
}
