package ham10000

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/skinattn/skinattn/internal/csvtable"
)

const header8 = "lesion_id,image_id,dx,dx_type,age,sex,localization,dataset\n"

func parse(text string) ([]Record, error) {
	table, err := csvtable.NewReader(strings.NewReader(text), "meta.csv")
	if err != nil {
		return nil, err
	}
	return readMetadata(table)
}

func TestReadMetadataForms(t *testing.T) {
	want := []Record{
		{ImageID: "ISIC_0027419", LesionID: "HAM_0000118", Dx: "bkl", DxType: "histo", Age: 80, Sex: "male", Localization: "scalp", Dataset: "vidir_modern"},
		{ImageID: "ISIC_0025030", LesionID: "HAM_0000118", Dx: "bkl", DxType: "histo", Age: math.NaN(), Sex: "unknown", Localization: "lower extremity", Dataset: "vidir_modern"},
	}
	without := func(records []Record) []Record {
		records = append([]Record(nil), records...)
		for i := range records {
			records[i].Dataset = ""
		}
		return records
	}
	eight := header8 +
		"HAM_0000118,ISIC_0027419,bkl,histo,80,male,scalp,vidir_modern\n" +
		"HAM_0000118,ISIC_0025030,bkl,histo,,unknown,lower extremity,vidir_modern\n"
	tests := []struct {
		name, text string
		want       []Record
	}{
		{"Dataverse, eight columns", eight, want},
		{"byte order mark", "\ufeff" + eight, want},
		{"CRLF", strings.ReplaceAll(eight, "\n", "\r\n"), want},
		{"no newline at the end", strings.TrimSuffix(eight, "\n"), want},
		{"Dataverse's tab form, quoted", strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(eight, ",", "\t"), "scalp", `"scalp"`), "\t80\t", "\t80.0\t"), want},
		{"Kaggle, seven columns, ages as floats", "lesion_id,image_id,dx,dx_type,age,sex,localization\n" +
			"HAM_0000118,ISIC_0027419,bkl,histo,80.0,male,scalp\n" +
			"HAM_0000118,ISIC_0025030,bkl,histo,NaN,unknown,lower extremity\n", without(want)},
		{"another order and more columns", "index,sex,age,localization,dx_type,dx,image_id,note,lesion_id\n" +
			"0,male,80,scalp,histo,bkl,ISIC_0027419,x,HAM_0000118\n" +
			"1,,unknown,lower extremity,histo,bkl,ISIC_0025030,,HAM_0000118\n", without(want)},
		{"spaces around values", header8 +
			" HAM_0000118 ,ISIC_0027419, bkl,histo,80 ,male , scalp,vidir_modern\n" +
			"HAM_0000118,ISIC_0025030,bkl,histo,NA,unknown,lower extremity,vidir_modern\n", want},
	}
	tests = append(tests, []struct {
		name, text string
		want       []Record
	}{
		{"a spreadsheet's, with semicolons", "\ufeff" + strings.ReplaceAll(strings.ReplaceAll(eight, ",", ";"), "\n", "\r\n"), want},
		{"capitals", strings.ToUpper(header8) + strings.NewReplacer("male,scalp", "Male,SCALP", "unknown,lower", "n/a,Lower").Replace(strings.TrimPrefix(eight, header8)), want},
		{"other words", strings.NewReplacer("male,scalp", "Man,scalp", "unknown,lower extremity", "unknown,lower_extremity").Replace(eight), want},
		{"one letter for the sex, None for no value", strings.NewReplacer("male,scalp", "M,scalp", "unknown,lower", "None,lower").Replace(eight), want},
		{"CR", strings.ReplaceAll(eight, "\n", "\r"), want},
		{"small letters, endings of files and diagnoses spelt out", strings.NewReplacer("ISIC_0027419", "isic_0027419.JPG", "ISIC_0025030", "ISIC_0025030.jpg",
			"HAM_0000118", "ham_0000118", "bkl", "benign_keratosis-like_lesions").Replace(eight), want},
	}...)
	for _, test := range tests {
		got, err := parse(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if diff := cmp.Diff(test.want, got, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
		if got[1].HasAge() || !got[0].HasAge() {
			t.Errorf("%s: HasAge = %v, %v", test.name, got[0].HasAge(), got[1].HasAge())
		}
	}
}

func TestReadMetadataErrors(t *testing.T) {
	const row = "L1,I1,nv,histo,40,male,back,x\n"
	tests := []struct {
		name, text string
		want       []string // parts of the message
	}{
		{"empty file", "", []string{"meta.csv", "empty"}},
		{"header only", header8, []string{"meta.csv", "no rows"}},
		{"no header", row + row, []string{"meta.csv:1", "lacks lesion_id"}},
		{"missing columns", "lesion_id,image_id,dx,age\n", []string{"meta.csv:1", "lacks dx_type, sex, localization"}},
		{"column twice", strings.Replace(header8, "dataset", "age", 1) + row, []string{"meta.csv:1", "age twice"}},
		{"row too short", header8 + row + "L2,I2,nv\n", []string{"meta.csv:3", "fields"}},
		{"row too long", header8 + strings.TrimSpace(row) + ",y\n", []string{"meta.csv:2", "fields"}},
		{"stray quote", header8 + "L1,I1,n\"v,histo,40,male,back,x\n", []string{"meta.csv:2"}},
		{"unknown class", header8 + row + strings.NewReplacer("L1", "L2", "I1", "I2", "nv", "scc").Replace(row), []string{"meta.csv:3", "column dx", `"scc"`, "akiec"}},
		{"image twice", header8 + row + row, []string{"meta.csv:3", "column image_id", "I1", "line 2"}},
		{"two diagnoses of a lesion", header8 + row + strings.NewReplacer("I1", "I2", "nv", "mel").Replace(row), []string{"meta.csv:3", "L1", "mel here", "nv in line 2"}},
		{"age in words", header8 + strings.Replace(row, "40", "forty", 1), []string{"meta.csv:2", "column age", `"forty"`}},
		{"age negative", header8 + strings.Replace(row, "40", "-5", 1), []string{"column age", `"-5"`}},
		{"age too high", header8 + strings.Replace(row, "40", "400", 1), []string{"column age"}},
		{"age infinite", header8 + strings.Replace(row, "40", "Inf", 1), []string{"column age"}},
		{"unknown sex", header8 + strings.Replace(row, "male", "Mann", 1), []string{"column sex", `"Mann"`, "female"}},
		{"unknown site", header8 + strings.Replace(row, "back", "knee", 1), []string{"column localization", `"knee"`, "abdomen"}},
		{"empty image id", header8 + strings.Replace(row, "I1", "", 1), []string{"column image_id", "empty"}},
		{"empty lesion id", header8 + strings.Replace(row, "L1", "", 1), []string{"column lesion_id", "empty"}},
		{"image id with a path", header8 + strings.Replace(row, "I1", "../I1", 1), []string{"column image_id", "'/'"}},
		{"line after a quoted newline", header8 + strings.Replace(row, ",x", ",\"x\ny\"", 1) + "L2,I2,zz,histo,40,male,back,x\n", []string{"meta.csv:4", `"zz"`}},
	}
	for _, test := range tests {
		_, err := parse(test.text)
		if err == nil {
			t.Errorf("%s: no error", test.name)
			continue
		}
		for _, part := range test.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: error %q lacks %q", test.name, err, part)
			}
		}
	}
	if _, err := ReadMetadata(filepath.Join(t.TempDir(), "absent.csv")); err == nil || !strings.Contains(err.Error(), "absent.csv") {
		t.Errorf("absent file: %v", err)
	}
}

func TestWriteMetadata(t *testing.T) {
	path := filepath.Join(t.TempDir(), "HAM10000_metadata.csv")
	records := []Record{
		{ImageID: "ISIC_2", LesionID: "HAM_1", Dx: "mel", DxType: "histo", Age: 0, Sex: "female", Localization: "lower extremity", Dataset: "synthetic"},
		{ImageID: "ISIC_1", LesionID: "HAM_2", Dx: "nv", DxType: "follow_up", Age: math.NaN(), Sex: "unknown", Localization: "unknown", Dataset: "a, \"b\""},
	}
	if err := WriteMetadata(path, records); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := header8 + "HAM_1,ISIC_2,mel,histo,0,female,lower extremity,synthetic\n" + "HAM_2,ISIC_1,nv,follow_up,,unknown,unknown,\"a, \"\"b\"\"\"\n"
	if string(text) != want {
		t.Errorf("wrote\n%s\nwant\n%s", text, want)
	}
	got, err := ReadMetadata(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(records, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	if err := WriteMetadata(filepath.Join(path, "x.csv"), records); err == nil {
		t.Error("writing below a file: no error")
	}
}

// FuzzReadMetadata checks that any bytes give an error or records that can be
// written and read back unchanged.
func FuzzReadMetadata(f *testing.F) {
	f.Add([]byte(header8 + "L1,I1,nv,histo,40,male,back,x\nL1,I2,nv,histo,,,,\n"))
	f.Add([]byte("\ufeffdx\timage_id\tlesion_id\tdx_type\tage\tsex\tlocalization\r\nnv\ta\tb\t\"c\nd\"\tNaN\t\t\r\n"))
	f.Add([]byte(header8 + "L1,I1"))
	f.Add([]byte(archiveHeader + "ISIC_0024306,IL_1,45,,,,Benign melanocytic proliferations,Nevus,histopathology,male\n"))
	f.Add([]byte("isic_id;lesion_id;diagnosis;sex\rISIC_0024306.jpg;IL_1;nevus;\r"))
	f.Fuzz(func(t *testing.T, content []byte) {
		records, err := parse(string(content))
		if err != nil {
			if !strings.Contains(err.Error(), "meta.csv") {
				t.Errorf("error %q does not name the file", err)
			}
			return
		}
		for i := range records {
			if records[i].Dx == "" { // of a photo that is not of HAM10000
				return
			}
			records[i].Manipulation = "" // has no column
		}
		var written strings.Builder
		if err := writeMetadata(&written, records); err != nil {
			t.Fatal(err)
		}
		again, err := parse(written.String())
		if err != nil {
			t.Fatalf("reading back: %v", err)
		}
		if diff := cmp.Diff(records, again, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("read back (-want +got):\n%s", diff)
		}
	})
}

// A bound belongs to the group above it, as the groups' names say.
func TestAgeGroup(t *testing.T) {
	for age, want := range map[float64]string{0: "under 40", 35: "under 40", 39.9: "under 40", 40: "40 to 59", 55: "40 to 59", 60: "60 and older", 85: "60 and older"} {
		if got := (Record{Age: age}).AgeGroup(); got != want {
			t.Errorf("age %g is %q, want %q", age, got, want)
		}
	}
	if got := (Record{Age: math.NaN()}).AgeGroup(); got != Unknown || !slices.Contains(AgeGroups(), got) {
		t.Errorf("no age is %q", got)
	}
}
