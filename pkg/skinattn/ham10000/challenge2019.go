package ham10000

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/skinattn/skinattn/internal/csvtable"
)

// The training data of ISIC 2019 are HAM10000's photos among others, under two tables: a ground truth with a column for each
// of eight diagnoses, and metadata with lesions, ages, sexes and sites in the archive's words.
const (
	truth2019    = "2019_Training_GroundTruth"
	metadata2019 = "2019_Training_Metadata"
)

// diagnoses2019 are the columns of the ground truth, with their names in the archive. What was SCC or AK is akiec in HAM10000.
var diagnoses2019 = map[string]string{
	"mel": "melanoma", "nv": "nevus", "bcc": "basal cell carcinoma", "ak": "actinic keratosis", "bkl": "pigmented benign keratosis",
	"df": "dermatofibroma", "vasc": "vascular lesion", "scc": "squamous cell carcinoma",
}

// find2019 finds the tables of ISIC 2019 in dir or in the folders there. truth is empty unless both are there.
func find2019(dir string) (truth, metadata string) {
	found := findTables(dir, func(name string) bool { return strings.Contains(name, truth2019) },
		func(name string) bool { return strings.Contains(name, metadata2019) })
	if found[0] == "" || found[1] == "" {
		return "", ""
	}
	return found[0], found[1]
}

// read2019 reads the tables of ISIC 2019 as an export of the archive.
func read2019(truth, metadata string) (records []Record, err error) {
	diagnosis := make(map[string]string) // by image
	err = csvtable.ReadFile(truth, func(t *csvtable.Reader) error {
		classes := slices.Sorted(maps.Keys(diagnoses2019)) // so that messages are the same each time
		at, err := t.Columns(append([]string{"image"}, classes...))
		if err != nil {
			return err
		}
		return t.Each(func(fields []string) error {
			id := CanonicalID(strings.Clone(fields[at["image"]]))
			if _, twice := diagnosis[id]; twice {
				return csvtable.Errorf("image", "%s is listed already", id)
			}
			diagnosis[id] = ""
			for _, column := range classes {
				v, err := strconv.ParseFloat(strings.TrimSpace(fields[at[column]]), 64)
				switch {
				case err != nil || v != 0 && v != 1:
					return csvtable.Errorf(column, "%q is neither 0 nor 1", fields[at[column]])
				case v == 1 && diagnosis[id] != "":
					return csvtable.Errorf(column, "%s has the diagnosis %s already", id, diagnosis[id])
				case v == 1:
					diagnosis[id] = diagnoses2019[column]
				}
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	err = csvtable.ReadFile(metadata, func(t *csvtable.Reader) error {
		at, err := t.Columns([]string{"image", "lesion_id"}, "age_approx", "anatom_site_general", "sex")
		if err != nil {
			return err
		}
		records, err = readRecords(t, at, func(field func(column string) string) (Record, error) {
			id := CanonicalID(field("image"))
			known, ok := diagnosis[id]
			if !ok {
				return Record{}, csvtable.Errorf("image", "%s has no row in %s", id, truth)
			}
			return parseArchive(func(column string) string {
				switch {
				case column == "isic_id":
					return id
				case column == "diagnosis":
					return known
				case column == "lesion_id" && CollectionOf(id) == Elsewhere:
					return "" // of the others nothing is used
				}
				return field(column)
			})
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return records, nil
}

// read2019 reads the tables of ISIC 2019, MetadataFile and a ground truth.
func (d *Dataset) read2019(truth string) (err error) {
	d.Archive = true
	if d.Records, err = read2019(truth, d.MetadataFile); err != nil {
		return fmt.Errorf("reading metadata: %w", err)
	}
	return d.leaveOut()
}
