package ham10000

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"
	"testing"
)

// One line a record, by hand; every field that a network or a split may depend on counts.
func TestMetadataHash(t *testing.T) {
	records := []Record{
		{ImageID: "ISIC_1", LesionID: "HAM_1", Dx: "nv", DxType: "histo", Age: 45, Sex: "male", Localization: "back", Dataset: "rosendahl"},
		{ImageID: "ISIC_2", LesionID: "HAM_2", Dx: "mel", Age: math.NaN(), Sex: "unknown", Localization: "unknown"},
	}
	want := sha256.Sum256([]byte("\"ISIC_1\" \"HAM_1\" \"nv\" 45 \"male\" \"back\"\n\"ISIC_2\" \"HAM_2\" \"mel\" NaN \"unknown\" \"unknown\"\n"))
	hash := func(records []Record) string { return (&Dataset{Records: records}).MetadataHash() }
	if got := hash(records); got != hex.EncodeToString(want[:]) {
		t.Errorf("%s, want %x", got, want)
	}
	for name, c := range map[string]struct {
		change func(r []Record)
		other  bool
	}{
		"age":                    {func(r []Record) { r[0].Age = 50 }, true},
		"missing age":            {func(r []Record) { r[1].Age = 0 }, true},
		"sex":                    {func(r []Record) { r[0].Sex = "female" }, true},
		"localization":           {func(r []Record) { r[0].Localization = "chest" }, true},
		"diagnosis":              {func(r []Record) { r[0].Dx = "bkl" }, true},
		"lesion":                 {func(r []Record) { r[0].LesionID = "HAM_2" }, true},
		"order":                  {func(r []Record) { r[0], r[1] = r[1], r[0] }, true},
		"how it was diagnosed":   {func(r []Record) { r[0].DxType = "consensus" }, false},
		"where it was collected": {func(r []Record) { r[0].Dataset = "" }, false},
	} {
		changed := slices.Clone(records)
		c.change(changed)
		if (hash(changed) != hash(records)) != c.other {
			t.Errorf("%s: changes the hash: %v, want %v", name, !c.other, c.other)
		}
	}
}
