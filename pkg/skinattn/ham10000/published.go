package ham10000

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// published are the counts of the whole data set: images by class from Table 2 of
// the reproduced paper, the others from the Dataverse table.
var published = struct {
	images, lesions           int
	byClass                   map[string]int
	sex, localization, dxType map[string]int
	ageMissing, ageZero       int
}{
	images:  10015,
	lesions: 7470,
	byClass: map[string]int{"akiec": 327, "bcc": 514, "bkl": 1099, "df": 115, "mel": 1113, "nv": 6705, "vasc": 142},
	sex:     map[string]int{"female": 4552, "male": 5406, Unknown: 57},
	localization: map[string]int{
		"abdomen": 1022, "acral": 7, "back": 2192, "chest": 407, "ear": 56, "face": 745, "foot": 319, "genital": 48, "hand": 90,
		"lower extremity": 2077, "neck": 168, "scalp": 128, "trunk": 1404, Unknown: 234, "upper extremity": 1118,
	},
	dxType:     map[string]int{"histo": 5340, "follow_up": 3704, "consensus": 902, "confocal": 69},
	ageMissing: 57, ageZero: 39,
}

// compareWithPublished lists every count that differs from the published data set.
// The list is empty, not nil, if none does.
func (r *Report) compareWithPublished() []string {
	differences := []string{}
	compare := func(what string, got, want int) {
		if got != want {
			differences = append(differences, fmt.Sprintf("%s: %d, published %d", what, got, want))
		}
	}
	compare("rows of the metadata", r.Records, published.images)
	compare("images that decode", r.Images-len(r.Damaged), published.images)
	compare("lesions", r.Lesions, published.lesions)
	for _, dx := range Classes {
		compare("images of "+dx, r.ByClass[dx], published.byClass[dx])
	}
	return differences
}

// compareMetadata lists every count of age, sex, site and confirmation that differs from
// the published table. It is empty, not nil, if none does, and for a table with another
// number of photos, where all counts differ.
func compareMetadata(records []Record) []string {
	differences := []string{}
	if len(records) != published.images {
		return differences
	}
	compare := func(what string, got, want int) {
		if got != want {
			differences = append(differences, fmt.Sprintf("%s: %d, published %d", what, got, want))
		}
	}
	missing, zero := 0, 0
	for _, r := range records {
		if !r.HasAge() {
			missing++
		} else if r.Age == 0 {
			zero++
		}
	}
	compare("age missing", missing, published.ageMissing)
	compare("age 0", zero, published.ageZero)
	for _, column := range []struct {
		name  string
		want  map[string]int
		value func(Record) string
	}{
		{"sex", published.sex, func(r Record) string { return r.Sex }},
		{"localization", published.localization, func(r Record) string { return r.Localization }},
		{"dx_type", published.dxType, func(r Record) string { return r.DxType }},
	} {
		got := make(map[string]int)
		for _, r := range records {
			got[column.value(r)]++
		}
		words := slices.AppendSeq(slices.Collect(maps.Keys(got)), maps.Keys(column.want))
		slices.Sort(words)
		for _, word := range slices.Compact(words) {
			compare(column.name+" "+cmp.Or(word, "empty"), got[word], column.want[word])
		}
	}
	return differences
}
