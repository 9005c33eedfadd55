package convert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// Names in a folder that is made.
const (
	tableName = "HAM10000_metadata.csv"
	imagesDir = "images"
)

// Options of [Folder].
type Options struct {
	// Published is the published metadata table. Empty: it is looked for beside the source
	// and beside its folder.
	Published string
	// WithTest also makes folders of the official validation and test photos, beside the
	// new folder: isic2018_val and isic2018_test.
	WithTest bool
	// ArchiveSites leaves of each site what the ISIC Archive has of it (see
	// [ham10000.ArchiveSite]), to measure what the difference costs.
	ArchiveSites bool
	// Progress, if not nil, is called after each photo.
	Progress func(done, total int)
}

// Result tells what [Folder] made.
type Result struct {
	Dir     string `json:"dir"`
	Table   string `json:"table"`
	Records int    `json:"records"`
	// Published is the published table that was used, empty if there was none.
	Published string `json:"published,omitempty"`
	// Filled counts the records whose value of a column came from the published table and
	// differed from the source, by column.
	Filled map[string]int `json:"filled,omitempty"`
	// Recoded counts photos that became PNG.
	Recoded int `json:"recoded,omitempty"`
	// Repeated counts rows of the source that repeat a photo, Changed those of them whose
	// photo has other bytes than the first.
	Repeated int `json:"repeated,omitempty"`
	Changed  int `json:"changed,omitempty"`
	// Missing are records without a photo, which the table has nevertheless.
	Missing []string `json:"missing,omitempty"`
	// LeftOut are photos of the source that are not of HAM10000.
	LeftOut []ham10000.LeftOut `json:"left_out,omitempty"`
	// CoarseSites counts the records that keep a coarse site, by site.
	CoarseSites map[string]int `json:"coarse_sites,omitempty"`
	// Official are the folders of the validation and test photos.
	Official []string `json:"official,omitempty"`
}

// ExistsError says that a folder has a metadata table already.
type ExistsError struct{ Table string }

func (e *ExistsError) Error() string { return e.Table + " is there already" }

// job is one conversion.
type job struct {
	Options
	ctx       context.Context
	to        string
	published map[string]ham10000.Record // by image
	result    *Result
}

// Folder makes the folder to of HAM10000's published form from the source from: a folder that
// [ham10000.Open] reads, a Parquet file, or a folder with Parquet files. The photos are linked
// where both lie on one disk, and copied elsewhere; those in formats that package imaging
// does not read become PNG, without loss. The table is written last: a folder without it is
// unfinished, and the same call goes on with it. If to is from, the photos stay where they
// are.
//
// Where the published table is at hand (see Options), its rows take the place of the source's,
// whose diagnoses must be the same.
func Folder(ctx context.Context, from, to string, opts Options) (*Result, error) {
	table := filepath.Join(to, tableName)
	if _, err := os.Stat(table); err == nil {
		return nil, &ExistsError{table}
	}
	j := &job{Options: opts, ctx: ctx, to: to, result: &Result{Dir: to, Table: table, Filled: map[string]int{}}}
	files, err := parquetFiles(from)
	if err != nil {
		return nil, err
	}
	var data []*ham10000.Dataset
	if len(files) == 0 {
		if data, err = tablesOf(from); err != nil {
			return nil, err
		}
	}
	source := ""
	if len(data) == 1 {
		source = data[0].MetadataFile
	}
	if err := j.findPublished(from, source); err != nil {
		return nil, err
	}
	var records []ham10000.Record
	if data == nil {
		records, err = j.parquet(from, files)
	} else {
		records, err = j.folders(data)
	}
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("%s holds no photo of HAM10000", from)
	}
	if j.ArchiveSites {
		for i := range records {
			records[i].Localization = ham10000.ArchiveSite(records[i].Localization)
		}
	}
	j.result.Records = len(records)
	j.result.CoarseSites = (&ham10000.Dataset{Records: records}).CoarseSites()
	if err := os.MkdirAll(to, 0o755); err != nil {
		return nil, err
	}
	if err := ham10000.WriteMetadata(table, records); err != nil {
		return nil, err
	}
	return j.result, nil
}

// findPublished reads the published table. source is the source's own table.
func (j *job) findPublished(from, source string) error {
	if j.Published == "" {
		absolute, err := filepath.Abs(from)
		if err != nil {
			return err
		}
		for _, dir := range []string{absolute, filepath.Dir(absolute)} {
			for _, name := range []string{tableName, "HAM10000_metadata", "HAM10000_metadata.tab"} {
				path := filepath.Join(dir, name)
				if _, err := os.Stat(path); err == nil && j.Published == "" && !sameFile(path, source) {
					j.Published = path
				}
			}
		}
	}
	if j.Published == "" {
		return nil
	}
	records, err := ham10000.ReadMetadata(j.Published)
	if err != nil {
		return err
	}
	j.result.Published = j.Published
	j.published = make(map[string]ham10000.Record, len(records))
	for _, r := range records {
		j.published[r.ImageID] = r
	}
	return nil
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// fill returns the published row of a record, if there is one.
func (j *job) fill(r ham10000.Record) (ham10000.Record, error) {
	p, ok := j.published[r.ImageID]
	if !ok {
		return r, nil
	}
	if p.Dx != r.Dx {
		return r, fmt.Errorf("photo %s is %s, and %s in the published table %s", r.ImageID, r.Dx, p.Dx, j.Published)
	}
	for column, differs := range map[string]bool{
		"lesion_id": p.LesionID != r.LesionID, "dx_type": p.DxType != r.DxType, "sex": p.Sex != r.Sex, "localization": p.Localization != r.Localization,
		"age": p.Age != r.Age && (p.HasAge() || r.HasAge()), "dataset": p.Dataset != r.Dataset,
	} {
		if differs {
			j.result.Filled[column]++
		}
	}
	return p, nil
}

// tablesOf opens a folder, or those of its folders that have a table each, such as the parts of a copy for the library
// datasets of Hugging Face.
func tablesOf(from string) ([]*ham10000.Dataset, error) {
	whole, err := ham10000.Open(from)
	if err == nil {
		return []*ham10000.Dataset{whole}, nil
	}
	none, ok := errors.AsType[*ham10000.NoTableError](err)
	if !ok || none.Parts == nil {
		return nil, err
	}
	var all []*ham10000.Dataset
	for _, part := range none.Parts {
		data, err := ham10000.Open(filepath.Join(from, part))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

// folders converts data folders into one. A photo may be in several with the same lesion and diagnosis, and is then taken
// from the first.
func (j *job) folders(all []*ham10000.Dataset) (records []ham10000.Record, err error) {
	at := make(map[string]int)
	lesions := make(map[string]ham10000.Record)
	for _, data := range all {
		kept := data.Records[:0:0]
		for _, r := range data.Records {
			if i, twice := at[r.ImageID]; twice {
				if first := records[i]; j.published == nil && (first.LesionID != r.LesionID || first.Dx != r.Dx) {
					return nil, fmt.Errorf("%s: photo %s is %s of lesion %s, and %s of %s in a folder before", data.MetadataFile, r.ImageID, r.Dx, r.LesionID, first.Dx, first.LesionID)
				}
				j.result.Repeated++
				continue
			}
			if first, known := lesions[r.LesionID]; known && first.Dx != r.Dx {
				return nil, fmt.Errorf("%s: lesion %s is %s (%s), and %s (%s) in a folder before", data.MetadataFile, r.LesionID, r.Dx, r.ImageID, first.Dx, first.ImageID)
			}
			lesions[r.LesionID] = r
			kept = append(kept, r)
		}
		some := *data
		some.Records = kept
		converted, err := j.folder(&some)
		if err != nil {
			return nil, err
		}
		for _, r := range converted {
			at[r.ImageID] = len(records)
			records = append(records, r)
		}
	}
	return records, nil
}

// folder converts a data folder.
func (j *job) folder(data *ham10000.Dataset) ([]ham10000.Record, error) {
	j.result.LeftOut = append(j.result.LeftOut, data.LeftOut...)
	records := slices.Clone(data.Records)
	for i, r := range records {
		var err error
		if records[i], err = j.fill(r); err != nil {
			return nil, err
		}
	}
	inPlace := sameFile(data.Dir, j.to)
	missing, err := j.photos(data, records, filepath.Join(j.to, imagesDir), inPlace)
	if err != nil {
		return nil, err
	}
	j.result.Missing = append(j.result.Missing, missing...)
	if j.WithTest {
		if err := j.official(data); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// photos puts the photos of records into dir and returns the ids of those that are missing.
// In place, only photos in formats that are not read are written.
func (j *job) photos(data *ham10000.Dataset, records []ham10000.Record, dir string, inPlace bool) (missing []string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for i, r := range records {
		if err := j.ctx.Err(); err != nil {
			return nil, err
		}
		path, found := data.ImagePath(r.ImageID)
		other, unread := data.UnreadPath(r.ImageID)
		switch {
		case found && inPlace:
		case found:
			err = place(path, filepath.Join(dir, r.ImageID+strings.ToLower(filepath.Ext(path))))
		case unread && ham10000.ConvertiblePhoto(filepath.Ext(other)):
			err = recodeFile(other, filepath.Join(dir, r.ImageID+".png"))
			j.result.Recoded++
		case unread:
			err = fmt.Errorf("%s: photos in this format can't be converted here; ImageMagick can: magick mogrify -format png %s", other,
				filepath.Join(filepath.Dir(other), "*"+filepath.Ext(other)))
		default:
			missing = append(missing, r.ImageID)
		}
		if err != nil {
			return nil, err
		}
		if j.Progress != nil {
			j.Progress(i+1, len(records))
		}
	}
	return missing, nil
}

// place links the photo at path to target, or copies it.
func place(path, target string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	if sameFile(real, target) {
		return nil
	}
	if err := os.Remove(target); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if os.Link(real, target) == nil {
		return nil
	}
	return copyFile(real, target)
}

// official makes the folders of the validation and test photos beside the new folder.
func (j *job) official(data *ham10000.Dataset) error {
	all, err := ham10000.ReadMetadata(data.MetadataFile)
	if err != nil {
		return err
	}
	absolute, err := filepath.Abs(j.to)
	if err != nil {
		return err
	}
	for _, set := range []struct {
		ham10000.Collection
		folder, table string
	}{
		{ham10000.Validation, "isic2018_val", "ISIC2018_Task3_Validation_GroundTruth.csv"},
		{ham10000.Test, "isic2018_test", "ISIC2018_Task3_Test_GroundTruth.csv"},
	} {
		records := slices.DeleteFunc(slices.Clone(all), func(r ham10000.Record) bool {
			return ham10000.CollectionOf(r.ImageID) != set.Collection || r.Dx == ""
		})
		if len(records) == 0 {
			continue
		}
		dir := filepath.Join(filepath.Dir(absolute), set.folder)
		table := filepath.Join(dir, set.table)
		if _, err := os.Stat(table); err == nil {
			return &ExistsError{table}
		}
		missing, err := j.photos(data, records, filepath.Join(dir, imagesDir), false)
		if err != nil {
			return err
		}
		j.result.Missing = append(j.result.Missing, missing...)
		if err := ham10000.WriteMetadata(table, records); err != nil {
			return err
		}
		j.result.Official = append(j.result.Official, dir)
	}
	return nil
}

// FilledColumns are the columns of Filled in the table's order.
func (r *Result) FilledColumns() []string {
	order := []string{"lesion_id", "dx_type", "age", "sex", "localization", "dataset"}
	return slices.SortedFunc(maps.Keys(r.Filled), func(a, b string) int {
		return cmp.Compare(slices.Index(order, a), slices.Index(order, b))
	})
}
