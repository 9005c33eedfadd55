package ham10000

import "fmt"

// published are the counts of the whole data set: those of the paper's Table 2
// by class, and the lesions of the Dataverse table.
var published = struct {
	images, lesions int
	byClass         map[string]int
}{
	images:  10015,
	lesions: 7470,
	byClass: map[string]int{"akiec": 327, "bcc": 514, "bkl": 1099, "df": 115, "mel": 1113, "nv": 6705, "vasc": 142},
}

// compareWithPublished names every count in which the folder departs from the
// published data set; the list is empty, not nil, if there is none.
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
