package ham10000

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStats(t *testing.T) {
	// By hand: ages 40, 44.9, 0 have mean 28.3 and population variance
	// ((11.7)^2+(16.6)^2+(28.3)^2)/3 = 404.4466...
	records := []Record{
		{ImageID: "1", LesionID: "A", Dx: "nv", DxType: "histo", Age: 40, Sex: "male", Localization: "back"},
		{ImageID: "2", LesionID: "A", Dx: "nv", DxType: "histo", Age: 44.9, Sex: "male", Localization: "back"},
		{ImageID: "3", LesionID: "B", Dx: "nv", DxType: "follow_up", Age: 0, Sex: "female", Localization: "abdomen"},
		{ImageID: "4", LesionID: "C", Dx: "df", DxType: "histo", Age: math.NaN(), Sex: "unknown", Localization: "back"},
	}
	for i := range 10 { // a lesion with ten images sorts after one with two
		records = append(records, Record{ImageID: "5" + string(rune('0'+i)), LesionID: "D", Dx: "df", DxType: "histo", Age: math.NaN(), Sex: "unknown", Localization: "back"})
	}
	s := (&Dataset{Records: records}).Stats()
	if len(s.ByClass) != 2 || s.ByClass[0].Dx != "df" || s.ByClass[1].Dx != "nv" {
		t.Fatalf("classes %+v", s.ByClass)
	}
	want := Distribution{
		Dx: "nv", Images: 3, Lesions: 2, ImagesPerLesion: []Count{{"1", 1}, {"2", 1}},
		Sex: []Count{{"female", 1}, {"male", 2}}, Localization: []Count{{"abdomen", 1}, {"back", 2}},
		DxType: []Count{{"follow_up", 1}, {"histo", 2}}, Dataset: []Count{{"", 3}},
		Age: Age{Known: 3, Summary: &AgeSummary{Mean: 28.3, Std: math.Sqrt(404.4466666666667), Min: 0, Max: 44.9},
			Histogram: []AgeBin{{0, 5, 1}, {5, 10, 0}, {10, 15, 0}, {15, 20, 0}, {20, 25, 0}, {25, 30, 0}, {30, 35, 0}, {35, 40, 0}, {40, 45, 2}}},
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })
	if diff := cmp.Diff(want, s.ByClass[1], near); diff != "" {
		t.Errorf("nv (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Count{{"1", 2}, {"2", 1}, {"10", 1}}, s.All.ImagesPerLesion); diff != "" {
		t.Errorf("images per lesion (-want +got):\n%s", diff)
	}
	df := s.ByClass[0].Age
	if df.Known != 0 || df.Missing != 11 || df.Summary != nil || s.All.Images != 14 || s.All.Dx != "all" {
		t.Errorf("df ages %+v, all %d images", df, s.All.Images)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatalf("statistics with missing ages as JSON: %v", err)
	}
	if !strings.Contains(string(text), `"age":{"known":0,"missing":11,"summary":null,"histogram":[]}`) {
		t.Errorf("JSON: %s", text)
	}
}
