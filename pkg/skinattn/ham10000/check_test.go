package ham10000

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestCheckNamesEveryFault(t *testing.T) {
	good := flat(t, 40, 30, 200, false)
	table := fourRows + "HAM_4,ISIC_0000005,df,histo,60,female,foot,x\n" + "HAM_5,ISIC_0000006,df,histo,60,female,foot,x\n"
	d, err := Open(folder(t, table, map[string][]byte{
		"a/ISIC_0000001.jpg":                             good,
		"a/ISIC_0000002.jpg":                             flat(t, 40, 30, 100, false),
		"b/ISIC_0000002.jpg":                             good,
		"b/ISIC_0000003.jpg":                             good, // same pixels as 1
		"b/ISIC_0000004.jpg":                             flat(t, 30, 40, 200, false),
		"b/ISIC_0000005.jpg":                             good[:len(good)/2],
		"b/ISIC_0000099.jpg":                             nil,
		"masks/ISIC_0000001_segmentation.png":            flat(t, 40, 30, 255, true),
		"masks/ISIC_0000002_segmentation.png":            []byte("not a picture"),
		"masks/ISIC_0000088_segmentation.png":            nil,
		"masks/__MACOSX/._ISIC_0000001_segmentation.png": []byte("AppleDouble"),
	}))
	if err != nil {
		t.Fatal(err)
	}
	var calls []int
	got, err := d.Check(context.Background(), func(done, total int) {
		if total != 7 {
			t.Errorf("Progress: total %d, want 7", total)
		}
		calls = append(calls, done)
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{1, 2, 3, 4, 5, 6, 7}; !slices.Equal(calls, want) {
		t.Errorf("Progress calls %v, want %v", calls, want)
	}
	want := &Report{
		Dir: d.Dir, Metadata: filepath.Join(d.Dir, "HAM10000_metadata.csv"), Records: 6, Lesions: 5, Images: 5,
		ByClass: map[string]int{"nv": 2, "mel": 2, "df": 2}, Width: 40, Height: 30,
		Missing:       []string{"ISIC_0000006"},
		Extra:         []string{"ISIC_0000099"},
		ExtraByFolder: []FolderFiles{{Folder: "b", ImageIDs: []string{"ISIC_0000099"}}},
		LeftOut:       []LeftOut{}, Unread: []FileProblem{}, Denied: []string{}, Manipulated: []FileProblem{}, MetadataDifferences: []string{}, CoarseSites: map[string]int{},
		Damaged:     []FileProblem{{ImageID: "ISIC_0000005", Path: "b/ISIC_0000005.jpg"}},
		WrongSize:   []SizedImage{{ImageID: "ISIC_0000004", Width: 30, Height: 40}},
		Duplicates:  [][]string{{"ISIC_0000001", "ISIC_0000003"}},
		DoubleFiles: []DoubleFile{{ImageID: "ISIC_0000002", Paths: []string{"a/ISIC_0000002.jpg", "b/ISIC_0000002.jpg"}}},
		Masks: MaskReport{
			Files: 3, Missing: []string{"ISIC_0000003", "ISIC_0000004", "ISIC_0000005", "ISIC_0000006"},
			Extra: []string{"ISIC_0000088"}, Damaged: []FileProblem{{ImageID: "ISIC_0000002", Path: "masks/ISIC_0000002_segmentation.png"}},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(FileProblem{}, "Problem"), cmpopts.IgnoreFields(Report{}, "Differences")); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if p := got.Damaged[0].Problem; p == "" || strings.Contains(p, d.Dir) {
		t.Errorf("problem of the damaged image: %q; want a reason without the path", p)
	}
	if diff := strings.Join(got.Differences, "; "); !strings.Contains(diff, "images that decode: 4, published 10015") || !strings.Contains(diff, "images of nv: 2, published 6705") {
		t.Errorf("differences: %s", diff)
	}
}

func TestCheckOfASoundFolder(t *testing.T) {
	files := make(map[string][]byte)
	for i, id := range []string{"1", "2", "3", "4"} {
		files["ISIC_000000"+id+".jpg"] = flat(t, 8, 8, uint8(60*i), false)
	}
	d, err := Open(folder(t, fourRows, files))
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Check(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !r.OK || r.Complete {
		t.Errorf("OK %v, Complete %v; want a sound folder that is not all of HAM10000", r.OK, r.Complete)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	// Names that scripts read; lists are never null.
	for _, field := range []string{`"ok":true`, `"is_complete_ham10000":false`, `"missing":[]`, `"extra":[]`, `"damaged":[]`, `"wrong_size":[]`, `"duplicates":[]`, `"double_files":[]`, `"records":4`, `"lesions":3`, `"by_class":{"mel":2,"nv":2}`} {
		if !strings.Contains(string(text), field) {
			t.Errorf("JSON lacks %s: %s", field, text)
		}
	}
	if strings.Contains(string(text), "null") {
		t.Errorf("JSON has a null: %s", text)
	}

	ctx, cancel := context.WithCancel(context.Background())
	if _, err := d.Check(ctx, func(int, int) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled check: %v", err)
	}
}

func TestCompareWithPublished(t *testing.T) {
	r := &Report{Records: 10015, Images: 10015, Lesions: 7470, ByClass: published.byClass}
	if diff := r.compareWithPublished(); len(diff) != 0 {
		t.Errorf("the published counts differ from themselves: %v", diff)
	}
	sum := 0
	for _, n := range published.byClass {
		sum += n
	}
	if sum != published.images { // the total that Table 2 of the paper prints
		t.Errorf("the classes sum to %d, not %d", sum, published.images)
	}
	r.Damaged = make([]FileProblem, 1)
	if diff := r.compareWithPublished(); len(diff) != 1 || !strings.Contains(diff[0], "10014") {
		t.Errorf("one damaged image: %v", diff)
	}
}
