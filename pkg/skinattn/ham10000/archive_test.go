package ham10000

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/skinattn/skinattn/internal/testdisk"
)

// The tables of these tests are written by hand after exports of the ISIC Archive's
// collection HAM10000: its columns, words and their meaning are those that isic-cli 12.4
// gives; what a photo has is made up.
const (
	archiveColumns = "isic_id,lesion_id,age_approx,anatom_site_general,anatom_site_special,diagnosis_1,diagnosis_2,diagnosis_3,diagnosis_confirm_type,sex"
	archiveHeader  = archiveColumns + "\n"
)

func TestReadArchive(t *testing.T) {
	const vascular = "Benign soft tissue proliferations - Vascular"
	for row, want := range map[string]Record{
		"IL_1,45,,,Benign,Benign melanocytic proliferations,Nevus,serial imaging showing no change,male": {
			LesionID: "IL_1", Dx: "nv", DxType: "follow_up", Age: 45, Sex: "male", Localization: "unknown"},
		"IL_1,50.0,lower extremity,,Benign,x,Pigmented benign keratosis,single image expert consensus,female": {
			LesionID: "IL_1", Dx: "bkl", DxType: "consensus", Age: 50, Sex: "female", Localization: "lower extremity"},
		`IL_1,,anterior torso,,Malignant,x,"Melanoma, NOS",histopathology,`: {
			LesionID: "IL_1", Dx: "mel", DxType: "histo", Age: math.NaN(), Sex: "unknown", Localization: "anterior torso"},
		"IL_1,85,head/neck,,Malignant,x,Basal cell carcinoma,histopathology,male": {
			LesionID: "IL_1", Dx: "bcc", DxType: "histo", Age: 85, Sex: "male", Localization: "head/neck"},
		"IL_1,85,posterior torso,,Benign,x,Dermatofibroma,confocal microscopy with consensus dermoscopy,male": {
			LesionID: "IL_1", Dx: "df", DxType: "confocal", Age: 85, Sex: "male", Localization: "back"},
		"IL_1,85,upper extremity,acral NOS,Indeterminate,x,Solar or actinic keratosis,histopathology,male": {
			LesionID: "IL_1", Dx: "akiec", DxType: "histo", Age: 85, Sex: "male", Localization: "hand"},
		`IL_1,85,lower extremity,acral NOS,Malignant,x,"Squamous cell carcinoma, NOS",histopathology,male`: {
			LesionID: "IL_1", Dx: "akiec", DxType: "histo", Age: 85, Sex: "male", Localization: "foot"},
		"IL_1,85,palms/soles,,Benign," + vascular + ",,single image expert consensus,male": {
			LesionID: "IL_1", Dx: "vasc", DxType: "consensus", Age: 85, Sex: "male", Localization: "acral"},
		"IL_1,85,oral/genital,,Benign," + vascular + ",,,male": {
			LesionID: "IL_1", Dx: "vasc", DxType: "", Age: 85, Sex: "male", Localization: "genital"},
		"IL_1,85,upper extremity,,Benign," + vascular + ",,,male": {
			LesionID: "IL_1", Dx: "vasc", DxType: "", Age: 85, Sex: "male", Localization: "upper extremity"},
	} {
		want.ImageID = "ISIC_0024306"
		got, err := parse(archiveHeader + "ISIC_0024306," + row + "\n")
		if err != nil {
			t.Errorf("%s: %v", row, err)
		} else if diff := cmp.Diff([]Record{want}, got, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row, diff)
		}
	}
}

// A selection has the columns for which one of its photos has a value; exports until 2024
// had one column for the diagnosis.
func TestReadArchiveSelections(t *testing.T) {
	want := Record{ImageID: "ISIC_0024306", LesionID: "IL_1", Dx: "vasc", Age: math.NaN(), Sex: "unknown", Localization: "unknown"}
	for _, text := range []string{
		"diagnosis_2,isic_id,lesion_id\nBenign soft tissue proliferations - Vascular,ISIC_0024306,IL_1\n",
		"isic_id,diagnosis,lesion_id\nISIC_0024306,vascular lesion,IL_1\n",
	} {
		if got, err := parse(text); err != nil || !cmp.Equal(got, []Record{want}, cmpopts.EquateNaNs()) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestReadArchiveErrors(t *testing.T) {
	row := "ISIC_0024306,IL_1,45,,,Benign,x,Nevus,histopathology,male\n"
	for text, want := range map[string]string{
		"isic_id,diagnosis_3\nISIC_0024306,Nevus\n":                                                             "meta.csv:1: the header lacks lesion_id",
		"isic_id,lesion_id\nISIC_0024306,IL_1\n":                                                                "meta.csv:1: the header has no diagnosis",
		archiveHeader + strings.Replace(row, "Nevus", "Wart", 1):                                                `meta.csv:2: column diagnosis_3: "Wart" is none of the seven diagnoses`,
		archiveHeader + strings.Replace(row, "x,Nevus", ",", 1):                                                 `meta.csv:2: column diagnosis_3: "" is none of the seven diagnoses`,
		archiveHeader + strings.Replace(row, "45,,", "45,knee,", 1):                                             `meta.csv:2: column anatom_site_general: unknown site "knee" of the ISIC Archive`,
		archiveHeader + strings.Replace(row, "IL_1", "", 1):                                                     "meta.csv:2: column lesion_id: the field is empty",
		archiveHeader + strings.Replace(row, "45", "old", 1):                                                    `meta.csv:2: column age_approx: "old" is not an age`,
		archiveHeader + strings.Replace(row, "male", "yes", 1):                                                  `meta.csv:2: column sex: unknown value "yes"`,
		archiveHeader + row + row:                                                                               "ISIC_0024306 is listed already in line 2",
		archiveHeader + row + strings.NewReplacer("24306", "24307", "x,Nevus", "x,Dermatofibroma").Replace(row): "lesion IL_1 is df here and nv in line 2",
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestOpenArchive(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "metadata.csv"), []byte("attribution,"+archiveColumns+",image_manipulation\n"+
		"V,ISIC_0024306,IL_1,45,anterior torso,,Benign,x,Nevus,histopathology,male,\n"+
		"V,ISIC_0034320,IL_2,45,head/neck,,Benign,x,Nevus,histopathology,male,synthetic\n"+
		"V,ISIC_0034321,IL_3,45,,,Benign,x,Nevus,histopathology,male,\n"+
		"V,ISIC_0036064,IL_4,45,,,Malignant,x,Melanoma Invasive,histopathology,male,\n"+
		"V,ISIC_0034524,IL_4,45,,,Malignant,x,Melanoma Invasive,histopathology,male,\n"+
		"V,ISIC_0053453,,45,lateral torso,,,,,,,\n"))
	write(t, filepath.Join(dir, "attribution.txt"), []byte("V\n"))
	write(t, filepath.Join(dir, "licenses", "CC-BY-NC.txt"), nil)
	for _, id := range []string{"0024306", "0034320", "0034321", "0034524", "0036064", "0053453", "0099999"} {
		write(t, filepath.Join(dir, "ISIC_"+id+".jpg"), flat(t, 4, 3, uint8(id[6]), false))
	}
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Records) != 2 || d.Records[1].ImageID != "ISIC_0034320" || !d.Archive {
		t.Errorf("records %+v, archive %v", d.Records, d.Archive)
	}
	left := []LeftOut{{string(Validation), []string{"ISIC_0034321"}}, {string(Test), []string{"ISIC_0034524", "ISIC_0036064"}}, {string(Elsewhere), []string{"ISIC_0053453"}}}
	if diff := cmp.Diff(left, d.LeftOut); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
	notes := strings.Join(d.Notes(), "\n")
	for _, want := range []string{
		"left out of HAM10000: 1 rows of " + d.MetadataFile + ", the validation photos of ISIC 2018",
		"left out of HAM10000: 2 rows of " + d.MetadataFile + ", the test photos of ISIC 2018",
		`the site of 1 photos is "anterior torso", as the ISIC Archive has it: a network is told abdomen or chest, each by its share`,
		`the site of 1 photos is "head/neck"`,
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes lack %q:\n%s", want, notes)
		}
	}
	if err := d.RequireImages(d.Records); err != nil {
		t.Error(err)
	}
	r, err := d.Check(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]FolderFiles{{Folder: ".", ImageIDs: []string{"ISIC_0099999"}}}, r.ExtraByFolder); diff != "" {
		t.Errorf("extra (-want +got):\n%s", diff)
	}
	if !r.OK || len(r.Manipulated) != 1 || r.Manipulated[0].Problem != "synthetic" || r.CoarseSites["head/neck"] != 1 {
		t.Errorf("report %+v", r)
	}

	// Beside the published table, the archive's is not needed.
	write(t, filepath.Join(dir, "HAM10000_metadata.csv"), []byte(header8+"HAM_1,ISIC_0024306,nv,histo,40,male,chest,x\n"))
	if d, err := Open(dir); err != nil || d.Archive || len(d.Records) != 1 || d.Records[0].Localization != "chest" {
		t.Errorf("beside the published table: %+v, %v", d, err)
	}
}

// A selection of other photos is taken as it is, without those that have none of the seven
// diagnoses. Outside HAM10000 a squamous cell carcinoma may be an invasive one.
func TestOpenArchiveOfOtherPhotos(t *testing.T) {
	dir := t.TempDir()
	table := archiveHeader +
		"ISIC_0053453,,45,lateral torso,,Benign,x,Nevus,histopathology,male\n" +
		"ISIC_0053454,IL_9,45,somewhere,,Benign,x,Wart,histopathology,male\n" +
		"ISIC_0053455,IL_9,45,,,Malignant,x,\"Squamous cell carcinoma, NOS\",histopathology,male\n"
	write(t, filepath.Join(dir, "isic_selection.csv"), []byte(table))
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []Record{{ImageID: "ISIC_0053453", LesionID: "ISIC_0053453", Dx: "nv", DxType: "histo", Age: 45, Sex: "male", Localization: "trunk"}}
	if diff := cmp.Diff(want, d.Records); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(d.LeftOut) != 1 || len(d.LeftOut[0].ImageIDs) != 2 || !strings.Contains(strings.Join(d.Notes(), ";"), "without HAM10000: 1 other photos") {
		t.Errorf("left out %+v, notes %q", d.LeftOut, d.Notes())
	}
	// The official test alone is no HAM10000.
	write(t, filepath.Join(dir, "isic_selection.csv"), []byte(archiveHeader+"ISIC_0034524,IL_3,45,,,Benign,x,Nevus,histopathology,male\n"))
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "lists no photo of HAM10000, but 1 the test photos of ISIC 2018") {
		t.Errorf("the test alone: %v", err)
	}
	write(t, filepath.Join(dir, "again.csv"), []byte(table))
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "several metadata tables: again.csv, isic_selection.csv") {
		t.Errorf("two tables: %v", err)
	}
}

// The shares are worked by hand from the published counts.
func TestSiteShares(t *testing.T) {
	for site, want := range map[string]map[string]float64{
		"back":           {"back": 1},
		"unknown":        {"unknown": 1},
		"anterior torso": {"abdomen": 1022. / 1429, "chest": 407. / 1429},
		"head/neck":      {"face": 745. / 1097, "ear": 56. / 1097, "neck": 168. / 1097, "scalp": 128. / 1097},
	} {
		shares, ok := SiteShares(site)
		if !ok || len(shares) != len(Localizations) {
			t.Fatalf("%s: %v, %v", site, shares, ok)
		}
		for i, word := range Localizations {
			if math.Abs(float64(shares[i])-want[word]) > 1e-7 {
				t.Errorf("%s: %s has %v, want %v", site, word, shares[i], want[word])
			}
		}
	}
	if _, ok := SiteShares("knee"); ok {
		t.Error("a knee has shares")
	}
	for _, site := range Sites() {
		if _, ok := SiteShares(site); !ok {
			t.Errorf("%s has no shares", site)
		}
	}
}

func TestCanonicalID(t *testing.T) {
	for id, want := range map[string]string{
		"ISIC_0027419": "ISIC_0027419", "isic_0027419": "ISIC_0027419", " Isic_0027419.JPG ": "ISIC_0027419", "ISIC_0027419.jpg.png": "ISIC_0027419",
		"ham_0000118": "HAM_0000118", "IL_7252831": "IL_7252831", "isic_": "isic_", "isic_12a": "isic_12a", "lesion.1": "lesion.1", ".jpg": "", "x.webp": "x",
		"HAM10000_images_part_1/ISIC_0027419.jpg": "ISIC_0027419", `images\isic_0027419.jpg`: "ISIC_0027419", "../ISIC_0027419": "../ISIC_0027419",
	} {
		if got := CanonicalID(id); got != want {
			t.Errorf("%q: %q, want %q", id, got, want)
		}
	}
}

func TestOpenFindsPhotosUnderOtherNames(t *testing.T) {
	dir := folder(t, fourRows, map[string][]byte{
		"isic_0000001.JPEG":                   nil,
		"ISIC_0000002.PNG":                    nil,
		"masks/isic_0000002_Segmentation.PNG": nil,
		"ISIC_0000003.webp":                   nil,
		"ISIC_0000003_segmentation.png":       nil,
	})
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"ISIC_0000001": "isic_0000001.JPEG", "ISIC_0000002": "ISIC_0000002.PNG", "ISIC_0000003": ""} {
		if path, _ := d.ImagePath(id); path != strings.TrimSuffix(filepath.Join(dir, want), string(filepath.Separator)) && want != "" || want == "" && path != "" {
			t.Errorf("%s: %q, want %q", id, path, want)
		}
	}
	for _, id := range []string{"ISIC_0000002", "ISIC_0000003"} {
		if _, ok := d.MaskPath(id); !ok {
			t.Errorf("%s has no mask", id)
		}
	}
	err = d.RequireImages(d.Records)
	if want := "2 of 4 images are missing (ISIC_0000003, ISIC_0000004); 1 are there in a format that is not read, such as " + filepath.Join(dir, "ISIC_0000003.webp"); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	if r, err := d.Check(t.Context(), nil); err != nil || len(r.Unread) != 1 || r.Unread[0].Path != "ISIC_0000003.webp" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestFolderThatMayNotBeRead(t *testing.T) {
	dir := folder(t, fourRows, map[string][]byte{"ISIC_0000001.jpg": nil, "lost+found/ISIC_0000002.jpg": nil})
	if err := os.Chmod(filepath.Join(dir, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	testdisk.AsNobody(t, dir, func() {
		d, err := Open(dir)
		if err != nil {
			t.Error(err)
			return
		}
		lost := filepath.Join(dir, "lost+found")
		if !slices.Equal(d.Denied, []string{lost}) || !slices.Equal(d.Notes(), []string{"skipped " + lost + ": it may not be read"}) {
			t.Errorf("denied %q, notes %q", d.Denied, d.Notes())
		}
		if _, ok := d.ImagePath("ISIC_0000001"); !ok {
			t.Error("the photo beside it is not found")
		}
		if err := d.RequireImages(d.Records); err == nil || !strings.Contains(err.Error(), "the folder "+lost+" may not be read") {
			t.Errorf("missing: %v", err)
		}
	})
}

func TestParquetIsNamed(t *testing.T) {
	for _, name := range []string{"train-00000-of-00005.parquet", "data/train-00000-of-00005.parquet"} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, name), []byte("PAR1"))
		_, err := Open(dir)
		if _, ok := errors.AsType[*UnconvertedError](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The published table, written as an export of the archive is, has its photos, lesions and
// diagnoses, and other sites, ages and sexes: those that the archive is known to lose.
func TestRealTableAsArchive(t *testing.T) {
	real := openReal(t)
	general := map[string]string{
		"abdomen": "anterior torso", "chest": "anterior torso", "back": "posterior torso", "face": "head/neck", "ear": "head/neck", "neck": "head/neck", "scalp": "head/neck",
		"foot": "lower extremity", "hand": "upper extremity", "acral": "palms/soles", "genital": "oral/genital", "trunk": "", "unknown": "",
		"lower extremity": "lower extremity", "upper extremity": "upper extremity",
	}
	diagnosis := map[string]string{"akiec": "Solar or actinic keratosis", "bcc": "Basal cell carcinoma", "bkl": "Pigmented benign keratosis", "df": "Dermatofibroma",
		"mel": `"Melanoma, NOS"`, "nv": "Nevus"}
	confirm := map[string]string{"histo": "histopathology", "follow_up": "serial imaging showing no change", "consensus": "single image expert consensus",
		"confocal": "confocal microscopy with consensus dermoscopy"}
	var table strings.Builder
	table.WriteString(archiveHeader)
	for _, r := range real.Records {
		special, sex, second, age := "", r.Sex, "", ""
		if r.Localization == "foot" || r.Localization == "hand" {
			special = "acral NOS"
		}
		if sex == "unknown" {
			sex = ""
		}
		if r.Dx == "vasc" {
			second = "Benign soft tissue proliferations - Vascular"
		}
		if r.HasAge() && r.Age > 0 {
			age = fmt.Sprint(r.Age)
		}
		fmt.Fprintf(&table, "%s,%s,%s,%s,%s,,%s,%s,%s,%s\n", r.ImageID, strings.Replace(r.LesionID, "HAM", "IL", 1), age, general[r.Localization], special, second, diagnosis[r.Dx], confirm[r.DxType], sex)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "metadata.csv"), []byte(table.String()))
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"age missing: 96, published 57", "age 0: 0, published 39",
		"localization abdomen: 0, published 1022", "localization anterior torso: 1429, published 0", "localization chest: 0, published 407",
		"localization ear: 0, published 56", "localization face: 0, published 745", "localization head/neck: 1097, published 0",
		"localization neck: 0, published 168", "localization scalp: 0, published 128", "localization trunk: 0, published 1404", "localization unknown: 1638, published 234",
	}
	if diff := cmp.Diff(want, compareMetadata(d.Records)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i, r := range d.Records {
		if r.Dx != real.Records[i].Dx || r.DxType != real.Records[i].DxType || CollectionOf(r.ImageID) != Training {
			t.Fatalf("%+v, published %+v", r, real.Records[i])
		}
	}
	if len(compareMetadata(real.Records)) != 0 {
		t.Errorf("the published table differs from itself: %q", compareMetadata(real.Records))
	}
}

// What an export has for each published site, as counted in one of isic-cli 12.4, reads as
// what ArchiveSite leaves of the site.
func TestArchiveSite(t *testing.T) {
	general := map[string]string{
		"abdomen": "anterior torso", "acral": "palms/soles", "back": "posterior torso", "chest": "anterior torso", "ear": "head/neck", "face": "head/neck",
		"foot": "lower extremity", "genital": "oral/genital", "hand": "upper extremity", "lower extremity": "lower extremity", "neck": "head/neck",
		"scalp": "head/neck", "trunk": "", "unknown": "", "upper extremity": "upper extremity",
	}
	special := map[string]string{"foot": "acral NOS", "hand": "acral NOS"}
	for _, site := range Localizations {
		read, err := siteOf(general[site], special[site])
		if got := ArchiveSite(site); err != nil || got != read {
			t.Errorf("%s: %s, the export's %q reads as %s (%v)", site, got, general[site], read, err)
		}
	}
}
