package ham10000

import (
	"slices"
	"strconv"
	"strings"
)

// Collection is one of the sets of photos of ISIC 2018 Task 3, of which HAM10000 is the
// training set.
type Collection string

// The collections, and Elsewhere for photos of none of them.
const (
	Training   Collection = "HAM10000"
	Validation Collection = "the validation photos of ISIC 2018"
	Test       Collection = "the test photos of ISIC 2018"
	Elsewhere  Collection = "photos that are not of ISIC 2018 Task 3"
)

// numbers are the first and last numbers of the collections' image ids: those of HAM10000
// have no gap, the validation set has 193 of its 203 numbers and the test set 1,512 of its
// 1,541. Source: the published tables of the three sets.
var numbers = []struct {
	Collection
	first, last int
}{
	{Training, 24306, 34320},
	{Validation, 34321, 34523},
	{Test, 34524, 36064},
}

// CollectionOf tells the collection of an image by its id, such as "ISIC_0027419".
func CollectionOf(imageID string) Collection {
	digits, found := strings.CutPrefix(imageID, idPrefix)
	if n, err := strconv.Atoi(digits); found && err == nil && len(digits) == 7 {
		for _, c := range numbers {
			if c.first <= n && n <= c.last {
				return c.Collection
			}
		}
	}
	return Elsewhere
}

// LeftOut are photos of a table that are no records of the data set, and why.
type LeftOut struct {
	Why      string   `json:"why"`
	ImageIDs []string `json:"image_ids"` // sorted
}

// leaveOut keeps the records of HAM10000 of an export of the ISIC Archive, whose collection
// "HAM10000" also has the official validation and test photos. An export without any photo
// of HAM10000 is someone's own choice from the archive, and keeps all that have one of the
// seven diagnoses and are no validation or test photos.
func leaveOut(records []Record) (kept []Record, out []LeftOut) {
	whole := slices.ContainsFunc(records, func(r Record) bool { return CollectionOf(r.ImageID) == Training })
	byReason := make(map[string][]string)
	for _, r := range records {
		var why string
		switch c := CollectionOf(r.ImageID); {
		case c == Training:
		case c == Validation || c == Test, whole:
			why = string(c)
		case r.Dx == "":
			why = "photos without one of the seven diagnoses"
		}
		if why == "" {
			kept = append(kept, r)
		} else {
			byReason[why] = append(byReason[why], r.ImageID)
		}
	}
	for _, why := range []string{string(Validation), string(Test), string(Elsewhere), "photos without one of the seven diagnoses"} {
		if ids := byReason[why]; len(ids) > 0 {
			slices.Sort(ids)
			out = append(out, LeftOut{Why: why, ImageIDs: ids})
		}
	}
	return kept, out
}
