package ham10000

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The tables have the columns of https://challenge.isic-archive.com/data/#2019; the rows are made up, but for the ids of HAM10000.
const (
	truthOf2019 = "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK\n" +
		"ISIC_0000000,0.0,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0\nISIC_0000001_downsampled,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0,0.0\n" +
		"ISIC_0024306,0.0,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0\nISIC_0024329,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0,0.0\n" +
		"ISIC_0024468,0.0,0.0,0.0,1.0,0.0,0.0,0.0,0.0,0.0\nISIC_0024370,0.0,0.0,0.0,0.0,0.0,0.0,1.0,0.0,0.0\nISIC_0053453,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0\n"
	metadataOf2019 = "image,age_approx,anatom_site_general,lesion_id,sex\n" +
		"ISIC_0000000,55.0,anterior torso,,female\nISIC_0000001_downsampled,,,MSK4_0011169,\n" +
		"ISIC_0024306,45.0,posterior torso,HAM_1,male\nISIC_0024329,75.0,lower extremity,HAM_2,female\n" +
		"ISIC_0024468,75.0,head/neck,HAM_3,male\nISIC_0024370,,,HAM_4,\nISIC_0053453,30.0,palms/soles,BCN_1,male\n"
)

func folderOf2019(t *testing.T, truth, metadata string) string {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "ISIC_2019_Training_GroundTruth.csv"), []byte(truth))
	if metadata != "" {
		write(t, filepath.Join(dir, "ISIC_2019_Training_Metadata.csv"), []byte(metadata))
	}
	write(t, filepath.Join(dir, "ISIC_2019_Training_Input", "ISIC_2019_Training_Input", "ISIC_0024306.jpg"), flat(t, 4, 3, 1, false))
	return dir
}

// Of ISIC 2019 HAM10000's photos are read, whose akiec is divided into AK and SCC there; the others are left out.
func TestOpenChallengeOf2019(t *testing.T) {
	d, err := Open(folderOf2019(t, truthOf2019, metadataOf2019))
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		id, lesion, dx, sex, site string
		age                       float64
	}{
		{"ISIC_0024306", "HAM_1", "nv", "male", "back", 45}, {"ISIC_0024329", "HAM_2", "akiec", "female", "lower extremity", 75},
		{"ISIC_0024468", "HAM_3", "akiec", "male", "head/neck", 75}, {"ISIC_0024370", "HAM_4", "vasc", Unknown, Unknown, math.NaN()},
	}
	if len(d.Records) != len(want) {
		t.Fatalf("%+v", d.Records)
	}
	for i, w := range want {
		if r := d.Records[i]; r.ImageID != w.id || r.LesionID != w.lesion || r.Dx != w.dx || r.Sex != w.sex || r.Localization != w.site || r.Age != w.age && r.HasAge() {
			t.Errorf("%+v, want %+v", r, w)
		}
	}
	if _, ok := d.ImagePath("ISIC_0024306"); !ok || len(d.LeftOut) != 1 || len(d.LeftOut[0].ImageIDs) != 3 || !d.Archive {
		t.Errorf("image %v, left out %+v", ok, d.LeftOut)
	}
	for what, tables := range map[string][2]string{
		"ISIC_0024306 has no row in":                     {strings.Replace(truthOf2019, "ISIC_0024306", "ISIC_0024307", 1), metadataOf2019},
		"is listed already":                              {truthOf2019 + "ISIC_0024306,0,1,0,0,0,0,0,0,0\n", metadataOf2019},
		"has the diagnosis basal cell carcinoma already": {strings.Replace(truthOf2019, "ISIC_0024306,0.0,1.0,0.0", "ISIC_0024306,0.0,1.0,1.0", 1), metadataOf2019},
		"neither 0 nor 1":                                {strings.Replace(truthOf2019, "ISIC_0024306,0.0", "ISIC_0024306,0.4", 1), metadataOf2019},
		"is none of the seven diagnoses":                 {strings.Replace(truthOf2019, "ISIC_0024306,0.0,1.0", "ISIC_0024306,0.0,0.0", 1), metadataOf2019},
		"the header lacks scc":                           {strings.Replace(truthOf2019, "SCC", "XXX", 1), metadataOf2019},
		"ISIC_2019_Training_GroundTruth.csv":             {truthOf2019, ""}, // named: the other table is not there
		"lesion HAM_1 is akiec here and nv in line 4":    {truthOf2019, strings.Replace(metadataOf2019, "HAM_2", "HAM_1", 1)},
	} {
		if _, err := Open(folderOf2019(t, tables[0], tables[1])); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want %q", err, what)
		}
	}
}

// A folder for the library datasets of Hugging Face: a table beside the photos, with their names in file_name, and one folder
// for each part.
func TestOpenImageFolder(t *testing.T) {
	const header = "file_name,lesion_id,dx,dx_type,age,sex,localization\n"
	dir := t.TempDir()
	write(t, filepath.Join(dir, "train", "metadata.csv"), []byte(header+"ISIC_0024306.jpg,HAM_1,nv,histo,45,male,back\nmore/ISIC_0024307.jpg,HAM_2,melanoma,histo,,female,face\n"))
	write(t, filepath.Join(dir, "train", "ISIC_0024306.jpg"), flat(t, 4, 3, 1, false))
	if d, err := Open(filepath.Join(dir, "train")); err != nil || len(d.Records) != 2 || d.Records[0].ImageID != "ISIC_0024306" || d.Records[1].ImageID != "ISIC_0024307" || d.Records[1].Dx != "mel" {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "but its folder train does") {
		t.Errorf("one part: %v", err)
	}
	write(t, filepath.Join(dir, "test", "metadata.csv"), []byte(header+"ISIC_0024308.jpg,HAM_3,nv,histo,45,male,back\n"))
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "but its folders test, train have a table each") {
		t.Errorf("two parts: %v", err)
	}
}

// The same folders with metadata.jsonl in place of metadata.csv, as Python's json writes it. A
// value that is missing may have no name in its line.
func TestOpenImageFolderOfLines(t *testing.T) {
	dir := t.TempDir()
	lines := `{"file_name": "more/ISIC_0024306.jpg", "lesion_id": "HAM_1", "dx": "nv", "dx_type": "histo", "age": 45.0, "sex": "male", "localization": "back"}` + "\n" +
		`{"file_name": "ISIC_0024307.jpg", "lesion_id": "HAM_2", "dx": "melanoma", "dx_type": "histo", "age": NaN, "sex": null}` + "\n"
	write(t, filepath.Join(dir, "train", "metadata.jsonl"), []byte(lines))
	write(t, filepath.Join(dir, "train", "more", "ISIC_0024306.jpg"), flat(t, 4, 3, 1, false))
	write(t, filepath.Join(dir, "train", "ISIC_0024307.jpg"), flat(t, 4, 3, 1, false))
	d, err := Open(filepath.Join(dir, "train"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Record{
		{ImageID: "ISIC_0024306", LesionID: "HAM_1", Dx: "nv", DxType: "histo", Age: 45, Sex: "male", Localization: "back"},
		{ImageID: "ISIC_0024307", LesionID: "HAM_2", Dx: "mel", DxType: "histo", Age: math.NaN(), Sex: "unknown", Localization: "unknown"},
	}
	if diff := cmp.Diff(want, d.Records, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := d.RequireImages(d.Records); err != nil {
		t.Error(err)
	}
	set, err := OpenTestSet(filepath.Join(dir, "train"), "")
	if err != nil || !set.HasTruth() || set.Records[1].Dx != "mel" {
		t.Errorf("as a test set: %+v, %v", set, err)
	}
	write(t, filepath.Join(dir, "test", "metadata.jsonl"), []byte(`{"file_name": "ISIC_0024308.jpg", "lesion_id": "HAM_3", "dx": "wart", "dx_type": "", "age": 45, "sex": "male", "localization": "back"}`))
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "but its folders test, train have a table each") {
		t.Errorf("two parts: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "test")); err == nil || !strings.Contains(err.Error(), "metadata.jsonl:1: column dx: ") {
		t.Errorf("a wrong diagnosis: %v", err)
	}
}
