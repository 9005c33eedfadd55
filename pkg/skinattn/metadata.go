package skinattn

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// Widths of the one-hot encodings: Keras's CategoryEncoding has a first place
// for values outside the vocabulary.
var (
	sexWidth          = 1 + len(ham10000.Sexes)
	localizationWidth = 1 + len(ham10000.Localizations)
	// MetadataWidth is the length of an encoded patient: age, sex, localization.
	MetadataWidth = 1 + sexWidth + localizationWidth
)

// Metadata describes a patient. The age NaN and empty strings stand for unknown values.
type Metadata struct {
	Age               float64 // years
	Sex, Localization string
}

// MetadataOf takes the metadata out of a record.
func MetadataOf(r ham10000.Record) Metadata {
	return Metadata{Age: r.Age, Sex: r.Sex, Localization: r.Localization}
}

// MaxAge is the greatest age that a patient is believed to have, in years.
const MaxAge = 130

// CheckAge returns an error for an age in years that is not in 0 to [MaxAge]. NaN, the
// unknown age, is none.
func CheckAge(age float64) error {
	if age < 0 || age > MaxAge {
		return fmt.Errorf("the age is %g; it must be in 0 to %d years", age, MaxAge)
	}
	return nil
}

// Unknown lists the fields that are not known: age, sex, localization.
func (m Metadata) Unknown() (fields []string) {
	if math.IsNaN(m.Age) {
		fields = append(fields, "age")
	}
	if m.Sex == "" || m.Sex == ham10000.Unknown {
		fields = append(fields, "sex")
	}
	if m.Localization == "" || m.Localization == ham10000.Unknown {
		fields = append(fields, "localization")
	}
	return fields
}

// Complete replaces unknown values: the age by meanAge, the mean of the training set, and
// empty words by "unknown". The error for a word that HAM10000 does not have lists the
// words that it has.
func (m Metadata) Complete(meanAge float64) (Metadata, error) {
	if math.IsNaN(m.Age) {
		m.Age = meanAge
	}
	var err error
	if m.Sex, err = known("sex", m.Sex, ham10000.Sexes); err != nil {
		return m, err
	}
	m.Localization, err = known("localization", m.Localization, ham10000.Sites())
	return m, err
}

func known(what, value string, vocabulary []string) (string, error) {
	if value == "" {
		return ham10000.Unknown, nil
	}
	if !slices.Contains(vocabulary, value) {
		return "", fmt.Errorf("%s %q is unknown; choose one of %s", what, value, strings.Join(vocabulary, ", "))
	}
	return value, nil
}

// EncodeMetadata encodes completed metadata, [len(rows) MetadataWidth]: the age in years,
// which the network normalises itself, then the one-hot words as Keras's StringLookup and
// CategoryEncoding give them. The vocabularies are HAM10000's; the authors took the words
// of their training part, which are the same unless the split puts all seven 'acral'
// images into the other part. A coarse site of the ISIC Archive has the shares of the words
// that it stands for; see [ham10000.SiteShares].
func EncodeMetadata(rows []Metadata) []float32 {
	encoded := make([]float32, len(rows)*MetadataWidth)
	for i, m := range rows {
		dst := row(encoded, i, MetadataWidth)
		dst[0] = float32(m.Age)
		dst[1+1+slices.Index(ham10000.Sexes, m.Sex)] = 1
		shares, _ := ham10000.SiteShares(m.Localization)
		copy(dst[1+sexWidth+1:], shares)
	}
	return encoded
}

// CompleteMetadata returns the metadata of records in their order, with meanAge
// (years) where an age is unknown. A record with a sex or localization that the
// data set does not have is an error that names its image.
func CompleteMetadata(records []ham10000.Record, meanAge float64) ([]Metadata, error) {
	metadata := make([]Metadata, len(records))
	for i, r := range records {
		var err error
		if metadata[i], err = MetadataOf(r).Complete(meanAge); err != nil {
			return nil, fmt.Errorf("image %s: %w", r.ImageID, err)
		}
	}
	return metadata, nil
}
