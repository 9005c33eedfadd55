package ham10000

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/internal/userdir"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// metadataNames are the names that the metadata table may have; Open reads the first
// file that exists. The last two names belong to the official test images of ISIC 2018
// Task 3, which the authors publish in the same form.
var metadataNames = []string{
	"HAM10000_metadata.csv", "HAM10000_metadata", "HAM10000_metadata.tab",
	"ISIC2018_Task3_Test_GroundTruth.csv", "ISIC2018_Task3_Test_GroundTruth.tab",
}

// ErrNoFolder is the error of [Open] for an empty folder name.
var ErrNoFolder = errors.New("no data folder")

// NotFolderError says that the argument of [Open] is not a HAM10000 folder.
type NotFolderError struct {
	Dir string
	Err error // names Dir
}

func (e *NotFolderError) Error() string { return "opening the data folder: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *NotFolderError) Unwrap() error { return e.Err }

// MissingImagesError says that records have no image file.
type MissingImagesError struct {
	Dir     string
	Missing []string // image ids
	Records int
}

// Error names the first few images.
func (e *MissingImagesError) Error() string {
	const named = 5
	list := strings.Join(e.Missing[:min(named, len(e.Missing))], ", ")
	if len(e.Missing) > named {
		list += ", ..."
	}
	return fmt.Sprintf("%s: %d of %d images are missing (%s)", e.Dir, len(e.Missing), e.Records, list)
}

const (
	idPrefix   = "ISIC_"
	maskSuffix = "_segmentation.png"
)

// Dataset is an opened HAM10000 folder.
type Dataset struct {
	// Dir is the folder as passed to Open.
	Dir string
	// MetadataFile is the path of the metadata table.
	MetadataFile string
	// Records are the rows of the table, in its order.
	Records []Record

	images map[string][]string // paths by image id, sorted; more than one is a double
	masks  map[string][]string
}

// Open reads the metadata table of the HAM10000 folder dir and finds its image
// and mask files in all subfolders, including linked and excluding hidden ones.
// Image files may be missing or damaged: see [Dataset.RequireImages] and
// [Dataset.Check].
// If a name lies in several subfolders, the first path in lexical order counts.
//
// The error is ErrNoFolder, a *NotFolderError, one of [ReadMetadata] or one of the
// file system.
func Open(dir string) (*Dataset, error) {
	if dir == "" {
		return nil, ErrNoFolder
	}
	table, err := findMetadata(dir)
	if err != nil {
		return nil, &NotFolderError{dir, err}
	}
	d := &Dataset{Dir: dir, MetadataFile: table, images: make(map[string][]string), masks: make(map[string][]string)}
	if d.Records, err = ReadMetadata(table); err != nil {
		return nil, err
	}
	if err := d.index(dir, make(map[string]bool)); err != nil {
		return nil, fmt.Errorf("listing the data folder: %w", err)
	}
	for _, paths := range []map[string][]string{d.images, d.masks} {
		for _, p := range paths {
			slices.Sort(p)
		}
	}
	return d, nil
}

func findMetadata(dir string) (string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%s is a file", dir)
	}
	for _, name := range metadataNames {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s holds no %s", dir, metadataNames[0])
}

// index records the image and mask files below dir. Folders behind links are
// entered too (image folders often lie on another disk), each only once.
func (d *Dataset) index(dir string, seen map[string]bool) error {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	if seen[real] {
		return nil
	}
	seen[real] = true
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue // macOS stubs (._ISIC_...) and the download script's unfinished files
		}
		path := filepath.Join(dir, entry.Name())
		mode := entry.Type()
		if mode&fs.ModeSymlink != 0 {
			info, err := os.Stat(path)
			if err != nil {
				continue // a dangling link is no image; RequireImages names the image as missing
			}
			mode = info.Mode()
		}
		switch {
		case mode.IsDir():
			if err := d.index(path, seen); err != nil {
				return err
			}
		case mode.IsRegular():
			d.add(path)
		}
	}
	return nil
}

func (d *Dataset) add(path string) {
	name := filepath.Base(path)
	if !strings.HasPrefix(name, idPrefix) {
		return
	}
	if id, ok := strings.CutSuffix(name, maskSuffix); ok {
		d.masks[id] = append(d.masks[id], path)
		return
	}
	switch ext := filepath.Ext(name); strings.ToLower(ext) {
	case ".jpg", ".jpeg":
		id := strings.TrimSuffix(name, ext)
		d.images[id] = append(d.images[id], path)
	}
}

// ImagePath returns the image file of image id; ok is false if it has none.
func (d *Dataset) ImagePath(id string) (string, bool) { return first(d.images[id]) }

// MaskPath returns the mask file of image id; ok is false if it has none.
func (d *Dataset) MaskPath(id string) (string, bool) { return first(d.masks[id]) }

func first(paths []string) (string, bool) {
	if len(paths) == 0 {
		return "", false
	}
	return paths[0], true
}

// RequireImages returns a [*MissingImagesError] unless every record has an image file.
func (d *Dataset) RequireImages(records []Record) error {
	var missing []string
	for _, r := range records {
		if len(d.images[r.ImageID]) == 0 {
			missing = append(missing, r.ImageID)
		}
	}
	if len(missing) > 0 {
		return &MissingImagesError{d.Dir, missing, len(records)}
	}
	return nil
}

// OpenImages decodes all photos of the data set and makes them squares of size
// pixels, or opens the images of an earlier call from the user's cache folder.
func (d *Dataset) OpenImages(ctx context.Context, size int, fit imaging.ResizeMode, progress func(done, total int)) (*imaging.Cache, error) {
	if err := d.RequireImages(d.Records); err != nil {
		return nil, err
	}
	return imaging.OpenCache(ctx, userdir.Cache(), d.items(), size, imaging.CacheOptions{Progress: progress, Resize: fit})
}

// SourceSize is the size of the photos as they lie on disk; see imaging.SourceSize.
func (d *Dataset) SourceSize(ctx context.Context) (string, error) {
	return imaging.SourceSize(ctx, d.items())
}

// ContentHash identifies the photos; see imaging.ContentHash.
func (d *Dataset) ContentHash(ctx context.Context) (string, error) {
	return imaging.ContentHash(ctx, d.items())
}

// Only returns the data set with only the records of the wanted images.
func (d *Dataset) Only(wanted map[string]bool) *Dataset {
	some := *d
	some.Records = slices.DeleteFunc(slices.Clone(d.Records), func(r Record) bool { return !wanted[r.ImageID] })
	return &some
}

// items returns the photos of the records, in order.
func (d *Dataset) items() []imaging.Item {
	items := make([]imaging.Item, len(d.Records))
	for i, r := range d.Records {
		path, _ := d.ImagePath(r.ImageID)
		items[i] = imaging.Item{ID: r.ImageID, Path: path}
	}
	return items
}
