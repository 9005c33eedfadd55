package ham10000

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/internal/csvtable"
)

// The training data of ISIC 2018 Task 3 are HAM10000's photos under other tables: a ground
// truth (see [OpenTestSet]), and the lesions in a table of their own with the columns image,
// lesion_id and diagnosis_confirm_type. Neither has age, sex or site.
const (
	challengeTruth   = "Training_GroundTruth"
	challengeLesions = "LesionGroupings"
	lesionsFile      = "ISIC2018_Task3_Training_LesionGroupings.csv"
)

// NoLesionsError says that a folder has the challenge's diagnoses without its lesions, so
// that photos of one lesion can't be told.
type NoLesionsError struct{ Truth string }

func (e *NoLesionsError) Error() string {
	return fmt.Sprintf("%s has diagnoses and no lesions: photos of one lesion could not be kept together without %s", e.Truth, lesionsFile)
}

// findChallenge finds the challenge's tables in dir or in the folders there. truth is empty
// if there is none.
func findChallenge(dir string) (truth, lesions string) {
	found := findTables(dir, func(name string) bool {
		return strings.Contains(name, challengeTruth) && !strings.Contains(name, truth2019)
	},
		func(name string) bool { return strings.Contains(name, challengeLesions) })
	return found[0], found[1]
}

// findTables finds CSV files in dir, or else in the folders there: for each of is the first whose name it accepts and none
// before it does, or an empty path.
func findTables(dir string, is ...func(name string) bool) []string {
	found := make([]string, len(is))
	for _, below := range []string{"", "*"} {
		paths, err := filepath.Glob(filepath.Join(escape(dir), below, "*.csv"))
		if err != nil {
			return make([]string, len(is)) // the pattern is right
		}
		for _, path := range paths {
			info, err := os.Stat(path)
			name := filepath.Base(path)
			if err != nil || !info.Mode().IsRegular() || strings.HasPrefix(name, ".") {
				continue
			}
			if i := slices.IndexFunc(is, func(accepts func(string) bool) bool { return accepts(name) }); i >= 0 && found[i] == "" {
				found[i] = path
			}
		}
	}
	return found
}

// readChallenge reads the challenge's tables.
func readChallenge(truth, lesions string) (records []Record, err error) {
	if lesions == "" {
		return nil, &NoLesionsError{truth}
	}
	err = csvtable.ReadFile(truth, func(t *csvtable.Reader) (err error) {
		records, err = readOneHot(t)
		return err
	})
	if err != nil {
		return nil, err
	}
	at := make(map[string]int, len(records)) // by image
	for i, r := range records {
		at[r.ImageID] = i
	}
	dx := make(map[string]string) // by lesion
	err = csvtable.ReadFile(lesions, func(t *csvtable.Reader) error {
		const image, lesion, confirmed = "image", "lesion_id", "diagnosis_confirm_type"
		column, err := t.Columns([]string{image, lesion}, confirmed)
		if err != nil {
			return err
		}
		return t.Each(func(fields []string) error {
			i, ok := at[CanonicalID(fields[column[image]])]
			if !ok {
				return nil // a selection of the photos
			}
			r := &records[i]
			id := CanonicalID(strings.Clone(strings.TrimSpace(fields[column[lesion]])))
			if err := checkID(id); err != nil {
				return csvtable.Errorf(lesion, "%w", err)
			}
			if r.LesionID != "" {
				return csvtable.Errorf(image, "%s is listed already", r.ImageID)
			}
			if first, known := dx[id]; known && first != r.Dx {
				return csvtable.Errorf(lesion, "lesion %s is %s in %s, and %s for %s", id, first, truth, r.Dx, r.ImageID)
			}
			r.LesionID, dx[id] = id, r.Dx
			if c, ok := column[confirmed]; ok {
				r.DxType = dxTypeOf(fields[c])
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if r.LesionID == "" {
			return nil, fmt.Errorf("%s has no row of %s, which %s lists", lesions, r.ImageID, truth)
		}
	}
	return records, nil
}
