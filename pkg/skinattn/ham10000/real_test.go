package ham10000

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func openReal(t *testing.T) *Dataset {
	t.Helper()
	dir := os.Getenv("SKINATTN_DATA")
	if dir == "" {
		t.Skip("SKINATTN_DATA is not set to a HAM10000 folder")
	}
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Records) != published.images {
		t.Skipf("%s has %d records, not the published %d", dir, len(d.Records), published.images)
	}
	return d
}

// The numbers come from the data set's paper, the classification paper's notebooks
// (pandas' describe and value_counts) and the Dataverse page.
func TestRealMetadata(t *testing.T) {
	d := openReal(t)
	if err := d.RequireImages(d.Records); err != nil {
		t.Error(err)
	}
	all := d.Stats().All
	if all.Lesions != 7470 || all.ImagesPerLesion[0] != (Count{"1", 5514}) {
		t.Errorf("%d lesions, %v", all.Lesions, all.ImagesPerLesion)
	}
	if diff := cmp.Diff([]Count{{"female", 4552}, {"male", 5406}, {"unknown", 57}}, all.Sex); diff != "" {
		t.Errorf("sex (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Count{{"confocal", 69}, {"consensus", 902}, {"follow_up", 3704}, {"histo", 5340}}, all.DxType); diff != "" {
		t.Errorf("dx_type (-want +got):\n%s", diff)
	}
	sites := []Count{
		{"abdomen", 1022}, {"acral", 7}, {"back", 2192}, {"chest", 407}, {"ear", 56}, {"face", 745}, {"foot", 319}, {"genital", 48}, {"hand", 90},
		{"lower extremity", 2077}, {"neck", 168}, {"scalp", 128}, {"trunk", 1404}, {"unknown", 234}, {"upper extremity", 1118},
	}
	if diff := cmp.Diff(sites, all.Localization); diff != "" {
		t.Errorf("localization (-want +got):\n%s", diff)
	}
	age := all.Age
	if age.Known != 9958 || age.Missing != 57 || age.Histogram[0].Count != 39 || age.Summary.Max != 85 ||
		math.Abs(age.Summary.Mean-51.8638) > 5e-5 || math.Abs(age.Summary.Std-16.9678) > 5e-5 {
		t.Errorf("ages %+v, %+v", age, *age.Summary)
	}
	for _, class := range d.Stats().ByClass {
		if class.Images != published.byClass[class.Dx] {
			t.Errorf("%d images of %s", class.Images, class.Dx)
		}
	}
	for _, r := range d.Records {
		if r.DxType == "follow_up" && r.Dx != "nv" {
			t.Fatalf("%s is followed up and %s; dx_type would be no giveaway", r.ImageID, r.Dx)
		}
	}
}

// A sample with both of the pairs of identical photos that the published set holds.
func TestRealCheckFindsIdenticalPhotos(t *testing.T) {
	whole := openReal(t)
	pairs := [][]string{{"ISIC_0024366", "ISIC_0029861"}, {"ISIC_0024777", "ISIC_0029938"}}
	inPair := map[string]bool{pairs[0][0]: true, pairs[0][1]: true, pairs[1][0]: true, pairs[1][1]: true}
	dir := t.TempDir()
	var sample []Record
	for i, r := range whole.Records {
		if i%100 != 0 && !inPair[r.ImageID] {
			continue
		}
		path, ok := whole.ImagePath(r.ImageID)
		if !ok {
			t.Fatalf("%s has no file", r.ImageID)
		}
		path, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, filepath.Base(path))); err != nil {
			t.Fatal(err)
		}
		sample = append(sample, r)
	}
	if err := WriteMetadata(filepath.Join(dir, "HAM10000_metadata.csv"), sample); err != nil {
		t.Fatal(err)
	}
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Check(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(pairs, r.Duplicates); diff != "" {
		t.Errorf("duplicates (-want +got):\n%s", diff)
	}
	if !r.OK || len(r.WrongSize) > 0 || r.Complete {
		t.Errorf("ok %v, wrong size %v, complete %v", r.OK, r.WrongSize, r.Complete)
	}
}
