package split

import (
	"math"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// Rate is a share of held-out images.
type Rate struct {
	// Shared is the number of held-out images whose lesion has a photo in train.
	Shared int
	// HeldOut is the number of held-out images.
	HeldOut int
}

// Value is Shared/HeldOut, NaN if no image is held out.
func (r Rate) Value() float64 {
	if r.HeldOut == 0 {
		return math.NaN()
	}
	return float64(r.Shared) / float64(r.HeldOut)
}

// Leak is the leak rate of a split, over all and by class.
type Leak struct {
	Overall Rate
	// ByClass is in the order of ham10000.Classes.
	ByClass [ham10000.NumClasses]Rate
}

// LeakRate counts the held-out images (val and test) whose lesion has a photo in
// train.
func (s *Split) LeakRate() Leak {
	trained := make(map[string]bool)
	for _, r := range s.Rows {
		if r.Part == Train {
			trained[r.LesionID] = true
		}
	}
	var leak Leak
	for _, r := range s.Rows {
		if r.Part == Train {
			continue
		}
		shared := 0
		if trained[r.LesionID] {
			shared = 1
		}
		leak.Overall.add(shared)
		if class, err := ham10000.ClassIndex(r.Dx); err == nil {
			leak.ByClass[class].add(shared)
		}
	}
	return leak
}

func (r *Rate) add(shared int) {
	r.Shared += shared
	r.HeldOut++
}

// Images are the rows in the form that eval.AuditLeakage takes, with the diagnosis
// as class.
func (s *Split) Images() []eval.SplitImage {
	images := make([]eval.SplitImage, len(s.Rows))
	for i, r := range s.Rows {
		images[i] = eval.SplitImage{ImageID: r.ImageID, LesionID: r.LesionID, Class: r.Dx, Part: string(r.Part)}
	}
	return images
}

// PartCount is the size of one part.
type PartCount struct {
	Part            Part
	Images, Lesions int
	// ByClass counts images in the order of ham10000.Classes.
	ByClass [ham10000.NumClasses]int
}

// Counts returns the sizes of the parts that have images, in the order of Parts.
func (s *Split) Counts() []PartCount {
	var counts []PartCount
	for _, p := range Parts {
		count := PartCount{Part: p}
		lesions := make(map[string]bool)
		for _, r := range s.Part(p) {
			count.Images++
			lesions[r.LesionID] = true
			if class, err := ham10000.ClassIndex(r.Dx); err == nil {
				count.ByClass[class]++
			}
		}
		count.Lesions = len(lesions)
		if count.Images > 0 {
			counts = append(counts, count)
		}
	}
	return counts
}
