package plots

import (
	"errors"
	"fmt"
	"image"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/eval"
)

// studyGallery is of the first test set's melanomas and nevi.
func studyGallery() *Gallery {
	return must(NewGallery(studyPredictions(2, 1500, 2.2), "mel", "nv", 0, func(id string) (image.Image, error) {
		seed := uint64(0)
		fmt.Sscanf(id, "ISIC_%d", &seed)
		return blob(seed, 60, 45), nil
	}))
}

func TestGalleryOrder(t *testing.T) {
	p := &eval.Predictions{Classes: []string{"bkl", "mel", "nv"}}
	for _, r := range []struct {
		id    string
		truth int
		probs []float32
	}{
		{"a", 1, []float32{0, .75, .25}}, {"b", 1, []float32{0, 1, 0}}, {"d", 1, []float32{0, .75, .25}}, {"c", 1, []float32{0, .875, .125}},
		{"e", 1, []float32{0, .25, .75}}, {"f", 2, []float32{.5, .25, .25}}, {"g", 2, []float32{0, .125, .875}}, {"h", eval.TruthUnknown, []float32{0, 1, 0}},
	} {
		p.ImageIDs, p.Truth, p.Probs = append(p.ImageIDs, r.id), append(p.Truth, r.truth), append(p.Probs, r.probs)
	}
	table := must(eval.NewTable(p))
	g, err := NewGallery(table, "mel", "nv", 2, func(id string) (image.Image, error) {
		if id == "b" {
			return nil, nil // not at hand
		}
		return blob(1, 4, 3), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// By hand: of mel's hits b, c, a, d the second and third; no nv was taken
	// for mel.
	var got []string
	for _, r := range g.Rows {
		got = append(got, r.title())
		for _, picture := range r.Pictures {
			got = append(got, picture.ImageID)
		}
	}
	want := "mel predicted as mel: 4 of 5; c; a; nv predicted as nv: 1 of 2; g; mel taken for nv: 1 of 5; e"
	if strings.Join(got, "; ") != want {
		t.Errorf("got %s\nwant %s", strings.Join(got, "; "), want)
	}
	if _, err := NewGallery(table, "mel", "vasc", 2, nil); err == nil || !strings.Contains(err.Error(), "vasc") {
		t.Errorf("an unknown class: %v", err)
	}
	if _, err := NewGallery(table, "mel", "nv", 2, func(string) (image.Image, error) { return nil, errors.New("damaged") }); err == nil {
		t.Error("a photo's error is lost")
	}
	if err := Encode(new(strings.Builder), "png", &Gallery{}, Paper()); err == nil {
		t.Error("an empty gallery was drawn")
	}
}
