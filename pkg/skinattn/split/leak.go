package split

import (
	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// Leak is the leak rate of a split, over all classes and by class.
type Leak struct {
	Overall eval.LeakRate
	// ByClass is in the order of ham10000.Classes.
	ByClass [ham10000.NumClasses]eval.LeakRate
}

// LeakRate counts the held-out images (val and test) and, among them, the leaked
// images: the lesion has a photo in train (see [eval.SeenIn]).
func (s *Split) LeakRate() Leak {
	images := s.Images()
	seen := eval.SeenIn(images, string(Train))
	var leak Leak
	for _, im := range images {
		if im.Part == string(Train) {
			continue
		}
		leaked := seen(im)
		leak.Overall.Add(leaked)
		if class, err := ham10000.ClassIndex(im.Class); err == nil {
			leak.ByClass[class].Add(leaked)
		}
	}
	return leak
}

// Images returns the rows for [eval.AuditLeakage], with the diagnosis as class.
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
