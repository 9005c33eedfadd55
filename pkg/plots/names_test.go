package plots

import (
	"bytes"
	"image"
	"image/png"
	"testing"

	"github.com/skinattn/skinattn/pkg/eval"
)

// The diagnoses as a data set on Hugging Face spells them.
var spelt = []string{"actinic_keratoses", "basal_cell_carcinoma", "benign_keratosis-like_lesions", "dermatofibroma", "melanoma", "melanocytic_Nevi", "vascular_lesions"}

func TestWrapName(t *testing.T) {
	for name, want := range map[string]string{
		"akiec": "akiec", "dermatofibroma": "dermatofibroma", "benign_keratosis-like_lesions": "benign\nkeratosis-like\nlesions",
		"basal_cell_carcinoma": "basal cell\ncarcinoma", "extraordinarilylongword of it": "extraordinarilyl\nongword of it", "": "", "a-b-c-d-e-f-g-h-i-j": "a-b-c-d-e-f-g-h-\ni-j",
	} {
		if got := wrapName(name, nameWidth); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// However long the names, the matrix keeps at least half of the figure's width: in the
// picture, the deep blue cells of its diagonal reach from its one side to the other.
func TestLongClassNamesLeaveRoom(t *testing.T) {
	counts := eval.Confusion{}
	for i := range spelt {
		row := make([]int, len(spelt))
		row[i] = 10
		counts = append(counts, row)
	}
	for _, classes := range [][]string{spelt, {"a_very_long_name_of_a_diagnosis_that_goes_on_and_on", "Pneumonoultramicroscopicsilicovolcanoconiosis", "c", "d", "e", "f", "g"}} {
		for _, style := range []Style{Paper(), PaperWide(), Talk()} {
			style.DPI = 72
			var out bytes.Buffer
			if err := Encode(&out, "png", &ConfusionMatrix{Confusion: counts, Classes: classes}, style); err != nil {
				t.Fatal(err)
			}
			picture, err := png.Decode(&out)
			if err != nil {
				t.Fatal(err)
			}
			if side, width := blueWidth(picture), picture.Bounds().Dx(); side < width/2 {
				t.Errorf("%s: the matrix has %d of %d pixels", classes[0], side, width)
			}
		}
	}
}

// blueWidth is the width of what is deep blue in a picture.
func blueWidth(picture image.Image) int {
	b := picture.Bounds()
	left, right := b.Max.X, b.Min.X
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if r, _, blue, _ := picture.At(x, y).RGBA(); blue > r+0x6000 {
				left, right = min(left, x), max(right, x+1)
			}
		}
	}
	return right - left
}
