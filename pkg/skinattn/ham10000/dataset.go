package ham10000

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/internal/csvtable"
	"github.com/skinattn/skinattn/internal/userdir"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

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
	// Unread are files of missing images in formats that are not read, such as WebP.
	Unread []string
	// Denied are folders that may not be read, in which the images may lie.
	Denied []string
	// Packed are archives in which they may lie.
	Packed []string
}

// Error names the first few images.
func (e *MissingImagesError) Error() string {
	const named = 5
	list := strings.Join(e.Missing[:min(named, len(e.Missing))], ", ")
	if len(e.Missing) > named {
		list += ", ..."
	}
	text := fmt.Sprintf("%s: %d of %d images are missing (%s)", e.Dir, len(e.Missing), e.Records, list)
	if len(e.Unread) > 0 {
		text += fmt.Sprintf("; %d are there in a format that is not read, such as %s", len(e.Unread), e.Unread[0])
	}
	if len(e.Denied) > 0 {
		text += fmt.Sprintf("; the folder %s may not be read", e.Denied[0])
	}
	return text + packedNote(e.Packed)
}

// packedNote says that photos may lie in archives, if there are any.
func packedNote(packed []string) string {
	switch len(packed) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("; %s may have them: unpack it", packed[0])
	}
	return fmt.Sprintf("; %d archives such as %s may have them: unpack them", len(packed), packed[0])
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
	// Records are the rows of the table, in its order, without those of LeftOut.
	Records []Record
	// Archive is set if the table is an export of the ISIC Archive.
	Archive bool
	// LesionsFile is set if the tables are those of ISIC 2018 Task 3: MetadataFile has the
	// diagnoses and this one the lesions, and age, sex and site are unknown.
	LesionsFile string
	// LeftOut are photos of such an export that are not of HAM10000, among them the
	// official validation and test photos.
	LeftOut []LeftOut
	// Denied are subfolders that may not be read, sorted. What lies in them is not seen.
	Denied []string

	images map[string][]string // paths by image id, sorted; more than one is a double
	masks  map[string][]string
	unread map[string][]string // photos in formats that are not read
	packed []string            // archives
}

// CoarseSites counts the records by those sites that stand for several words of HAM10000;
// see [SiteShares] for what a network is told of them.
func (d *Dataset) CoarseSites() map[string]int {
	counts := make(map[string]int)
	for _, r := range d.Records {
		if !slices.Contains(Localizations, r.Localization) {
			counts[r.Localization]++
		}
	}
	return counts
}

// Open reads the metadata table of the data folder dir (see [ReadMetadata]) and finds its
// image and mask files in all subfolders, including linked and excluding hidden ones and
// those that may not be read. The folder may have the form of the published data set or
// that of an export of the ISIC Archive, of which only HAM10000's photos are records, or
// that of ISIC 2018 Task 3's training data, which has neither age nor sex nor site, or that
// of ISIC 2019's, of which HAM10000's photos are records.
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
	read := (*Dataset).read
	d := newDataset(dir)
	if err != nil {
		if truth, metadata := find2019(dir); truth != "" {
			table, read = metadata, func(d *Dataset) error { return d.read2019(truth) }
		} else if truth, lesions := findChallenge(dir); truth != "" {
			d.LesionsFile = lesions
			table, read = truth, (*Dataset).readChallenge
		} else {
			return nil, &NotFolderError{dir, err}
		}
	}
	d.MetadataFile = table
	if err := read(d); err != nil {
		return nil, err
	}
	if err := d.indexAll(); err != nil {
		return nil, fmt.Errorf("listing the data folder: %w", err)
	}
	return d, nil
}

// Notes are lines for people about what of the folder is not in the records, or is in them
// in another way than in the published table.
func (d *Dataset) Notes() []string {
	var notes []string
	for _, out := range d.LeftOut {
		notes = append(notes, fmt.Sprintf("left out of HAM10000: %d rows of %s, %s", len(out.ImageIDs), d.MetadataFile, out.Why))
	}
	if d.Archive && len(d.Records) > 0 && CollectionOf(d.Records[0].ImageID) == Elsewhere {
		notes = append(notes, fmt.Sprintf("%s is an export of the ISIC Archive without HAM10000: %d other photos are taken", d.MetadataFile, len(d.Records)))
	}
	if d.LesionsFile != "" {
		notes = append(notes, d.MetadataFile+" has neither age nor sex nor site of the lesion, which count as unknown; with HAM10000_metadata.csv in the folder they are known")
	}
	sites := d.CoarseSites()
	for _, c := range CoarseSites {
		if n := sites[c.Name]; n > 0 {
			notes = append(notes, fmt.Sprintf("the site of %d photos is %q, as the ISIC Archive has it: a network is told %s, each by its share in HAM10000", n, c.Name, strings.Join(c.Stands, " or ")))
		}
	}
	if several := d.doubled(); len(several) > 0 {
		paths := d.images[several[0]]
		notes = append(notes, fmt.Sprintf("of %d photos there are several files, and the first is taken: such as %s, and not %s", len(several), paths[0], paths[1]))
	}
	if len(d.packed) > 0 && d.RequireImages(d.Records) != nil {
		notes = append(notes, "photos are missing"+packedNote(d.packed))
	}
	for _, dir := range d.Denied {
		notes = append(notes, fmt.Sprintf("skipped %s: it may not be read", dir))
	}
	return notes
}

// doubled are the ids of the records with several photos, in their order.
func (d *Dataset) doubled() (ids []string) {
	for _, r := range d.Records {
		if len(d.images[r.ImageID]) > 1 {
			ids = append(ids, r.ImageID)
		}
	}
	return ids
}

func newDataset(dir string) *Dataset {
	return &Dataset{Dir: dir, images: make(map[string][]string), masks: make(map[string][]string), unread: make(map[string][]string)}
}

// read reads the table.
func (d *Dataset) read() error {
	err := csvtable.ReadFile(d.MetadataFile, func(t *csvtable.Reader) (err error) {
		d.Archive = isArchive(t.Header())
		d.Records, err = readMetadata(t)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading metadata: %w", err)
	}
	if d.Archive {
		return d.leaveOut()
	}
	return nil
}

// leaveOut leaves the photos of an export that are not of HAM10000 out of the records.
func (d *Dataset) leaveOut() error {
	if d.Records, d.LeftOut = leaveOut(d.Records); len(d.Records) == 0 {
		return fmt.Errorf("reading metadata: %s lists no photo of HAM10000, but %d %s", d.MetadataFile, len(d.LeftOut[0].ImageIDs), d.LeftOut[0].Why)
	}
	return nil
}

// readChallenge reads the tables of ISIC 2018 Task 3.
func (d *Dataset) readChallenge() (err error) {
	if d.Records, err = readChallenge(d.MetadataFile, d.LesionsFile); err != nil {
		return fmt.Errorf("reading metadata: %w", err)
	}
	return nil
}

// indexAll finds the files of the folder.
func (d *Dataset) indexAll() error {
	if err := d.index(d.Dir, make(map[string]bool)); err != nil {
		return err
	}
	for _, paths := range []map[string][]string{d.images, d.masks, d.unread} {
		for _, p := range paths {
			slices.Sort(p)
		}
	}
	slices.Sort(d.Denied)
	slices.Sort(d.packed)
	return nil
}

// index records the image and mask files below dir. Folders behind links are
// entered too (image folders often lie on another disk), each only once. Those that may
// not be read, such as the lost+found of a disk, are recorded.
func (d *Dataset) index(dir string, seen map[string]bool) error {
	real, err := filepath.EvalSymlinks(dir)
	if err == nil && seen[real] {
		return nil
	}
	seen[real] = true
	var entries []os.DirEntry
	if err == nil {
		entries, err = os.ReadDir(dir)
	}
	if err != nil && dir != d.Dir && denied(err) {
		d.Denied = append(d.Denied, dir)
		return nil
	}
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
	kind, id := fileOf(path)
	switch kind {
	case maskFile:
		d.masks[id] = append(d.masks[id], path)
	case photoFile:
		d.images[id] = append(d.images[id], path)
	case unreadPhotoFile:
		d.unread[id] = append(d.unread[id], path)
	default:
		if IsPacked(path) {
			d.packed = append(d.packed, path)
		}
	}
}

// ImagePath returns the image file of image id; ok is false if it has none.
func (d *Dataset) ImagePath(id string) (string, bool) { return first(d.images[id]) }

// MaskPath returns the mask file of image id; ok is false if it has none.
func (d *Dataset) MaskPath(id string) (string, bool) { return first(d.masks[id]) }

// UnreadPath returns the file of image id in a format that is not read; ok is false if
// there is none.
func (d *Dataset) UnreadPath(id string) (string, bool) { return first(d.unread[id]) }

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
	if len(missing) == 0 {
		return nil
	}
	e := &MissingImagesError{Dir: d.Dir, Missing: missing, Records: len(records), Denied: d.Denied, Packed: d.packed}
	for _, id := range missing {
		if path, ok := first(d.unread[id]); ok {
			e.Unread = append(e.Unread, path)
		}
	}
	return e
}

// OpenImages decodes all photos of the data set and makes them squares of size
// pixels, or opens the images of an earlier call from the user's cache folder.
func (d *Dataset) OpenImages(ctx context.Context, size int, opts imaging.CacheOptions) (*imaging.Cache, error) {
	if err := d.RequireImages(d.Records); err != nil {
		return nil, err
	}
	return imaging.OpenCache(ctx, userdir.Cache(), d.items(), size, opts)
}

// SourceSize is the size of the photos as they lie on disk; see imaging.SourceSize.
func (d *Dataset) SourceSize(ctx context.Context) (string, error) {
	return imaging.SourceSize(ctx, d.items())
}

// ContentHash identifies the photos; see imaging.ContentHash.
func (d *Dataset) ContentHash(ctx context.Context) (string, error) {
	return imaging.ContentHash(ctx, d.items())
}

// MetadataHash returns the SHA-256, in hexadecimal, over everything of the records that a
// network or a split may depend on, in their order: image, lesion, diagnosis, age, sex and
// localization, as they were read.
func (d *Dataset) MetadataHash() string {
	h := sha256.New()
	for _, r := range d.Records {
		fmt.Fprintf(h, "%q %q %q %g %q %q\n", r.ImageID, r.LesionID, r.Dx, r.Age, r.Sex, r.Localization)
	}
	return hex.EncodeToString(h.Sum(nil))
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
