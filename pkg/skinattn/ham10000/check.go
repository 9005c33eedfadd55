package ham10000

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/skinattn/skinattn/internal/parallel"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// FileProblem is a file that cannot be used, with the reason.
type FileProblem struct {
	ImageID string `json:"image_id"`
	Path    string `json:"path"` // relative to the data folder
	Problem string `json:"problem"`
}

// SizedImage is an image with its size in pixels.
type SizedImage struct {
	ImageID string `json:"image_id"`
	Width   int    `json:"width"`
	Height  int    `json:"height"`
}

// DoubleFile is an image id with files in several folders. The first path is used.
type DoubleFile struct {
	ImageID string   `json:"image_id"`
	Paths   []string `json:"paths"` // relative to the data folder
}

// FolderFiles are files of one folder.
type FolderFiles struct {
	Folder string `json:"folder"` // relative to the data folder, "." for itself
	// What tells what they are, if their image ids do, such as "the test photos of ISIC
	// 2018".
	What     string   `json:"what,omitempty"`
	ImageIDs []string `json:"image_ids"` // sorted
}

// MaskReport is the part of a Report about the lesion masks.
type MaskReport struct {
	Files int `json:"files"`
	// Missing are records without a mask, empty if the folder has no masks at all.
	Missing []string `json:"missing"`
	// Extra are masks of images that the metadata do not list.
	Extra   []string      `json:"extra"`
	Damaged []FileProblem `json:"damaged"`
}

// Report is the result of Dataset.Check. All lists are sorted, and empty instead of
// null in JSON.
type Report struct {
	Dir      string `json:"dir"`
	Metadata string `json:"metadata"` // the table's path
	Records  int    `json:"records"`
	Lesions  int    `json:"lesions"`
	// Images is the number of records with an image file.
	Images int `json:"images"`
	// ByClass counts records by diagnosis.
	ByClass map[string]int `json:"by_class"`
	// Width and Height are the most frequent size of the images, in pixels.
	Width  int `json:"width"`
	Height int `json:"height"`

	// Missing are records without an image file.
	Missing []string `json:"missing"`
	// Extra are images that the metadata do not list, but for those of LeftOut.
	Extra []string `json:"extra"`
	// ExtraByFolder has the images of Extra by the folder of their first file.
	ExtraByFolder []FolderFiles `json:"extra_by_folder"`
	// LeftOut are photos that the metadata list and that are not of HAM10000; see
	// [Dataset].
	LeftOut []LeftOut `json:"left_out"`
	// Unread are photos in formats that are not read, such as WebP.
	Unread []FileProblem `json:"unread"`
	// Denied are subfolders that may not be read, relative to the data folder.
	Denied []string `json:"denied"`
	// Manipulated are records whose photo the ISIC Archive says to be none as taken.
	Manipulated []FileProblem `json:"manipulated"`
	// Damaged are image files of records that do not decode.
	Damaged []FileProblem `json:"damaged"`
	// WrongSize are images of another size than Width x Height.
	WrongSize []SizedImage `json:"wrong_size"`
	// Duplicates are groups of images with identical pixels.
	Duplicates  [][]string   `json:"duplicates"`
	DoubleFiles []DoubleFile `json:"double_files"`
	Masks       MaskReport   `json:"masks"`

	// OK is set if every record has an image that decodes, and every mask file
	// decodes. The other lists do not affect it.
	OK bool `json:"ok"`
	// Complete is set for the whole published data set: OK without Differences and
	// MetadataDifferences.
	Complete bool `json:"is_complete_ham10000"`
	// Differences lists the counts of photos, lesions and diagnoses that differ from the
	// published data set.
	Differences []string `json:"differences"`
	// MetadataDifferences lists the counts of age, sex, site and dx_type that differ, if
	// the table has as many photos as the published one.
	MetadataDifferences []string `json:"metadata_differences"`
	// CoarseSites counts the records by those sites that stand for several words; see
	// [Dataset.CoarseSites].
	CoarseSites map[string]int `json:"coarse_sites"`
}

// decoded is the outcome of decoding an image.
type decoded struct {
	width, height int
	hash          [sha256.Size]byte // of the pixels
	problem       string            // reason for not decoding, or empty
}

// Check decodes every image and mask that the metadata list, on all cores, and
// compares the folder with its metadata and with the published data set. Problems
// of the data are in the report; the only error is ctx's, when it is cancelled. A
// progress that is not nil is called after each file, never by two goroutines at once,
// with done rising from 1 to total.
func (d *Dataset) Check(ctx context.Context, progress func(done, total int)) (*Report, error) {
	r := &Report{
		Dir: d.Dir, Metadata: d.MetadataFile, Records: len(d.Records),
		ByClass: make(map[string]int), Duplicates: [][]string{}, WrongSize: []SizedImage{},
		Damaged: []FileProblem{}, DoubleFiles: []DoubleFile{}, ExtraByFolder: []FolderFiles{}, LeftOut: []LeftOut{}, Unread: []FileProblem{},
		Denied: []string{}, Manipulated: []FileProblem{}, CoarseSites: d.CoarseSites(),
	}
	lesions := make(map[string]bool)
	listed := make(map[string]bool, len(d.Records))
	var ids []string
	for _, rec := range d.Records {
		lesions[rec.LesionID] = true
		listed[rec.ImageID] = true
		r.ByClass[rec.Dx]++
		ids = append(ids, rec.ImageID)
		if rec.Manipulation != "" {
			path, _ := d.ImagePath(rec.ImageID)
			r.Manipulated = append(r.Manipulated, FileProblem{rec.ImageID, d.relative(path), rec.Manipulation})
		}
	}
	slices.Sort(ids)
	r.Lesions = len(lesions)

	var images, masks []string
	for _, out := range d.LeftOut {
		r.LeftOut = append(r.LeftOut, out)
		for _, id := range out.ImageIDs {
			listed[id] = true
		}
	}
	images, r.Missing, r.Extra = compare(ids, listed, d.images)
	r.ExtraByFolder = d.byFolder(r.Extra)
	for _, id := range slices.Sorted(maps.Keys(d.unread)) {
		for _, path := range d.unread[id] {
			r.Unread = append(r.Unread, FileProblem{id, d.relative(path), filepath.Ext(path) + " is not read"})
		}
	}
	for _, dir := range d.Denied {
		r.Denied = append(r.Denied, d.relative(dir))
	}
	masks, r.Masks.Missing, r.Masks.Extra = compare(ids, listed, d.masks)
	r.Images = len(images)
	r.Masks.Files = len(d.masks)
	if len(d.masks) == 0 {
		r.Masks.Missing = []string{}
	}
	for _, id := range slices.Sorted(maps.Keys(d.images)) {
		if paths := d.images[id]; len(paths) > 1 {
			double := DoubleFile{ImageID: id}
			for _, p := range paths {
				double.Paths = append(double.Paths, d.relative(p))
			}
			r.DoubleFiles = append(r.DoubleFiles, double)
		}
	}

	var paths []string
	for _, id := range images {
		paths = append(paths, d.images[id][0])
	}
	for _, id := range masks {
		paths = append(paths, d.masks[id][0])
	}
	found := make([]decoded, len(paths))
	count := parallel.Counter(len(paths), progress)
	err := parallel.For(ctx, len(paths), func(i int) error {
		found[i] = decode(paths[i]) // a file that does not decode is a result
		count()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("checking the data folder: %w", err)
	}
	r.judgeImages(d, images, found[:len(images)])
	r.Masks.Damaged = d.damaged(masks, d.masks, found[len(images):])
	r.OK = len(r.Missing) == 0 && len(r.Damaged) == 0 && len(r.Masks.Damaged) == 0
	r.Differences = r.compareWithPublished()
	r.MetadataDifferences = compareMetadata(d.Records)
	r.Complete = r.OK && len(r.Differences) == 0 && len(r.MetadataDifferences) == 0
	return r, nil
}

// compare takes the sorted ids of the metadata and of the files and returns the ids
// with a file, the ids without one, and the files whose id is not in the metadata.
func compare(ids []string, listed map[string]bool, files map[string][]string) (present, missing, extra []string) {
	missing, extra = []string{}, []string{}
	for _, id := range ids {
		if len(files[id]) > 0 {
			present = append(present, id)
		} else {
			missing = append(missing, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(files)) {
		if !listed[id] {
			extra = append(extra, id)
		}
	}
	return present, missing, extra
}

// byFolder groups images by the folder of their first file and by their collection.
func (d *Dataset) byFolder(ids []string) []FolderFiles {
	groups := []FolderFiles{}
	at := make(map[[2]string]int)
	for _, id := range ids {
		path, _ := d.ImagePath(id)
		group := FolderFiles{Folder: filepath.Dir(d.relative(path))}
		if c := CollectionOf(id); c != Elsewhere {
			group.What = string(c)
		}
		key := [2]string{group.Folder, group.What}
		i, ok := at[key]
		if !ok {
			i = len(groups)
			at[key], groups = i, append(groups, group)
		}
		groups[i].ImageIDs = append(groups[i].ImageIDs, id)
	}
	return groups
}

func decode(path string) decoded {
	img, err := imaging.DecodeFile(path)
	if err != nil {
		if cause := errors.Unwrap(err); cause != nil {
			err = cause // without the path, which the report gives beside it
		}
		return decoded{problem: err.Error()}
	}
	return decoded{width: img.Width, height: img.Height, hash: sha256.Sum256(img.Pix)}
}

// judgeImages fills in the majority size and the lists Damaged, WrongSize and Duplicates.
func (r *Report) judgeImages(d *Dataset, ids []string, found []decoded) {
	r.Damaged = d.damaged(ids, d.images, found)
	type size struct{ width, height int }
	counts := make(map[size]int)
	equal := make(map[decoded][]string)
	most := 0
	for i, f := range found {
		if f.problem != "" {
			continue
		}
		equal[f] = append(equal[f], ids[i])
		s := size{f.width, f.height}
		counts[s]++
		if counts[s] > most { // of equally frequent sizes, the first in the order of ids
			most, r.Width, r.Height = counts[s], f.width, f.height
		}
	}
	for i, f := range found {
		if f.problem == "" && (f.width != r.Width || f.height != r.Height) {
			r.WrongSize = append(r.WrongSize, SizedImage{ImageID: ids[i], Width: f.width, Height: f.height})
		}
		if group := equal[f]; f.problem == "" && len(group) > 1 && group[0] == ids[i] {
			r.Duplicates = append(r.Duplicates, group)
		}
	}
}

func (d *Dataset) damaged(ids []string, files map[string][]string, found []decoded) []FileProblem {
	list := []FileProblem{}
	for i, f := range found {
		if f.problem != "" {
			list = append(list, FileProblem{ImageID: ids[i], Path: d.relative(files[ids[i]][0]), Problem: f.problem})
		}
	}
	return list
}

// relative shortens a path below the data folder.
func (d *Dataset) relative(path string) string {
	if rel, err := filepath.Rel(d.Dir, path); err == nil {
		return rel
	}
	return path
}
