package ham10000

import (
	"fmt"
	"slices"
	"strings"
)

// NumClasses is the number of diagnoses, len(Classes).
const NumClasses = 7

// Classes are the diagnoses (column dx) in the order of every probability
// vector, confusion matrix and table of this project: index 0 to 6. It is the
// alphabetical order that the paper's label encoder gives.
var Classes = []string{"akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"}

// Sexes are the values of column sex, sorted.
var Sexes = []string{"female", "male", "unknown"}

// Localizations are the values of column localization, sorted.
var Localizations = []string{
	"abdomen", "acral", "back", "chest", "ear", "face", "foot", "genital", "hand",
	"lower extremity", "neck", "scalp", "trunk", "unknown", "upper extremity",
}

// Unknown is the value of a sex or localization that is not known.
const Unknown = "unknown"

var classNames = map[string]string{
	"akiec": "actinic keratosis / Bowen's disease",
	"bcc":   "basal cell carcinoma",
	"bkl":   "benign keratosis",
	"df":    "dermatofibroma",
	"mel":   "melanoma",
	"nv":    "melanocytic nevus",
	"vasc":  "vascular lesion",
}

// ClassIndex returns the position of the diagnosis dx in [Classes]; the error
// for any other text lists the known ones.
func ClassIndex(dx string) (int, error) {
	if i := slices.Index(Classes, dx); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("unknown diagnosis %q; known are %s", dx, strings.Join(Classes, ", "))
}

// ClassName returns the name of the diagnosis dx as figures and reports spell
// it out, such as "melanocytic nevus" for nv, and dx itself if it is unknown.
func ClassName(dx string) string {
	if name, ok := classNames[dx]; ok {
		return name
	}
	return dx
}
