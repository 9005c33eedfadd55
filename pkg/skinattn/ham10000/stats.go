package ham10000

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
)

// ageBin is the width of the age histogram in years; the table's ages are
// rounded to it.
const ageBin = 5

// Stats are the distributions of a data set.
type Stats struct {
	All Distribution `json:"all"`
	// ByClass describes each class that occurs, in class order.
	ByClass []Distribution `json:"by_class"`
}

// Distribution describes the images of one diagnosis or of all diagnoses.
type Distribution struct {
	// Dx is one of Classes, or "all".
	Dx      string `json:"dx"`
	Images  int    `json:"images"`
	Lesions int    `json:"lesions"`
	// ImagesPerLesion counts lesions by their number of images, ascending.
	ImagesPerLesion []Count `json:"images_per_lesion"`
	// Sex, Localization, DxType and Dataset count images, by value in sorted order.
	Sex          []Count `json:"sex"`
	Localization []Count `json:"localization"`
	DxType       []Count `json:"dx_type"`
	Dataset      []Count `json:"dataset"`
	Age          Age     `json:"age"`
}

// Count is a value with the number of its occurrences.
type Count struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// Age is the distribution of the patients' ages over images.
type Age struct {
	Known   int `json:"known"`
	Missing int `json:"missing"`
	// Summary is nil if no age is known.
	Summary *AgeSummary `json:"summary"`
	// Histogram counts images by five years, from 0 to the highest age, without gaps.
	Histogram []AgeBin `json:"histogram"`
}

// AgeSummary gives the moments and the range of known ages, in years.
type AgeSummary struct {
	Mean float64 `json:"mean"`
	// Std is the population standard deviation (divisor n).
	Std float64 `json:"std"`
	Min float64 `json:"min"`
	Max float64 `json:"max"`
}

// AgeBin counts the images with From <= age < To, in years.
type AgeBin struct {
	From  int `json:"from"`
	To    int `json:"to"`
	Count int `json:"count"`
}

// Stats returns the distributions over all records and by class.
func (d *Dataset) Stats() *Stats {
	s := &Stats{All: distribution("all", d.Records), ByClass: []Distribution{}}
	for _, dx := range Classes {
		var records []Record
		for _, r := range d.Records {
			if r.Dx == dx {
				records = append(records, r)
			}
		}
		if len(records) > 0 {
			s.ByClass = append(s.ByClass, distribution(dx, records))
		}
	}
	return s
}

func distribution(dx string, records []Record) Distribution {
	lesions := make(map[string]int)
	for _, r := range records {
		lesions[r.LesionID]++
	}
	return Distribution{
		Dx: dx, Images: len(records), Lesions: len(lesions),
		ImagesPerLesion: countBy(slices.Collect(maps.Values(lesions)), strconv.Itoa),
		Sex:             countBy(records, func(r Record) string { return r.Sex }),
		Localization:    countBy(records, func(r Record) string { return r.Localization }),
		DxType:          countBy(records, func(r Record) string { return r.DxType }),
		Dataset:         countBy(records, func(r Record) string { return r.Dataset }),
		Age:             ages(records),
	}
}

// countBy counts items by value, in the order of the values, numbers as such.
func countBy[T any](items []T, value func(T) string) []Count {
	counts := make(map[string]int)
	for _, item := range items {
		counts[value(item)]++
	}
	list := make([]Count, 0, len(counts))
	for v, n := range counts {
		list = append(list, Count{Value: v, Count: n})
	}
	slices.SortFunc(list, func(a, b Count) int {
		x, _ := strconv.Atoi(a.Value)
		y, _ := strconv.Atoi(b.Value)
		return cmp.Or(cmp.Compare(x, y), cmp.Compare(a.Value, b.Value))
	})
	return list
}

func ages(records []Record) Age {
	age := Age{Histogram: []AgeBin{}}
	sum := AgeSummary{Min: math.Inf(1), Max: math.Inf(-1)}
	for _, r := range records {
		if !r.HasAge() {
			age.Missing++
			continue
		}
		age.Known++
		sum.Mean += r.Age
		sum.Min, sum.Max = min(sum.Min, r.Age), max(sum.Max, r.Age)
		bin := int(r.Age) / ageBin
		for len(age.Histogram) <= bin {
			from := len(age.Histogram) * ageBin
			age.Histogram = append(age.Histogram, AgeBin{From: from, To: from + ageBin})
		}
		age.Histogram[bin].Count++
	}
	if age.Known == 0 {
		return age
	}
	sum.Mean /= float64(age.Known)
	for _, r := range records {
		if r.HasAge() {
			sum.Std += (r.Age - sum.Mean) * (r.Age - sum.Mean)
		}
	}
	sum.Std = math.Sqrt(sum.Std / float64(age.Known))
	age.Summary = &sum
	return age
}
