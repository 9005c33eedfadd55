package ham10000

import "fmt"

// published are the counts of the whole data set: images by class from Table 2 of
// the reproduced paper, lesions from the Dataverse table.
var published = struct {
	images, lesions int
	byClass         map[string]int
}{
	images:  10015,
	lesions: 7470,
	byClass: map[string]int{"akiec": 327, "bcc": 514, "bkl": 1099, "df": 115, "mel": 1113, "nv": 6705, "vasc": 142},
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
