package ham10000

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/skinattn/skinattn/internal/csvtable"
)

// NeverReleased is in the tables of the official ISIC 2018 test, without a photo; the
// challenge does not score it.
const NeverReleased = "ISIC_0035068"

// TestSet is a folder of photos beside HAM10000, such as the official validation and test
// photos of ISIC 2018 Task 3.
type TestSet struct {
	// Dataset has a record for each photo that has a row in the table of the truth, in the
	// table's order, or for all photos if there is no table. What a table does not tell is
	// unknown: an empty Dx and LesionID, an age of NaN, Unknown for sex and localization.
	// MetadataFile is the table, empty if there is none.
	*Dataset
	// Unlisted are photos without a row in the table. They have no record.
	Unlisted []string
	// NeverReleased is set if the table lists the photo of that name, which nobody has.
	NeverReleased bool
}

// HasLesions reports whether any lesion is known.
func (t *TestSet) HasLesions() bool {
	return slices.ContainsFunc(t.Records, func(r Record) bool { return r.LesionID != "" })
}

// HasMetadata reports whether any age, sex or localization is known.
func (t *TestSet) HasMetadata() bool {
	return slices.ContainsFunc(t.Records, func(r Record) bool { return r.HasAge() || r.Sex != Unknown || r.Localization != Unknown })
}

// HasTruth reports whether any diagnosis is known.
func (t *TestSet) HasTruth() bool {
	return slices.ContainsFunc(t.Records, func(r Record) bool { return r.Dx != "" })
}

// AmbiguousTruthError says that several tables list the photos of a folder.
type AmbiguousTruthError struct {
	Dir    string
	Tables []string
}

func (e *AmbiguousTruthError) Error() string {
	return fmt.Sprintf("%s: several tables list its photos: %s", e.Dir, strings.Join(e.Tables, ", "))
}

// OpenTestSet finds the photos below the folder dir, and reads the table of their truth:
// a metadata table (see [ReadMetadata]), or the ground truth of ISIC 2018 Task 3 with the
// header
//
//	image,MEL,NV,BCC,AKIEC,BKL,DF,VASC
//
// and a 1 in the column of the diagnosis. Of an export of the ISIC Archive, which has HAM10000
// and its official validation and test photos in one folder, the test photos are taken, or
// else the validation photos; the others are LeftOut. If truth is empty, the table is searched by its
// name (a metadata table's, metadata.csv, or one with "GroundTruth" in it): below dir, and then beside
// dir and in the folders there. Only a table that lists photos of dir counts, and two of
// them are an [*AmbiguousTruthError]. Without any, no truth is known, which is no error.
//
// A photo that the table lists and dir lacks is a [*MissingImagesError], but for
// NeverReleased.
func OpenTestSet(dir, truth string) (*TestSet, error) {
	if dir == "" {
		return nil, ErrNoFolder
	}
	set := &TestSet{Dataset: newDataset(dir)}
	if info, err := os.Stat(dir); err != nil {
		return nil, &NotFolderError{dir, err}
	} else if !info.IsDir() {
		return nil, &NotFolderError{dir, notFolder(dir)}
	}
	if err := set.indexAll(); err != nil {
		return nil, fmt.Errorf("listing the test photos: %w", err)
	}
	if len(set.images) == 0 {
		return nil, fmt.Errorf("%s holds no photo %s*.jpg%s", dir, idPrefix, packedNote(set.packed))
	}
	var err error
	if truth == "" {
		set.MetadataFile, set.Records, err = set.findTruth()
	} else {
		set.MetadataFile = truth
		if set.Records, err = readTruth(truth); err == nil && set.listed(set.Records) == 0 {
			err = fmt.Errorf("%s lists no photo of %s", truth, dir)
		}
	}
	if err != nil {
		return nil, err
	}
	if set.MetadataFile == "" {
		for _, id := range slices.Sorted(maps.Keys(set.images)) {
			set.Records = append(set.Records, Record{ImageID: id, Age: math.NaN(), Sex: Unknown, Localization: Unknown})
		}
		return set, nil
	}
	if err := set.choose(); err != nil {
		return nil, err
	}
	return set, set.pair()
}

// choose keeps, of an export of the ISIC Archive, one collection: the test photos of ISIC
// 2018 if there are any, else the validation photos, else others that are not HAM10000's.
// The other photos become LeftOut.
func (t *TestSet) choose() error {
	err := csvtable.ReadFile(t.MetadataFile, func(table *csvtable.Reader) error {
		t.Archive = isArchive(table.Header())
		return nil
	})
	if err != nil || !t.Archive {
		return err
	}
	byCollection := make(map[Collection][]Record)
	for _, r := range t.Records {
		c := CollectionOf(r.ImageID)
		byCollection[c] = append(byCollection[c], r)
	}
	t.Records = nil
	for _, c := range []Collection{Test, Validation, Elsewhere, Training} {
		switch records := byCollection[c]; {
		case len(records) == 0:
		case t.Records == nil:
			t.Records = records
		default:
			out := LeftOut{Why: string(c)}
			for _, r := range records {
				out.ImageIDs = append(out.ImageIDs, r.ImageID)
			}
			slices.Sort(out.ImageIDs)
			t.LeftOut = append(t.LeftOut, out)
		}
	}
	return nil
}

// pair compares the table with the photos.
func (t *TestSet) pair() error {
	t.Records = slices.DeleteFunc(t.Records, func(r Record) bool {
		_, found := t.ImagePath(r.ImageID)
		lost := r.ImageID == NeverReleased && !found
		t.NeverReleased = t.NeverReleased || lost
		return lost
	})
	rows := make(map[string]bool, len(t.Records))
	for _, r := range t.Records {
		rows[r.ImageID] = true
	}
	for _, out := range t.LeftOut {
		for _, id := range out.ImageIDs {
			rows[id] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(t.images)) {
		if !rows[id] {
			t.Unlisted = append(t.Unlisted, id)
		}
	}
	return t.RequireImages(t.Records)
}

// listed counts the records that have a photo.
func (t *TestSet) listed(records []Record) int {
	n := 0
	for _, r := range records {
		if _, ok := t.ImagePath(r.ImageID); ok {
			n++
		}
	}
	return n
}

// findTruth searches the table of the photos, first among the files below the folder,
// then beside it. A path of "" means that there is none.
func (t *TestSet) findTruth() (path string, records []Record, err error) {
	below, err := truthTables(t.Dir, math.MaxInt)
	if err != nil {
		return "", nil, err
	}
	absolute, err := filepath.Abs(t.Dir)
	if err != nil {
		return "", nil, err
	}
	beside, err := truthTables(filepath.Dir(absolute), 1)
	if err != nil {
		return "", nil, err
	}
	var unread error
	for _, tables := range [][]string{below, beside} {
		var found []string
		for _, table := range tables {
			rows, err := readTruth(table)
			if err != nil {
				unread = cmp.Or(unread, err)
				continue
			}
			if t.listed(rows) > 0 {
				found, path, records = append(found, table), table, rows
			}
		}
		switch len(found) {
		case 0:
		case 1:
			return path, records, nil
		default:
			return "", nil, &AmbiguousTruthError{t.Dir, found}
		}
	}
	return "", nil, unread // a table of other photos that can't be read is in the way, too
}

// truthTables lists, sorted, the files at most depth folders below dir that are tables of
// a truth by their names. Folders that can't be read have none.
func truthTables(dir string, depth int) ([]string, error) {
	var tables []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			if path == dir {
				return err
			}
			return nil
		}
		name := entry.Name()
		below := strings.Count(strings.TrimPrefix(path, dir), string(filepath.Separator))
		switch {
		case path != dir && strings.HasPrefix(name, "."), entry.IsDir() && below > depth:
			if entry.IsDir() {
				return fs.SkipDir
			}
		case entry.IsDir():
		case slices.Contains(metadataNames, name), strings.EqualFold(name, archiveName), strings.EqualFold(name, linesName),
			strings.Contains(name, "GroundTruth") && slices.Contains([]string{".csv", ".tab"}, filepath.Ext(name)):
			tables = append(tables, path)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for the table of the truth: %w", err)
	}
	return tables, nil
}

// truthColumns are the columns of the classes in ISIC 2018's ground truth, in class order.
func truthColumns() []string {
	var names []string
	for _, class := range Classes {
		names = append(names, strings.ToUpper(class))
	}
	return names
}

// readTruth reads a table of either form.
func readTruth(path string) (records []Record, err error) {
	err = csvtable.ReadFile(path, func(t *csvtable.Reader) error {
		names := t.Header()
		has := func(name string) bool {
			return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(strings.TrimSpace(n), name) })
		}
		switch {
		case has("image"):
			records, err = readOneHot(t)
		case has(imageColumn(names)), isArchive(names):
			records, err = readMetadata(t)
		default:
			err = t.Errorf("the header has neither the columns of a ground truth (image,%s) nor of a metadata table (%s)",
				strings.Join(truthColumns(), ","), strings.Join(columns, ","))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the truth: %w", err)
	}
	return records, nil
}

// readOneHot reads a ground truth of ISIC 2018 Task 3.
func readOneHot(t *csvtable.Reader) ([]Record, error) {
	classes := truthColumns()
	at, err := t.Columns(append([]string{"image"}, classes...))
	if err != nil {
		return nil, err
	}
	var records []Record
	lineOf := make(map[string]int)
	err = t.Each(func(fields []string) error {
		id := CanonicalID(fields[at["image"]])
		if err := checkID(id); err != nil {
			return csvtable.Errorf("image", "%w", err)
		}
		if line, twice := lineOf[id]; twice {
			return csvtable.Errorf("image", "%s is listed already in line %d", id, line)
		}
		lineOf[id] = t.Line()
		r := Record{ImageID: strings.Clone(id), Age: math.NaN(), Sex: Unknown, Localization: Unknown}
		for k, column := range classes {
			v, err := strconv.ParseFloat(strings.TrimSpace(fields[at[column]]), 64)
			switch {
			case err != nil || v != 0 && v != 1:
				return csvtable.Errorf(column, "%q is neither 0 nor 1", fields[at[column]])
			case v == 1 && r.Dx != "":
				return csvtable.Errorf(column, "%s has the diagnosis %s already", id, r.Dx)
			case v == 1:
				r.Dx = Classes[k]
			}
		}
		if r.Dx == "" {
			return csvtable.Errorf("", "no diagnosis of %s has a 1", id)
		}
		records = append(records, r)
		return nil
	})
	if err == nil && len(records) == 0 {
		err = t.Errorf("no rows below the header")
	}
	if err != nil {
		return nil, err
	}
	return records, nil
}
