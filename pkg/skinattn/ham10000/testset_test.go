package ham10000

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const oneHot = "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\n"

// photos makes a folder of test photos with numbers 1 to n.
func photos(t *testing.T, dir string, n int) {
	t.Helper()
	for i := range n {
		write(t, filepath.Join(dir, "ISIC_000000"+string(rune('1'+i))+".jpg"), flat(t, 4, 3, 9, false))
	}
}

// Each place where the archives of ISIC and people's own folders have the table.
func TestTestSetFindsItsTruth(t *testing.T) {
	two := oneHot + "ISIC_0000002,0.0,1.0,0.0,0.0,0.0,0.0,0.0\nISIC_0000001.jpg,0,0,0,1,0,0,0\n"
	for _, place := range []string{
		"input/ISIC2018_Task3_Validation_GroundTruth.csv",
		"input/deeper/ISIC2018_Task3_Test_GroundTruth.csv",
		"ISIC2018_Task3_Validation_GroundTruth.csv",
		"ISIC2018_Task3_Validation_GroundTruth/ISIC2018_Task3_Validation_GroundTruth.csv",
	} {
		dir := t.TempDir()
		photos(t, filepath.Join(dir, "input"), 2)
		write(t, filepath.Join(dir, place), []byte(two))
		// Tables of other photos, and other files, are passed over.
		write(t, filepath.Join(dir, "HAM10000_metadata.csv"), []byte(header8+"HAM_1,ISIC_0000009,nv,histo,40,male,back,x\n"))
		write(t, filepath.Join(dir, "ISIC2018_Task1_GroundTruth.txt"), []byte("none"))
		set, err := OpenTestSet(filepath.Join(dir, "input"), "")
		if err != nil {
			t.Errorf("%s: %v", place, err)
			continue
		}
		if set.MetadataFile != filepath.Join(dir, place) || set.HasLesions() || set.HasMetadata() || !set.HasTruth() || set.Unlisted != nil || set.NeverReleased {
			t.Errorf("%s: %+v", place, set)
		}
		var got []string
		for _, r := range set.Records {
			got = append(got, r.ImageID+" "+r.Dx)
			if r.LesionID != "" || !math.IsNaN(r.Age) || r.Sex != Unknown || r.Localization != Unknown {
				t.Errorf("%+v", r)
			}
		}
		if want := []string{"ISIC_0000002 nv", "ISIC_0000001 akiec"}; !slices.Equal(got, want) {
			t.Errorf("records %v, want %v", got, want)
		}
	}
}

func TestTestSetOfAMetadataTable(t *testing.T) {
	dir := t.TempDir()
	photos(t, dir, 3)
	write(t, filepath.Join(dir, "ISIC2018_Task3_Test_GroundTruth.csv"), []byte(header8+
		"HAM_1,ISIC_0000001,nv,histo,40,male,back,x\nHAM_2,ISIC_0000003,mel,histo,,,,x\nHAM_3,"+NeverReleased+",nv,histo,40,male,back,x\n"))
	set, err := OpenTestSet(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Records) != 2 || set.Records[0].Age != 40 || set.Records[1].LesionID != "HAM_2" || !set.HasLesions() || !set.HasMetadata() ||
		!set.NeverReleased || !slices.Equal(set.Unlisted, []string{"ISIC_0000002"}) {
		t.Errorf("%+v", set)
	}
}

func TestTestSetWithoutTruth(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "input")
	photos(t, dir, 2)
	set, err := OpenTestSet(dir, "")
	if err != nil || len(set.Records) != 2 || set.Records[1].ImageID != "ISIC_0000002" || set.HasTruth() || set.MetadataFile != "" {
		t.Errorf("%+v, %v", set, err)
	}
}

func TestTestSetMistakes(t *testing.T) {
	dir := t.TempDir()
	input := filepath.Join(dir, "input")
	photos(t, input, 2)
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		write(t, path, []byte(text))
		return path
	}
	row := "ISIC_0000001,0,1,0,0,0,0,0\n"
	for _, c := range []struct{ name, dir, truth, says string }{
		{"no folder", filepath.Join(dir, "none"), "", "none"},
		{"a file", file("file", ""), "", "is a file"},
		{"no photo", filepath.Dir(file("empty/readme.txt", "")), "", "holds no photo"},
		{"two diagnoses", input, file("a.csv", oneHot+"ISIC_0000001,1,1,0,0,0,0,0\n"), "a.csv:2: column NV: ISIC_0000001 has the diagnosis mel already"},
		{"no diagnosis", input, file("b.csv", oneHot+row+"ISIC_0000002,0,0,0,0,0,0,0\n"), "b.csv:3: no diagnosis of ISIC_0000002"},
		{"half a diagnosis", input, file("c.csv", oneHot+"ISIC_0000001,.5,0,0,0,0,0,0\n"), `c.csv:2: column MEL: ".5" is neither 0 nor 1`},
		{"twice", input, file("d.csv", oneHot+row+row), "d.csv:3: column image: ISIC_0000001 is listed already in line 2"},
		{"ISIC 2019", input, file("e.csv", "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK\n"), "the header lacks AKIEC"},
		{"another table", input, file("f.csv", "id,label\n1,nv\n"), "neither the columns of a ground truth"},
		{"other photos", input, file("g.csv", oneHot+"ISIC_0000009,0,1,0,0,0,0,0\n"), "g.csv lists no photo of " + input},
		{"a photo too few", input, file("h.csv", oneHot+row+"ISIC_0000009,0,1,0,0,0,0,0\n"), "1 of 2 images are missing (ISIC_0000009)"},
		{"empty", input, file("i.csv", ""), "the file is empty"},
		{"header alone", input, file("j.csv", oneHot), "no rows below the header"},
	} {
		if set, err := OpenTestSet(c.dir, c.truth); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %+v, %v; want an error with %q", c.name, set, err, c.says)
		}
	}
	if _, err := OpenTestSet("", ""); !errors.Is(err, ErrNoFolder) {
		t.Error(err)
	}
	for _, name := range []string{"A_GroundTruth.csv", "B_GroundTruth.csv"} {
		write(t, filepath.Join(input, name), []byte(oneHot+row))
	}
	var ambiguous *AmbiguousTruthError
	if _, err := OpenTestSet(input, ""); !errors.As(err, &ambiguous) || len(ambiguous.Tables) != 2 {
		t.Error(err)
	}
	// A table that is found and can't be read is an error, not a set without truth.
	broken := filepath.Join(dir, "other", "input")
	photos(t, broken, 1)
	write(t, filepath.Join(dir, "other", "X_GroundTruth.csv"), []byte(oneHot+"ISIC_0000001,x,0,0,0,0,0,0\n"))
	if _, err := OpenTestSet(broken, ""); err == nil || !strings.Contains(err.Error(), "X_GroundTruth.csv:2") {
		t.Error(err)
	}
}

// The official validation photos of ISIC 2018. None is in HAM10000.
func TestOfficialValidationPhotos(t *testing.T) {
	root := os.Getenv("SKINATTN_DATA")
	dir := filepath.Join(root, "isic2018_val")
	if _, err := os.Stat(dir); root == "" || err != nil {
		t.Skip("$SKINATTN_DATA has no folder isic2018_val")
	}
	set, err := OpenTestSet(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, r := range set.Records {
		counts[r.Dx]++
	}
	// Counted with awk in the ground truth.
	want := map[string]int{"akiec": 8, "bcc": 15, "bkl": 22, "df": 1, "mel": 21, "nv": 123, "vasc": 3}
	if len(set.Records) != 193 {
		t.Errorf("%d photos", len(set.Records))
	}
	for class, n := range want {
		if counts[class] != n {
			t.Errorf("%d photos of %s, want %d", counts[class], class, n)
		}
	}
	data, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range data.Records {
		if _, also := set.ImagePath(r.ImageID); also {
			t.Errorf("%s is in HAM10000, too", r.ImageID)
		}
	}
}

// In an export of the ISIC Archive, all three collections lie in one folder. The table is
// written by hand after its form.
func TestTestSetOfAnArchiveExport(t *testing.T) {
	dir := t.TempDir()
	row := func(id string) string {
		return id + ",IL_" + id + ",45,head/neck,,Benign,x,Nevus,histopathology,male\n"
	}
	ids := []string{"ISIC_0024306", "ISIC_0024307", "ISIC_0034321", "ISIC_0034524"}
	table := archiveHeader
	for _, id := range ids {
		table += row(id)
		write(t, filepath.Join(dir, id+".jpg"), nil)
	}
	write(t, filepath.Join(dir, "metadata.csv"), []byte(table))
	set, err := OpenTestSet(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Records) != 1 || set.Records[0].ImageID != "ISIC_0034524" || set.Records[0].Dx != "nv" || len(set.Unlisted) != 0 {
		t.Errorf("records %+v, unlisted %q", set.Records, set.Unlisted)
	}
	want := []LeftOut{{string(Validation), ids[2:3]}, {string(Training), ids[:2]}}
	if diff := cmp.Diff(want, set.LeftOut); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
}
