package figures

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// photoRow is a photo and its row of the metadata; no photo if it is nil.
type photoRow struct {
	id, metadata string
	photo        image.Image
}

// photoFolder makes a data folder.
func photoFolder(t *testing.T, rows []photoRow) *ham10000.Dataset {
	t.Helper()
	dir := t.TempDir()
	table := "lesion_id,image_id,dx,dx_type,age,sex,localization\n"
	for _, r := range rows {
		table += r.metadata + "\n"
		if r.photo == nil {
			continue
		}
		var file bytes.Buffer
		if err := png.Encode(&file, r.photo); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, r.id+".jpg"), file.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "HAM10000_metadata.csv"), []byte(table), 0o644); err != nil {
		t.Fatal(err)
	}
	data, err := ham10000.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestPhotoFigures(t *testing.T) {
	// Three photos, two of melanomas; a fourth is missing.
	var rows []photoRow
	for i, dx := range []string{"mel", "nv", "mel", "mel"} {
		id := fmt.Sprintf("ISIC_000000%d", i+1)
		rows = append(rows, photoRow{id, "HAM_" + id[5:] + "," + id + "," + dx + ",histo,50,male,back", nil})
		if i < 3 {
			img := image.NewRGBA(image.Rect(0, 0, 8, 6))
			img.Set(1, 1, color.White)
			rows[i].photo = img
		}
	}
	data := photoFolder(t, rows)
	draw := func(table string) string {
		dir := t.TempDir()
		if _, err := Draw(t.Context(), []string{writeTable(t, dir, table)}, dir, Options{Style: plots.Paper(), Formats: []string{"svg"}, Data: data}); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	dir := draw("image_id,lesion_id,dx,mel,nv\nISIC_0000001,1,mel,0.875,0.125\nISIC_0000002,2,nv,0.75,0.25\nISIC_0000004,4,mel,0.9,0.1\n")
	for name, want := range map[string]string{
		"gallery.csv":       "truth,predicted,rank,image_id,mel,nv\nmel,mel,1,ISIC_0000001,0.875,0.125\nnv,mel,1,ISIC_0000002,0.75,0.25\n",
		"class-samples.csv": "class,image,width,height\nmel,0,8,6\nmel,1,8,6\nnv,0,8,6\n",
	} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != want {
			t.Errorf("%s is %q, %v, not %q", name, got, err, want)
		}
	}
	// Photos of other images make no gallery, but samples.
	dir = draw(twoClasses)
	if _, err := os.Stat(filepath.Join(dir, "gallery.svg")); err == nil {
		t.Error("a gallery without photos")
	}
	if _, err := os.Stat(filepath.Join(dir, "class-samples.svg")); err != nil {
		t.Error(err)
	}
}
