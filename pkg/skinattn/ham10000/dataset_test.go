package ham10000

import (
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// folder makes a HAM10000 folder of small images and returns its path. Records
// have ids ISIC_0000001, ... as in table; files maps paths to content.
func folder(t *testing.T, table string, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "HAM10000_metadata.csv"), []byte(header8+table))
	for name, content := range files {
		write(t, filepath.Join(dir, name), content)
	}
	return dir
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// flat draws a uniform image, as JPEG or, for masks, as PNG.
func flat(t *testing.T, width, height int, grey uint8, asPNG bool) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.Set(x, y, color.RGBA{grey, grey, grey, 255})
		}
	}
	var out strings.Builder
	var err error
	if asPNG {
		err = png.Encode(&out, img)
	} else {
		err = jpeg.Encode(&out, img, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return []byte(out.String())
}

const fourRows = "HAM_1,ISIC_0000001,nv,histo,40,male,back,x\n" +
	"HAM_1,ISIC_0000002,nv,histo,40,male,back,x\n" +
	"HAM_2,ISIC_0000003,mel,histo,,female,unknown,x\n" +
	"HAM_3,ISIC_0000004,mel,histo,60,female,foot,x\n"

func TestOpenFindsFilesInSubfolders(t *testing.T) {
	elsewhere := t.TempDir()
	write(t, filepath.Join(elsewhere, "ISIC_0000003.JPG"), nil)
	dir := folder(t, fourRows, map[string][]byte{
		"HAM10000_images_part_1/ISIC_0000001.jpg":              nil,
		"ham10000_images_part_1/ISIC_0000001.jpg":              nil, // some redistributions hold every image twice
		"deep/er/ISIC_0000002.jpeg":                            nil,
		"masks/ISIC_0000002_segmentation.png":                  nil,
		"__MACOSX/._ISIC_0000004.jpg":                          nil,
		".download/unpack/ISIC_0000004.jpg":                    nil,
		"ISIC_0000004.txt":                                     nil,
		"other/IMG_0000004.jpg":                                nil,
		"masks/not_a_mask_ISIC_0000004_segmentation.png.~copy": nil,
	})
	if err := os.Symlink(elsewhere, filepath.Join(dir, "linked")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(dir, "deep", "loop")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "ISIC_0000004.jpg")); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link") // the folder itself may be a link
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{dir, link} {
		d, err := Open(root)
		if err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]string{
			"ISIC_0000001": "HAM10000_images_part_1/ISIC_0000001.jpg",
			"ISIC_0000002": "deep/er/ISIC_0000002.jpeg",
			"ISIC_0000003": "linked/ISIC_0000003.JPG",
			"ISIC_0000004": "",
		} {
			path, ok := d.ImagePath(id)
			if ok != (want != "") || (ok && path != filepath.Join(root, want)) {
				t.Errorf("ImagePath(%s) = %s, %v; want %s", id, path, ok, want)
			}
		}
		if path, ok := d.MaskPath("ISIC_0000002"); !ok || path != filepath.Join(root, "masks/ISIC_0000002_segmentation.png") {
			t.Errorf("MaskPath = %s, %v", path, ok)
		}
		if _, ok := d.MaskPath("ISIC_0000004"); ok {
			t.Error("MaskPath(ISIC_0000004): found one")
		}
		said := "of 1 photos there are several files, and the first is taken: such as " + filepath.Join(root, "HAM10000_images_part_1/ISIC_0000001.jpg") +
			", and not " + filepath.Join(root, "ham10000_images_part_1/ISIC_0000001.jpg")
		if notes := d.Notes(); len(notes) != 1 || notes[0] != said {
			t.Errorf("notes %q, want %q", notes, said)
		}
		if err := d.RequireImages(d.Records[:3]); err != nil {
			t.Errorf("RequireImages of what is there: %v", err)
		}
		err = d.RequireImages(d.Records)
		if missing, ok := errors.AsType[*MissingImagesError](err); !ok || !slices.Equal(missing.Missing, []string{"ISIC_0000004"}) ||
			!strings.Contains(err.Error(), "1 of 4 images are missing (ISIC_0000004)") {
			t.Errorf("RequireImages: %v", err)
		}
	}
}

func TestOpenMetadataNames(t *testing.T) {
	for _, name := range metadataNames {
		dir := t.TempDir()
		write(t, filepath.Join(dir, name), []byte(header8+fourRows))
		d, err := Open(dir)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(d.Records) != 4 || d.MetadataFile != filepath.Join(dir, name) {
			t.Errorf("%s: %d records from %s", name, len(d.Records), d.MetadataFile)
		}
		err = d.RequireImages(d.Records)
		if err == nil || !strings.Contains(err.Error(), "4 of 4") {
			t.Errorf("%s: RequireImages: %v", name, err)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	if _, err := Open(""); !errors.Is(err, ErrNoFolder) {
		t.Errorf("no folder: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, nil)
	bad := t.TempDir()
	write(t, filepath.Join(bad, "HAM10000_metadata.csv"), []byte(header8+"x\n"))
	for dir, want := range map[string]string{
		filepath.Join(t.TempDir(), "absent"): "no such file",
		file:                                 "is a file",
		t.TempDir():                          "HAM10000_metadata.csv",
		bad:                                  "HAM10000_metadata.csv:2",
	} {
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("Open(%s): %v; want %q", dir, err, want)
		} else if not, ok := errors.AsType[*NotFolderError](err); ok != (dir != bad) || ok && not.Dir != dir {
			t.Errorf("Open(%s): %#v", dir, err)
		}
	}
}

// A folder without the table says what it has in its place.
func TestOpenSaysWhatThereIs(t *testing.T) {
	for name, c := range map[string]struct {
		file, content string
		want          string
	}{
		"a level too high":  {"ham10000/HAM10000_metadata.csv", header8, "but its folder ham10000 does"},
		"gzip":              {"HAM10000_metadata.csv.gz", "\x1f\x8b\x08", "this is compressed by gzip"},
		"workbook":          {"HAM10000_metadata.xlsx", "PK\x03\x04", "Excel workbook"},
		"two levels":        {"data/train/metadata.jsonl", `{"file_name": "x.jpg", "lesion_id": "HAM_1", "dx": "nv", "dx_type": "", "age": 1, "sex": "", "localization": ""}`, "but its folder data/train does"},
		"JSON":              {"metadata.json", `{"x.jpg": {"dx": "nv"}}`, "this is JSON"},
		"JSON Lines":        {"metadata.jsonl", `{"file_name": "x.jpg", "label": 1}`, "metadata.jsonl: the header lacks lesion_id, dx, dx_type"},
		"other columns":     {"metadata.csv", "file_name,label\nx.jpg,nv\n", "the header lacks lesion_id, dx, dx_type"},
		"pixels":            {"hmnist_8_8_L.csv", "pixel0000,label\n1,2\n", "it has pixel0000, label"},
		"Arrow":             {"data-00000-of-00001.arrow", "ARROW1", "Arrow files of the library datasets: its to_parquet"},
		"MedMNIST":          {"DermaMNIST_64.npz", "PK", "MedMNIST's copy, which has neither ids nor lesions"},
		"TFRecord":          {"train00-2071.tfrec", "", "TFRecord files of TensorFlow, which are not read"},
		"archive":           {"archive.zip", "PK", "but an archive: unpack archive.zip"},
		"sorted":            {"train/nv/ISIC_1.jpg", "", "folders by diagnosis"},
		"nothing like that": {"readme.txt.bak", "", "holds no HAM10000_metadata.csv"},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, c.file), []byte(c.content))
		if name == "sorted" {
			write(t, filepath.Join(dir, "train/mel/ISIC_2.jpg"), nil)
		}
		_, err := Open(dir)
		none, ok := errors.AsType[*NoTableError](err)
		if !ok || none.Dir != dir || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// Archives are named where a folder or photos are wanted, not unpacked.
func TestArchivesAreNamed(t *testing.T) {
	dir := folder(t, fourRows, map[string][]byte{"ISIC_0000001.jpg": nil, "HAM10000_images_part_1.zip": nil, "more/part_2.TAR.gz": nil, "notes.txt": nil})
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := "3 of 4 images are missing (ISIC_0000002, ISIC_0000003, ISIC_0000004); 2 archives such as " + filepath.Join(dir, "HAM10000_images_part_1.zip") + " may have them: unpack them"
	if err := d.RequireImages(d.Records); err == nil || err.Error() != dir+": "+want {
		t.Errorf("%v, want %s", err, want)
	}
	if err := d.RequireImages(d.Records[:1]); err != nil {
		t.Error(err)
	}
	if notes := d.Notes(); len(notes) != 1 || !strings.HasPrefix(notes[0], "photos are missing; 2 archives such as ") {
		t.Errorf("notes %q", notes)
	}
	d.Records = d.Records[:1] // whose photo is there
	if notes := d.Notes(); len(notes) != 0 {
		t.Errorf("notes %q", notes)
	}
	zip := filepath.Join(dir, "HAM10000_images_part_1.zip")
	if _, err := Open(zip); err == nil || !strings.Contains(err.Error(), zip+" is an archive: unpack it") {
		t.Errorf("an archive as the folder: %v", err)
	}
	if _, err := OpenTestSet(zip, ""); err == nil || !strings.Contains(err.Error(), zip+" is an archive: unpack it") {
		t.Errorf("an archive as the test set: %v", err)
	}
	only := t.TempDir()
	write(t, filepath.Join(only, "ISIC2018_Task3_Test_Input.zip"), nil)
	if _, err := OpenTestSet(only, ""); err == nil || !strings.Contains(err.Error(), "holds no photo ISIC_*.jpg; "+filepath.Join(only, "ISIC2018_Task3_Test_Input.zip")+" may have them: unpack it") {
		t.Errorf("a test set that is packed: %v", err)
	}
}
