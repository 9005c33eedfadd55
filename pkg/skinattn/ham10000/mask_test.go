package ham10000

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// drawn is a mask as PNG from rows of '#' and '.', each character scale x scale
// pixels.
func drawn(t *testing.T, scale int, rows ...string) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, scale*len(rows[0]), scale*len(rows)))
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			if rows[y/scale][x/scale] == '#' {
				img.SetGray(x, y, color.Gray{Y: 255})
			}
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func picture(inside []bool, size int) []string {
	var rows []string
	for line := range slices.Chunk(inside, size) {
		row := ""
		for _, in := range line {
			if in {
				row += "#"
			} else {
				row += "."
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// By hand: a photo of 8 x 4 is cropped to its columns 2 to 5, and so is its mask,
// whatever the grid of either; stretched, all columns stay.
func TestMask(t *testing.T) {
	photo := flat(t, 80, 40, 90, false)
	art := []string{
		"##......",
		"..#...#.",
		"..##..##",
		"#.......",
	}
	for _, scale := range []int{1, 5, 10, 20} {
		d, err := Open(folder(t, fourRows, map[string][]byte{
			"images/ISIC_0000001.jpg": photo, "masks/ISIC_0000001_segmentation.png": drawn(t, scale, art...),
		}))
		if err != nil {
			t.Fatal(err)
		}
		inside, err := d.Mask("ISIC_0000001", imaging.CenterCrop, 4)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := picture(inside, 4), []string{"....", "#...", "##..", "...."}; !slices.Equal(got, want) {
			t.Errorf("scale %d: %q, want %q", scale, got, want)
		}
		if inside, err = d.Mask("ISIC_0000001", imaging.Stretch, 8); err != nil {
			t.Fatal(err)
		}
		want := []string{art[0], art[0], art[1], art[1], art[2], art[2], art[3], art[3]}
		if got := picture(inside, 8); !slices.Equal(got, want) {
			t.Errorf("scale %d, stretched: %q, want %q", scale, got, want)
		}
	}
}

func TestMaskErrors(t *testing.T) {
	photo, lesion := flat(t, 80, 40, 90, false), drawn(t, 10, "........", "...##...", "...##...", "........")
	d, err := Open(folder(t, fourRows, map[string][]byte{
		"images/ISIC_0000001.jpg":             photo,
		"images/ISIC_0000002.jpg":             photo,
		"images/ISIC_0000003.jpg":             photo,
		"images/ISIC_0000004.jpg":             photo,
		"masks/ISIC_0000002_segmentation.png": drawn(t, 10, "####", "####"), // 2 x 1 as well
		"masks/ISIC_0000003_segmentation.png": drawn(t, 10, "####", "####", "####"),
		"masks/ISIC_0000004_segmentation.png": drawn(t, 10, "##....##", "##....##", "##....##", "##....##"),
		"masks/ISIC_0000005_segmentation.png": lesion[:len(lesion)/2],
		"masks/ISIC_0000006_segmentation.png": flat(t, 80, 40, 0, true),
	}))
	if err != nil {
		t.Fatal(err)
	}
	if inside, err := d.Mask("ISIC_0000002", imaging.CenterCrop, 16); err != nil || slices.Contains(inside, false) {
		t.Errorf("a full mask: %v %v", picture(inside, 16), err)
	}
	for _, c := range []struct {
		id   string
		want error
		text string
	}{
		{"ISIC_0000001", ErrNoMask, "ISIC_0000001"},
		{"ISIC_0000003", nil, "ISIC_0000003_segmentation.png has 40 x 30 pixels, the photo 80 x 40"},
		{"ISIC_0000004", ErrEmptyMask, "ISIC_0000004"}, // the lesion lies where the crop cuts off
		{"ISIC_0000005", nil, "ISIC_0000005_segmentation.png"},
		{"ISIC_0000006", ErrEmptyMask, "ISIC_0000006"},
	} {
		_, err := d.Mask(c.id, imaging.CenterCrop, 8)
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.id, err)
		}
	}
	if _, err := d.Mask("ISIC_0000004", imaging.Stretch, 8); err != nil {
		t.Errorf("stretched, the whole photo is seen: %v", err)
	}
}

// Every published mask lies on its photo, and none is empty after the crop.
func TestRealMasks(t *testing.T) {
	d := openReal(t)
	masks := 0
	for i, r := range d.Records {
		if _, ok := d.MaskPath(r.ImageID); !ok || i%50 != 0 {
			continue
		}
		masks++
		if _, err := d.Mask(r.ImageID, imaging.CenterCrop, 128); err != nil {
			t.Error(err)
		}
	}
	if masks == 0 {
		t.Skip("the folder has no masks")
	}
}
