package ham10000

import (
	"fmt"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/internal/csvtable"
)

// archiveName is the name of the table in an export of the ISIC Archive by isic-cli.
const archiveName = "metadata.csv"

// linesName is the name of the table of a folder for the library datasets of Hugging Face,
// where it is not archiveName.
const linesName = "metadata.jsonl"

// The columns of an export of the ISIC Archive that records are made of; see
// [ReadMetadata]. An export has a column only if one of its photos has a value for it, so
// that all but the first two may be missing. Exports until 2024 have the diagnosis in the
// column "diagnosis" alone.
var (
	archiveRequired = []string{"isic_id", "lesion_id"}
	archiveOptional = []string{"age_approx", "anatom_site_general", "anatom_site_special", "diagnosis", "diagnosis_2", "diagnosis_3",
		"diagnosis_confirm_type", "image_manipulation", "sex"}
)

// diagnosisWords are names of the seven diagnoses, in small letters and with spaces between
// words: of the ISIC Archive, of the challenge and of the copies at Hugging Face. Bowen's
// disease, which HAM10000 has in akiec, is squamous cell carcinoma in the archive: so are
// 197 of the 327 photos of akiec.
var diagnosisWords = map[string]string{
	"solar or actinic keratosis": "akiec", "squamous cell carcinoma, nos": "akiec", "squamous cell carcinoma": "akiec", "actinic keratosis": "akiec",
	"actinic keratoses": "akiec", "actinic keratosis / bowen's disease": "akiec", "actinic keratoses and intraepithelial carcinoma": "akiec",
	"basal cell carcinoma":       "bcc",
	"pigmented benign keratosis": "bkl", "benign keratosis": "bkl", "benign keratosis like lesions": "bkl",
	"dermatofibroma": "df",
	"melanoma, nos":  "mel", "melanoma": "mel",
	"nevus": "nv", "melanocytic nevus": "nv", "melanocytic nevi": "nv",
	"benign soft tissue proliferations vascular": "vasc", "vascular lesion": "vasc", "vascular lesions": "vasc",
}

// DiagnosisOf returns the class that a text names: one of Classes in letters of any case,
// or one of the names that the archive and other copies of the data set have. ok is false
// for another text.
func DiagnosisOf(text string) (dx string, ok bool) {
	words := strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return strings.ContainsRune(" _-", r) }), " ")
	if slices.Contains(Classes, words) {
		return words, true
	}
	dx, ok = diagnosisWords[words]
	return dx, ok
}

// confirmations are the values of column dx_type by the beginning of the archive's
// diagnosis_confirm_type.
var confirmations = []struct{ archive, dxType string }{
	{"histopathology", "histo"},
	{"serial imaging", "follow_up"},
	{"single image expert consensus", "consensus"},
	{"confocal", "confocal"},
}

// archiveSites are the words of HAM10000 for the archive's sites. Only a posterior torso
// became of "back", and a foot or hand is told from the rest of the limb by the special
// site; CoarseSites are the ones that stay.
var archiveSites = map[string]string{
	"":                "unknown",
	"posterior torso": "back",
	"palms/soles":     "acral",
	"oral/genital":    "genital",
	"lateral torso":   "trunk",
	"lower extremity": "lower extremity", "lower extremity acral": "foot",
	"upper extremity": "upper extremity", "upper extremity acral": "hand",
	"anterior torso": "anterior torso",
	"head/neck":      "head/neck",
}

// siteOf translates the archive's columns anatom_site_general and anatom_site_special.
func siteOf(general, special string) (string, error) {
	key := strings.ToLower(general)
	if strings.HasSuffix(key, " extremity") && strings.HasPrefix(strings.ToLower(special), "acral") {
		key += " acral"
	}
	site, ok := archiveSites[key]
	if !ok {
		return "", fmt.Errorf("unknown site %q of the ISIC Archive", general)
	}
	return site, nil
}

// dxTypeOf translates a diagnosis_confirm_type; an unknown one stays as it is.
func dxTypeOf(confirmation string) string {
	confirmation = strings.TrimSpace(confirmation)
	for _, c := range confirmations {
		if strings.HasPrefix(strings.ToLower(confirmation), c.archive) {
			return c.dxType
		}
	}
	return strings.Clone(confirmation)
}

// isArchive reports whether a header is that of an export of the ISIC Archive.
func isArchive(header []string) bool {
	return slices.ContainsFunc(header, func(name string) bool { return strings.EqualFold(strings.TrimSpace(name), archiveRequired[0]) })
}

// readArchive reads an export of the ISIC Archive. Photos that are not of HAM10000 may have
// any diagnosis and site: those that HAM10000 has no word for are empty and unknown.
func readArchive(t *csvtable.Reader) ([]Record, error) {
	at, err := t.Columns(archiveRequired, archiveOptional...)
	if err != nil {
		return nil, err
	}
	diagnosed := []string{"diagnosis_3", "diagnosis_2", "diagnosis"}
	if !slices.ContainsFunc(diagnosed, func(column string) bool { _, ok := at[column]; return ok }) {
		return nil, t.Errorf("the header has no diagnosis: none of %s", strings.Join(diagnosed, ", "))
	}
	return readRecords(t, at, parseArchive)
}

// parseArchive makes a record of a row of an export.
func parseArchive(field func(column string) string) (rec Record, err error) {
	rec.ImageID, rec.LesionID = CanonicalID(field("isic_id")), CanonicalID(field("lesion_id"))
	if err := checkID(rec.ImageID); err != nil {
		return rec, csvtable.Errorf("isic_id", "%w", err)
	}
	collection := CollectionOf(rec.ImageID)
	strict := collection == Training
	if rec.LesionID == "" && collection == Elsewhere {
		rec.LesionID = rec.ImageID // no other photo is known to show it
	}
	if err := checkID(rec.LesionID); err != nil {
		return rec, csvtable.Errorf("lesion_id", "%w", err)
	}
	var words []string
	for _, column := range []string{"diagnosis_3", "diagnosis_2", "diagnosis"} {
		if text := field(column); text != "" {
			words = append(words, text)
			dx, ok := DiagnosisOf(text)
			if ok && dx == "akiec" && collection == Elsewhere && strings.HasPrefix(strings.ToLower(text), "squamous") {
				ok = false // Bowen's disease or invasive: only of HAM10000 it is known
			}
			if ok {
				rec.Dx = dx
				break
			}
			if column == "diagnosis_3" { // a finer diagnosis that is none of the seven
				break
			}
		}
	}
	if rec.Dx == "" && strict {
		return rec, csvtable.Errorf("diagnosis_3", "%q is none of the seven diagnoses", strings.Join(words, ", "))
	}
	rec.DxType = dxTypeOf(field("diagnosis_confirm_type"))
	if rec.Age, err = parseAge(field("age_approx")); err != nil {
		return rec, csvtable.Errorf("age_approx", "%w", err)
	}
	if rec.Sex, err = parseValue(strings.ToLower(field("sex")), Sexes); err != nil {
		return rec, csvtable.Errorf("sex", "%w", err)
	}
	if rec.Localization, err = siteOf(field("anatom_site_general"), field("anatom_site_special")); err != nil {
		if strict {
			return rec, csvtable.Errorf("anatom_site_general", "%w", err)
		}
		rec.Localization = Unknown
	}
	rec.Manipulation = field("image_manipulation")
	return rec, nil
}
