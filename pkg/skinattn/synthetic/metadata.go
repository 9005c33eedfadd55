package synthetic

import (
	"math"
	"math/rand/v2"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// weighted is a value with its relative frequency.
type weighted struct {
	value  string
	weight float64
}

// patients describes the patients and the body sites of a class, with the means and
// frequencies of the real HAM10000 metadata (without rare sites).
type patients struct {
	age, ageSpread float64 // years, mean and standard deviation
	male           float64 // probability
	sites          []weighted
	dxTypes        []weighted
}

// ageFocus narrows the real spread of ages a little, so that a few hundred
// photos are enough to show that metadata helps.
const ageFocus = 0.7

var byHistology = []weighted{{"histo", 1}}

var classPatients = map[string]patients{
	"akiec": {66.5, 11.5, 0.68, []weighted{{"face", 346}, {"lower extremity", 199}, {"upper extremity", 190}, {"back", 89}, {"scalp", 43}, {"hand", 40}, {"chest", 37}, {"neck", 31}, {"abdomen", 15}, {"ear", 9}}, byHistology},
	"bcc":   {66.8, 13.6, 0.62, []weighted{{"back", 362}, {"face", 196}, {"lower extremity", 113}, {"upper extremity", 95}, {"chest", 91}, {"scalp", 37}, {"abdomen", 35}, {"neck", 27}, {"trunk", 21}}, byHistology},
	"bkl":   {64.3, 14.1, 0.57, []weighted{{"face", 290}, {"back", 184}, {"lower extremity", 158}, {"upper extremity", 95}, {"chest", 67}, {"trunk", 66}, {"abdomen", 38}, {"scalp", 31}, {"neck", 28}, {"hand", 13}}, []weighted{{"histo", 70}, {"consensus", 24}, {"confocal", 6}}},
	"df":    {53.0, 13.5, 0.55, []weighted{{"lower extremity", 713}, {"upper extremity", 209}, {"abdomen", 35}, {"back", 17}, {"foot", 17}}, []weighted{{"histo", 48}, {"consensus", 52}}},
	"mel":   {60.7, 15.2, 0.62, []weighted{{"back", 291}, {"upper extremity", 191}, {"lower extremity", 173}, {"face", 93}, {"chest", 61}, {"abdomen", 59}, {"trunk", 42}, {"neck", 26}, {"foot", 25}, {"ear", 15}, {"scalp", 13}}, byHistology},
	"nv":    {46.5, 15.2, 0.51, []weighted{{"lower extremity", 221}, {"back", 213}, {"trunk", 185}, {"abdomen", 128}, {"upper extremity", 98}, {"foot", 42}, {"chest", 30}, {"face", 15}, {"neck", 12}, {"hand", 8}, {"genital", 7}, {"scalp", 7}, {"ear", 4}, {"acral", 1}}, []weighted{{"follow_up", 55}, {"histo", 37}, {"consensus", 8}}},
	"vasc":  {51.4, 21.6, 0.49, []weighted{{"trunk", 218}, {"lower extremity", 190}, {"abdomen", 190}, {"back", 155}, {"upper extremity", 77}, {"face", 56}, {"chest", 42}, {"hand", 35}, {"neck", 21}, {"scalp", 14}}, []weighted{{"histo", 47}, {"consensus", 53}}},
}

// newRecord draws the metadata of a lesion of class dx, without ids.
func newRecord(rng *rand.Rand, dx string) ham10000.Record {
	who := classPatients[dx]
	record := ham10000.Record{
		Dx:           dx,
		DxType:       pick(rng, who.dxTypes),
		Age:          math.Min(math.Max(5*math.Round((who.age+ageFocus*who.ageSpread*rng.NormFloat64())/5), 5), 85),
		Sex:          "female",
		Localization: pick(rng, who.sites),
		Dataset:      "synthetic",
	}
	if chance(rng, who.male) {
		record.Sex = "male"
	}
	// As in the real table, missing values mostly occur together.
	if chance(rng, 0.015) {
		record.Age = math.NaN()
		record.Sex = ham10000.Unknown
		if chance(rng, 0.8) {
			record.Localization = ham10000.Unknown
		}
	}
	if chance(rng, 0.02) {
		record.Localization = ham10000.Unknown
	}
	return record
}

// pick draws a value by weight.
func pick(rng *rand.Rand, values []weighted) string {
	total := 0.0
	for _, v := range values {
		total += v.weight
	}
	x := total * rng.Float64()
	for _, v := range values {
		if x -= v.weight; x < 0 {
			return v.value
		}
	}
	return values[len(values)-1].value
}
