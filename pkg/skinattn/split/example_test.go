package split_test

import (
	"errors"
	"fmt"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// records are 50 melanomas and 150 nevi, each with two photos.
func records() []ham10000.Record {
	var records []ham10000.Record
	for lesion := range 200 {
		dx := "nv"
		if lesion%4 == 0 {
			dx = "mel"
		}
		for photo := range 2 {
			records = append(records, ham10000.Record{
				ImageID: fmt.Sprintf("ISIC_%d", 2*lesion+photo), LesionID: fmt.Sprintf("HAM_%d", lesion), Dx: dx, Age: 50,
			})
		}
	}
	return records
}

// A split by lesion: the photos of a lesion are all in one part.
func ExampleNew() {
	s, err := split.New(split.Grouped, records(), split.Options{Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range s.Counts() {
		fmt.Printf("%s: %d images of %d lesions\n", c.Part, c.Images, c.Lesions)
	}
	// Output:
	// train: 280 images of 140 lesions
	// val: 40 images of 20 lesions
	// test: 80 images of 40 lesions
}

// Fold 2 of 5: all folds of a seed are one partition of the lesions.
func ExampleNew_folds() {
	tested := map[string]int{}
	for fold := range 5 {
		s, err := split.New(split.Grouped, records(), split.Options{Seed: 1, Folds: 5, Fold: fold})
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, row := range s.Part(split.Test) {
			tested[row.ImageID]++
		}
	}
	fmt.Println(len(tested), "of 400 images are tested")
	// Output:
	// 400 of 400 images are tested
}

// The paper's protocol divides by image, so that photos of one lesion are in both
// parts.
func ExampleSplit_Images() {
	for _, protocol := range []string{split.Paper, split.Grouped} {
		s, err := split.New(protocol, records(), split.Options{Seed: 1})
		if err != nil {
			fmt.Println(err)
			return
		}
		audit, err := eval.AuditLeakage(s.Images(), string(split.Train))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %d of %d held-out images show a lesion of the training part\n", protocol, audit.HeldOut.Leaked, audit.HeldOut.Images)
	}
	// Output:
	// paper: 36 of 40 held-out images show a lesion of the training part
	// grouped: 0 of 120 held-out images show a lesion of the training part
}

// An option that does not fit is an OptionError, which a command line can word
// with its own names.
func ExampleOptionError() {
	_, err := split.New(split.Paper, records(), split.Options{Folds: 5})
	var wrong *split.OptionError
	if errors.As(err, &wrong) {
		fmt.Println(wrong.Text(func(o split.Option) string { return "--" + string(o) }))
	}
	// Output:
	// protocol paper has no folds; only grouped takes --folds and --fold
}
