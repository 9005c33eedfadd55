package eval

import (
	"fmt"
	"maps"
	"slices"
)

// SplitImage is one image of a split.
type SplitImage struct {
	ImageID string
	// LesionID is empty for an unknown lesion, which no other image shares.
	LesionID string
	Class    string
	Part     string // such as "train", "val", "test"
	// Digest, if not empty, is equal for images with the same pixels: a checksum.
	Digest string
}

// SeenIn returns a function that reports whether an image's id, lesion or digest is
// also in the given part of a split. A held-out image is leaked if it is seen in the
// training part.
func SeenIn(images []SplitImage, part string) func(im SplitImage) bool {
	ids, lesions, digests := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, im := range images {
		if im.Part == part {
			ids[im.ImageID], lesions[im.LesionID], digests[im.Digest] = true, true, true
		}
	}
	for _, keys := range []map[string]bool{ids, lesions, digests} {
		delete(keys, "") // unknown
	}
	return func(im SplitImage) bool { return ids[im.ImageID] || lesions[im.LesionID] || digests[im.Digest] }
}

// LeakAudit counts and lists the held-out images of a split that were seen in
// training; see [SeenIn].
type LeakAudit struct {
	Train   string   `json:"train"` // name of the training part
	HeldOut LeakRate `json:"held_out"`
	// ByPart and ByClass divide the held-out images by part and by class, in
	// order of name.
	ByPart  []LeakRate `json:"by_part"`
	ByClass []LeakRate `json:"by_class"`
	// SharedLesions lists the lesions that two parts have in common, for each
	// pair of parts with a common lesion.
	SharedLesions []SharedLesions `json:"shared_lesions"`
	// Repeated are the image ids that the split lists more than once.
	Repeated []string `json:"repeated"`
	// Duplicates are groups of images of equal digest.
	Duplicates []DuplicateImages `json:"duplicates"`
	// Leaked are the ids of the leaked images, sorted.
	Leaked []string `json:"leaked"`
}

// LeakRate counts held-out images, and the leaked ones among them.
type LeakRate struct {
	Name   string `json:"name,omitempty"` // of the part or class; empty for all
	Leaked int    `json:"leaked"`
	Images int    `json:"images"`
}

// Add counts a held-out image.
func (r *LeakRate) Add(leaked bool) {
	r.Images++
	if leaked {
		r.Leaked++
	}
}

// Share is Leaked/Images, NaN without images.
func (r LeakRate) Share() float64 { return ratio(r.Leaked, r.Images) }

// SharedLesions are lesions with photos in two parts.
type SharedLesions struct {
	Parts   [2]string `json:"parts"` // in order of name
	Lesions []string  `json:"lesions"`
}

// DuplicateImages are images with the same pixels.
type DuplicateImages struct {
	Images []string `json:"images"`
	// Parts lists the parts of the images, each once. Two parts or more are a leak.
	Parts []string `json:"parts"`
}

// AuditLeakage audits a split whose training part has the given name. An image
// without id or part, and a training part without images, are errors.
func AuditLeakage(images []SplitImage, train string) (*LeakAudit, error) {
	byID, byLesion, byDigest := partIndex{}, partIndex{}, partIndex{}
	for i, im := range images {
		if im.ImageID == "" || im.Part == "" {
			return nil, fmt.Errorf("leakage audit: image %d (%q): id or part is empty", i+1, im.ImageID)
		}
		byID.add(im.ImageID, im)
		byLesion.add(im.LesionID, im)
		byDigest.add(im.Digest, im)
	}
	if !slices.ContainsFunc(images, func(im SplitImage) bool { return im.Part == train }) {
		return nil, fmt.Errorf("leakage audit: no image is in part %q", train)
	}
	a := &LeakAudit{Train: train, SharedLesions: byLesion.shared(), Repeated: []string{}, Duplicates: []DuplicateImages{}, Leaked: []string{}}
	parts, classes := map[string]*LeakRate{}, map[string]*LeakRate{}
	seen := SeenIn(images, train)
	for _, im := range images {
		if im.Part == train {
			continue
		}
		leaked := seen(im)
		for _, r := range []*LeakRate{&a.HeldOut, rateOf(parts, im.Part), rateOf(classes, im.Class)} {
			r.Add(leaked)
		}
		if leaked {
			a.Leaked = append(a.Leaked, im.ImageID)
		}
	}
	slices.Sort(a.Leaked)
	a.Leaked = slices.Compact(a.Leaked)
	a.ByPart, a.ByClass = ratesByName(parts), ratesByName(classes)
	for _, id := range sortedKeys(byID) {
		if len(byID[id]) > 1 {
			a.Repeated = append(a.Repeated, id)
		}
	}
	for _, digest := range sortedKeys(byDigest) {
		images := sortedSet(byDigest[digest], func(im SplitImage) string { return im.ImageID })
		if len(images) > 1 {
			a.Duplicates = append(a.Duplicates, DuplicateImages{images, byDigest.parts(digest)})
		}
	}
	slices.SortFunc(a.Duplicates, func(x, y DuplicateImages) int { return slices.Compare(x.Images, y.Images) })
	return a, nil
}

// IsLeaked reports whether the image is leaked.
func (a *LeakAudit) IsLeaked(imageID string) bool {
	_, found := slices.BinarySearch(a.Leaked, imageID)
	return found
}

// partIndex has the images by a key: the image id, the lesion or the digest. Images
// with an empty key are left out.
type partIndex map[string][]SplitImage

func (x partIndex) add(key string, im SplitImage) {
	if key != "" {
		x[key] = append(x[key], im)
	}
}

// parts returns the parts of a key's images, sorted.
func (x partIndex) parts(key string) []string {
	return sortedSet(x[key], func(im SplitImage) string { return im.Part })
}

// sortedSet returns a text of each image, sorted and each once.
func sortedSet(images []SplitImage, text func(SplitImage) string) []string {
	set := map[string]bool{}
	for _, im := range images {
		set[text(im)] = true
	}
	return sortedKeys(set)
}

// shared lists the keys that two parts have in common.
func (x partIndex) shared() []SharedLesions {
	common := map[[2]string][]string{}
	for _, key := range sortedKeys(x) {
		parts := x.parts(key)
		for i, a := range parts {
			for _, b := range parts[i+1:] {
				common[[2]string{a, b}] = append(common[[2]string{a, b}], key)
			}
		}
	}
	out := []SharedLesions{}
	for pair, lesions := range common {
		out = append(out, SharedLesions{pair, lesions})
	}
	slices.SortFunc(out, func(a, b SharedLesions) int { return slices.Compare(a.Parts[:], b.Parts[:]) })
	return out
}

func rateOf(rates map[string]*LeakRate, name string) *LeakRate {
	if rates[name] == nil {
		rates[name] = &LeakRate{Name: name}
	}
	return rates[name]
}

func ratesByName(rates map[string]*LeakRate) []LeakRate {
	out := []LeakRate{}
	for _, name := range sortedKeys(rates) {
		out = append(out, *rates[name])
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
