package convert

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/parquet-go/parquet-go"
	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"github.com/skinattn/skinattn/internal/testlong"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func picture() image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, 8, 6))
	for i := range 48 {
		img.Set(i%8, i/8, color.NRGBA{uint8(5 * i), 10, 200, 255})
	}
	return img
}

func encode(t *testing.T, write func(*bytes.Buffer) error) string {
	t.Helper()
	var out bytes.Buffer
	if err := write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// export makes a folder after the form of an export of the ISIC Archive, written by hand.
func export(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "export")
	write(t, filepath.Join(dir, "metadata.csv"), "isic_id,age_approx,anatom_site_general,anatom_site_special,diagnosis_2,diagnosis_3,diagnosis_confirm_type,lesion_id,sex\n"+
		"ISIC_0024306,,anterior torso,,x,Nevus,histopathology,IL_1,male\n"+
		"ISIC_0024307,45,posterior torso,,x,Dermatofibroma,histopathology,IL_2,\n"+
		"ISIC_0024308,45,,,x,Dermatofibroma,histopathology,IL_2,female\n"+
		"ISIC_0034321,45,,,x,Nevus,histopathology,IL_3,female\n"+
		"ISIC_0034524,45,head/neck,,x,Nevus,histopathology,IL_4,female\n")
	photo := encode(t, func(out *bytes.Buffer) error { return png.Encode(out, picture()) })
	write(t, filepath.Join(dir, "ISIC_0024306.png"), photo)
	write(t, filepath.Join(dir, "isic_0024307.bmp"), encode(t, func(out *bytes.Buffer) error { return bmp.Encode(out, picture()) }))
	write(t, filepath.Join(dir, "ISIC_0024308.TIFF"), encode(t, func(out *bytes.Buffer) error { return tiff.Encode(out, picture(), nil) }))
	write(t, filepath.Join(dir, "ISIC_0034321.png"), photo)
	write(t, filepath.Join(dir, "ISIC_0034524.png"), photo)
	return dir
}

func TestArchive(t *testing.T) {
	from := export(t)
	to := filepath.Join(t.TempDir(), "ham10000")
	var calls []int
	r, err := Folder(t.Context(), from, to, Options{WithTest: true, Progress: func(done, total int) { calls = append(calls, done, total) }})
	if err != nil {
		t.Fatal(err)
	}
	if r.Records != 3 || r.Recoded != 2 || len(r.LeftOut) != 2 || r.CoarseSites["anterior torso"] != 1 || r.Published != "" || len(r.Official) != 2 || len(r.Missing) != 0 {
		t.Errorf("%+v", r)
	}
	if diff := cmp.Diff([]int{1, 3, 2, 3, 3, 3, 1, 1, 1, 1}, calls); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
	text, err := os.ReadFile(filepath.Join(to, "HAM10000_metadata.csv"))
	if err != nil {
		t.Fatal(err)
	}
	want := "lesion_id,image_id,dx,dx_type,age,sex,localization,dataset\n" +
		"IL_1,ISIC_0024306,nv,histo,,male,anterior torso,\n" +
		"IL_2,ISIC_0024307,df,histo,45,unknown,back,\n" +
		"IL_2,ISIC_0024308,df,histo,45,female,unknown,\n"
	if string(text) != want {
		t.Errorf("table\n%s\nwant\n%s", text, want)
	}
	data, err := ham10000.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	report, err := data.Check(t.Context(), nil)
	if err != nil || !report.OK || len(report.Duplicates) != 1 || len(report.Duplicates[0]) != 3 { // BMP and TIFF keep the pixels
		t.Errorf("check %+v, %v", report, err)
	}
	a, err := os.Stat(filepath.Join(from, "ISIC_0024306.png"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.Stat(filepath.Join(to, "images", "ISIC_0024306.png"))
	if err != nil || !os.SameFile(a, b) {
		t.Errorf("the photo is no link: %v", err)
	}
	test, err := ham10000.ReadMetadata(filepath.Join(filepath.Dir(to), "isic2018_test", "ISIC2018_Task3_Test_GroundTruth.csv"))
	if err != nil || len(test) != 1 || test[0].ImageID != "ISIC_0034524" || test[0].Localization != "head/neck" {
		t.Errorf("test %+v, %v", test, err)
	}
	_, err = Folder(t.Context(), from, to, Options{})
	if _, ok := errors.AsType[*ExistsError](err); !ok {
		t.Errorf("again: %v", err)
	}
}

// The published table with the sites that an export has.
func TestArchiveSites(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "ham")
	write(t, filepath.Join(from, "HAM10000_metadata.csv"), "lesion_id,image_id,dx,dx_type,age,sex,localization,dataset\n"+
		"HAM_1,ISIC_0024306,nv,histo,0,male,chest,rosendahl\n"+
		"HAM_2,ISIC_0024307,df,histo,45,unknown,back,rosendahl\n"+
		"HAM_2,ISIC_0024308,df,histo,45,unknown,trunk,rosendahl\n")
	r, err := Folder(t.Context(), from, to, Options{ArchiveSites: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.CoarseSites) != 1 || r.CoarseSites["anterior torso"] != 1 {
		t.Errorf("%+v", r)
	}
	text, err := os.ReadFile(filepath.Join(to, "HAM10000_metadata.csv"))
	want := "lesion_id,image_id,dx,dx_type,age,sex,localization,dataset\n" +
		"HAM_1,ISIC_0024306,nv,histo,0,male,anterior torso,rosendahl\n" +
		"HAM_2,ISIC_0024307,df,histo,45,unknown,back,rosendahl\n" +
		"HAM_2,ISIC_0024308,df,histo,45,unknown,unknown,rosendahl\n"
	if err != nil || string(text) != want {
		t.Errorf("table\n%s\nwant\n%s (%v)", text, want, err)
	}
}

// The published rows take the place of the archive's.
func TestArchiveBesidePublishedTable(t *testing.T) {
	from := export(t)
	write(t, filepath.Join(filepath.Dir(from), "HAM10000_metadata.csv"), "lesion_id,image_id,dx,dx_type,age,sex,localization,dataset\n"+
		"HAM_1,ISIC_0024306,nv,histo,0,male,chest,rosendahl\n"+
		"HAM_2,ISIC_0024307,df,histo,45,unknown,back,rosendahl\n"+
		"HAM_2,ISIC_0024308,df,histo,45,unknown,trunk,rosendahl\n")
	r, err := Folder(t.Context(), from, from, Options{}) // in place
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"lesion_id": 3, "age": 1, "sex": 1, "localization": 2, "dataset": 3}
	if diff := cmp.Diff(want, r.Filled); diff != "" {
		t.Errorf("filled (-want +got):\n%s", diff)
	}
	if got := strings.Join(r.FilledColumns(), ","); got != "lesion_id,age,sex,localization,dataset" {
		t.Error(got)
	}
	data, err := ham10000.Open(from)
	if err != nil || data.Records[0].Age != 0 || data.Records[0].Localization != "chest" || data.Records[2].LesionID != "HAM_2" {
		t.Errorf("%+v, %v", data, err)
	}
	if err := data.RequireImages(data.Records); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(filepath.Join(from, "images", "ISIC_0024306.png")); err == nil {
		t.Error("a photo that lies in its place was written again")
	}

	from = export(t)
	write(t, filepath.Join(filepath.Dir(from), "HAM10000_metadata.csv"), "lesion_id,image_id,dx,dx_type,age,sex,localization\nHAM_1,ISIC_0024306,mel,histo,0,male,chest\n")
	if _, err := Folder(t.Context(), from, from, Options{}); err == nil || !strings.Contains(err.Error(), "photo ISIC_0024306 is nv, and mel in the published table") {
		t.Errorf("another diagnosis: %v", err)
	}
}

func TestFormatsThatCannotBeConverted(t *testing.T) {
	from := export(t)
	os.Remove(filepath.Join(from, "ISIC_0024306.png"))
	write(t, filepath.Join(from, "ISIC_0024306.heic"), "x")
	if _, err := Folder(t.Context(), from, filepath.Join(t.TempDir(), "to"), Options{}); err == nil || !strings.Contains(err.Error(), "magick mogrify -format png "+filepath.Join(from, "*.heic")) {
		t.Errorf("HEIC: %v", err)
	}
	write(t, filepath.Join(from, "ISIC_0024306.heic"), "x")
	write(t, filepath.Join(from, "isic_0024307.bmp"), "BM, no more")
	os.Remove(filepath.Join(from, "ISIC_0024306.heic"))
	if _, err := Folder(t.Context(), from, filepath.Join(t.TempDir(), "to"), Options{}); err == nil || !strings.Contains(err.Error(), "isic_0024307.bmp") {
		t.Errorf("damaged: %v", err)
	}
}

// The files are written by pyarrow; tools/golden/parquet/make_copies.py has their content.
func TestParquet(t *testing.T) {
	to := filepath.Join(t.TempDir(), "ham10000")
	r, err := Folder(t.Context(), filepath.Join("testdata", "spelt_out.parquet"), to, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Records != 4 || r.Repeated != 1 || r.Changed != 1 || r.Recoded != 1 {
		t.Errorf("%+v", r)
	}
	data, err := ham10000.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	want := []ham10000.Record{
		{ImageID: "ISIC_0024306", LesionID: "HAM_0000550", Dx: "nv", DxType: "follow_up", Age: 45, Sex: "male", Localization: "trunk"},
		{ImageID: "ISIC_0024307", LesionID: "HAM_0003577", Dx: "bkl", DxType: "histo", Age: math.NaN(), Sex: "unknown", Localization: "lower extremity"},
		{ImageID: "ISIC_0024308", LesionID: "HAM_0001477", Dx: "akiec", DxType: "histo", Age: 55, Sex: "male", Localization: "face"},
		{ImageID: "ISIC_0024309", LesionID: "HAM_0000484", Dx: "vasc", DxType: "consensus", Age: 40, Sex: "female", Localization: "back"},
	}
	if diff := cmp.Diff(want, data.Records, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if report, err := data.Check(t.Context(), nil); err != nil || !report.OK || report.Width != 8 || report.Height != 6 {
		t.Errorf("check %+v, %v", report, err)
	}
	path, _ := data.ImagePath("ISIC_0024306")
	if photo, err := imaging.DecodeFile(path); err != nil || photo.Pix[0] != 0 || photo.Pix[1] != 10 || photo.Pix[2] != 200 {
		t.Errorf("the first photo: %v", err)
	}
}

// Labels by number have their names in the file; lesions come from the published table.
func TestParquetWithLabels(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "ham10000")
	content, err := os.ReadFile(filepath.Join("testdata", "labels.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(from, "data", "train-00000-of-00001.parquet"), string(content))
	if _, err := Folder(t.Context(), from, to, Options{}); err == nil || !strings.Contains(err.Error(), "train-00000-of-00001.parquet: row 1: photo ISIC_0024306 has no lesion id; the published table has it") {
		t.Errorf("without the published table: %v", err)
	}
	published := filepath.Join(t.TempDir(), "table.csv")
	write(t, published, "lesion_id,image_id,dx,dx_type,age,sex,localization\nHAM_1,ISIC_0024306,nv,histo,40,male,chest\nHAM_2,ISIC_0024310,mel,histo,,male,chest\n")
	r, err := Folder(t.Context(), from, to, Options{Published: published})
	if err != nil || r.Records != 2 || r.Published != published {
		t.Fatalf("%+v, %v", r, err)
	}
	data, err := ham10000.Open(to)
	if err != nil || data.Records[1].LesionID != "HAM_2" || data.Records[1].Dx != "mel" {
		t.Errorf("%+v, %v", data, err)
	}
	if path, _ := data.ImagePath("ISIC_0024310"); path != filepath.Join(to, "images", "ISIC_0024310.jpg") {
		t.Error(path)
	}
}

func TestWrongSources(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "x.parquet"), "PAR1")
	write(t, filepath.Join(dir, "file.csv"), "x")
	write(t, filepath.Join(dir, "ham.tar.gz"), "x")
	for from, want := range map[string]string{
		filepath.Join(dir, "x.parquet"):  "x.parquet: ",
		dir:                              "x.parquet: ",
		filepath.Join(dir, "file.csv"):   "is neither a folder nor a Parquet file",
		filepath.Join(dir, "none"):       "none",
		filepath.Join(dir, "ham.tar.gz"): "ham.tar.gz is an archive: unpack it",
		t.TempDir():                      "holds no HAM10000_metadata.csv",
	} {
		to := filepath.Join(t.TempDir(), "to")
		if _, err := Folder(t.Context(), from, to, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", from, err, want)
		}
		if _, err := os.Stat(filepath.Join(to, "HAM10000_metadata.csv")); err == nil {
			t.Errorf("%s: a table was written", from)
		}
	}
}

// Files with changed bytes give rows or an error that names the file, without a panic and
// in bounded memory.
func TestDamagedParquet(t *testing.T) {
	testlong.Skip(t, false)
	n := 400
	if testlong.On() {
		n = 200_000
	}
	path := filepath.Join(t.TempDir(), "x.parquet")
	random := rand.New(rand.NewPCG(1, 2))
	failed := 0
	for _, name := range []string{"spelt_out.parquet", "labels.parquet"} {
		whole, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		for range n / 2 {
			content := slices.Clone(whole)
			for range 1 + random.IntN(4) {
				content[random.IntN(len(content))] = byte(random.Uint32())
			}
			if random.IntN(8) == 0 {
				content = content[:random.IntN(len(content))]
			}
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := eachRow(path, func(map[string]string, []byte) error { return nil }); err != nil {
				failed++
				if !strings.Contains(err.Error(), path) {
					t.Errorf("error %q does not name the file", err)
				}
			}
		}
	}
	if failed < n/10 {
		t.Errorf("%d of %d damaged files were refused; hardly any was damaged", failed, n)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("%d of %d refused; %d MB from the system", failed, n, m.Sys>>20)
	if m.Sys > 1<<30 {
		t.Errorf("%d MB were taken from the system", m.Sys>>20)
	}
}

// For any change of the bytes, a Parquet file gives rows or an error that names it.
func FuzzParquet(f *testing.F) {
	for _, name := range []string{"spelt_out.parquet", "labels.parquet"} {
		content, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	const path = "x.parquet"
	f.Fuzz(func(t *testing.T, content []byte) {
		err := withContent(path, bytes.NewReader(content), int64(len(content)), func(p *parquet.File) error {
			return rowsIn(p, path, func(map[string]string, []byte) error { return nil })
		})
		if err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("error %q does not name the file", err)
		}
	})
}

// For any bytes, a photo becomes PNG of bounded size, or there is an error.
func FuzzRecode(f *testing.F) {
	var out bytes.Buffer
	if err := tiff.Encode(&out, picture(), &tiff.Options{Compression: tiff.Deflate}); err != nil {
		f.Fatal(err)
	}
	f.Add(out.Bytes())
	f.Add([]byte("BM"))
	f.Add([]byte("GIF89a\x01\x00\x01\x00"))
	f.Add([]byte("RIFF\x1a\x00\x00\x00WEBPVP8L"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if coded, err := recode(data); err == nil && ending(coded) != ".png" {
			t.Error("the result is no PNG")
		}
	})
}

// The parts of a copy for the library datasets become one folder; a photo in two of them is taken once.
func TestParts(t *testing.T) {
	const header = "file_name,lesion_id,dx,dx_type,age,sex,localization\n"
	parts := func(test string) string {
		from := t.TempDir()
		write(t, filepath.Join(from, "train", "metadata.csv"), header+"ISIC_0024306.png,HAM_1,nv,histo,45,male,back\nISIC_0024307.png,HAM_2,mel,histo,,female,face\n")
		write(t, filepath.Join(from, "test", "metadata.csv"), header+test)
		for _, photo := range []string{"train/ISIC_0024306.png", "train/ISIC_0024307.png", "test/ISIC_0024308.png", "test/ISIC_0024306.png"} {
			write(t, filepath.Join(from, filepath.FromSlash(photo)), encode(t, func(b *bytes.Buffer) error { return png.Encode(b, picture()) }))
		}
		return from
	}
	to := filepath.Join(t.TempDir(), "to")
	r, err := Folder(t.Context(), parts("ISIC_0024308.png,HAM_3,df,histo,45,male,back\nISIC_0024306.png,HAM_1,nv,histo,45,male,back\n"), to, Options{})
	if err != nil || r.Records != 3 || r.Repeated != 1 || len(r.Missing) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	data, err := ham10000.Open(to)
	if err == nil {
		err = data.RequireImages(data.Records)
	}
	if err != nil || len(data.Records) != 3 {
		t.Errorf("%+v, %v", data, err)
	}
	for test, want := range map[string]string{
		"ISIC_0024306.png,HAM_1,mel,histo,45,male,back\n": "photo ISIC_0024306 is nv of lesion HAM_1, and mel of HAM_1",
		"ISIC_0024308.png,HAM_2,nv,histo,45,male,back\n":  "lesion HAM_2 is mel (ISIC_0024307), and nv (ISIC_0024308)",
	} {
		// The parts are taken in the order of their names, test before train.
		if _, err := Folder(t.Context(), parts(test), filepath.Join(t.TempDir(), "to"), Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// The same with metadata.jsonl, one folder below, as copies at Hugging Face have it.
func TestPartsOfLines(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "to")
	for part, id := range map[string]string{"train": "ISIC_0024306", "test": "ISIC_0024307"} {
		dir := filepath.Join(from, "data", part)
		write(t, filepath.Join(dir, "metadata.jsonl"), `{"file_name": "`+id+`.png", "lesion_id": "L`+id+`", "dx": "nv", "dx_type": "histo", "age": NaN, "sex": "male", "localization": "back"}`)
		write(t, filepath.Join(dir, id+".png"), encode(t, func(b *bytes.Buffer) error { return png.Encode(b, picture()) }))
	}
	r, err := Folder(t.Context(), from, to, Options{})
	if err != nil || r.Records != 2 || len(r.Missing) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	data, err := ham10000.Open(to)
	if err != nil || len(data.Records) != 2 || data.Records[0].HasAge() || data.RequireImages(data.Records) != nil {
		t.Errorf("%+v, %v", data, err)
	}
}

// Rows with a photo's path find the photo beside the file, and nowhere else. Numbers are classes in the column of classes alone.
func TestParquetWithPaths(t *testing.T) {
	type row struct {
		Image    string `parquet:"image"`
		LesionID string `parquet:"lesion_id"`
		Label    int64  `parquet:"label"`
		Age      int64  `parquet:"age"`
	}
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "to")
	photo := encode(t, func(b *bytes.Buffer) error { return png.Encode(b, picture()) })
	write(t, filepath.Join(from, "photos", "ISIC_0024306.png"), photo)
	write(t, filepath.Join(filepath.Dir(from), "ISIC_0024308.png"), photo) // outside
	file, err := os.Create(filepath.Join(from, "train.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	w := parquet.NewGenericWriter[row](file, parquet.KeyValueMetadata("huggingface", `{"info": {"features": {"label": {"names": ["nv", "mel", "akiec", "bcc", "bkl", "df"], "_type": "ClassLabel"}}}}`))
	if _, err := w.Write([]row{{"photos/ISIC_0024306.png", "HAM_1", 1, 5}, {"photos/ISIC_0024307.jpg", "HAM_2", 0, 0}, {"../ISIC_0024308.png", "HAM_3", 0, 80}}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	r, err := Folder(t.Context(), from, to, Options{})
	if err != nil || r.Records != 3 || !slices.Equal(r.Missing, []string{"ISIC_0024307", "ISIC_0024308"}) {
		t.Fatalf("%+v, %v", r, err)
	}
	data, err := ham10000.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	if r := data.Records; r[0].Dx != "mel" || r[0].Age != 5 || r[1].Dx != "nv" || r[1].Age != 0 || r[2].Age != 80 {
		t.Errorf("%+v", r)
	}
	if _, ok := data.ImagePath("ISIC_0024306"); !ok {
		t.Error("the photo beside the file was not taken")
	}
}
