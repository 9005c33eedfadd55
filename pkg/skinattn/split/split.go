package split

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// Part is the role of an image in a split.
type Part string

// The parts of a split.
const (
	Train Part = "train"
	Val   Part = "val"
	Test  Part = "test"
)

// Parts are all parts in the order of tables and files.
var Parts = []Part{Train, Val, Test}

// The protocols; see the package comment.
const (
	Paper    = "paper"
	Datta828 = "datta828"
	Grouped  = "grouped"
	ISIC2018 = "isic2018"
)

// Protocols are the names that New takes.
var Protocols = []string{Paper, Datta828, Grouped, ISIC2018}

// Row gives one image its part.
type Row struct {
	ImageID, LesionID string
	// Dx is the diagnosis, one of ham10000.Classes.
	Dx   string
	Part Part
}

// Options are the settings of a protocol.
type Options struct {
	// Seed of all draws.
	Seed uint64
	// Folds, if not 0, makes protocol grouped k folds (at least 2): fold number
	// Fold (from 0) is test, and a lesion-grouped eighth of the rest is val. All
	// folds of one seed belong to one partition.
	Folds, Fold int
	// AsRun makes protocol datta828 without val, as the authors ran it: the
	// test then also selects the epoch.
	AsRun bool
	// TestShare, if not 0, is the share of the images that protocol paper holds
	// out, in place of a tenth: the authors also ran .15 and .2.
	TestShare float64
}

// Split assigns images to parts.
type Split struct {
	// Protocol is one of Protocols, or empty for a split made elsewhere.
	Protocol string
	Options
	// Rows in the order of the metadata. Images that the protocol drops have no row.
	Rows []Row
}

// New draws a split of records by the named protocol. It is an error if the
// options do not fit the protocol, or if records are too few for a part to get
// any image; a class may well be absent from a part of a small data set.
func New(protocol string, records []ham10000.Record, opts Options) (*Split, error) {
	if err := opts.Check(protocol); err != nil {
		return nil, err
	}
	s := &Split{Protocol: protocol, Options: opts, Rows: make([]Row, 0, len(records))}
	for _, r := range records {
		s.Rows = append(s.Rows, Row{ImageID: r.ImageID, LesionID: r.LesionID, Dx: r.Dx, Part: Train})
	}
	if err := checkRows(s.Rows); err != nil { // before the draw, which relies on it
		return nil, fmt.Errorf("splitting the metadata: %w", err)
	}
	d := &draw{seed: opts.Seed, protocol: protocol}
	var parts map[string]Part // by image id
	switch protocol {
	case Paper:
		parts = d.paper(records, cmp.Or(opts.TestShare, paperVal))
	case Datta828:
		parts = d.datta828(records, opts.AsRun)
	case Grouped:
		parts = d.grouped(records, opts.Folds, opts.Fold)
	case ISIC2018:
		parts = d.isic2018(records)
	}
	for i, r := range s.Rows {
		s.Rows[i].Part = parts[r.ImageID]
	}
	s.Rows = slices.DeleteFunc(s.Rows, func(r Row) bool { return r.Part == "" }) // what the protocol drops
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("splitting %d images: %w", len(records), err)
	}
	return s, nil
}

// Check is an error if the options do not fit the protocol.
func (o Options) Check(protocol string) error {
	if !slices.Contains(Protocols, protocol) {
		return fmt.Errorf("unknown protocol %q; known are %s", protocol, strings.Join(Protocols, ", "))
	}
	switch {
	case (o.Folds != 0 || o.Fold != 0) && protocol != Grouped:
		return fmt.Errorf("protocol %s has no folds; only %s takes --folds and --fold", protocol, Grouped)
	case o.Folds == 0 && o.Fold != 0:
		return fmt.Errorf("--fold %d needs --folds", o.Fold)
	case o.Folds < 0 || o.Folds == 1:
		return fmt.Errorf("--folds %d: want 2 or more (0 for one split of 70/10/20)", o.Folds)
	case o.Folds > 0 && (o.Fold < 0 || o.Fold >= o.Folds):
		return fmt.Errorf("--fold %d: the folds are 0 to %d", o.Fold, o.Folds-1)
	case o.AsRun && protocol != Datta828:
		return fmt.Errorf("protocol %s has no as-run form; only %s takes --as-run", protocol, Datta828)
	case o.TestShare != 0 && protocol != Paper:
		return fmt.Errorf("protocol %s has fixed shares; only %s takes --test-share", protocol, Paper)
	case o.TestShare < 0 || o.TestShare >= 1:
		return fmt.Errorf("--test-share %g: it must be above 0 and below 1", o.TestShare)
	}
	return nil
}

// Part returns the rows of part p, in the order of Rows.
func (s *Split) Part(p Part) []Row {
	var rows []Row
	for _, r := range s.Rows {
		if r.Part == p {
			rows = append(rows, r)
		}
	}
	return rows
}

// Select returns the metadata records of part p, in the order of the split. An
// image that records lack, or have with another lesion or diagnosis, is an
// error: the split then belongs to other data.
func (s *Split) Select(records []ham10000.Record, p Part) ([]ham10000.Record, error) {
	at := make(map[string]int, len(records))
	for i, r := range records {
		at[r.ImageID] = i
	}
	var selected []ham10000.Record
	for _, row := range s.Part(p) {
		i, ok := at[row.ImageID]
		if !ok {
			return nil, fmt.Errorf("image %s of the split is not in the metadata; the split was made from other data", row.ImageID)
		}
		if r := records[i]; r.Dx != row.Dx || r.LesionID != row.LesionID {
			return nil, fmt.Errorf("image %s is %s of lesion %s in the split and %s of %s in the metadata; the split was made from other data",
				row.ImageID, row.Dx, row.LesionID, r.Dx, r.LesionID)
		}
		selected = append(selected, records[i])
	}
	return selected, nil
}

// Check returns an error if the split breaks what its protocol promises: no
// image twice, one diagnosis a lesion, no empty part, and no lesion in two
// parts (other than in protocol paper and in splits made elsewhere).
func (s *Split) Check() error {
	if err := checkRows(s.Rows); err != nil {
		return err
	}
	want := map[string][]Part{
		"": {Train, Val}, Paper: {Train, Val}, Datta828: {Train, Val, Test}, Grouped: {Train, Val, Test}, ISIC2018: {Train, Val},
	}[s.Protocol]
	if s.Protocol == "" {
		want = []Part{Train}
	} else if s.AsRun {
		want = []Part{Train, Test}
	}
	for _, p := range Parts {
		switch n := len(s.Part(p)); {
		case n == 0 && slices.Contains(want, p):
			return fmt.Errorf("no image is left for part %s; the data set is too small for protocol %s", p, s.Protocol)
		case n > 0 && s.Protocol != "" && !slices.Contains(want, p):
			return fmt.Errorf("protocol %s has no part %s, yet %d images are in it", s.Protocol, p, n)
		}
	}
	if s.Protocol == "" || s.Protocol == Paper {
		return nil
	}
	return s.checkGroups()
}

// checkRows holds for every split, whatever its protocol.
func checkRows(rows []Row) error {
	seen := make(map[string]bool, len(rows))
	dxOf := make(map[string]string)
	for _, r := range rows {
		if seen[r.ImageID] {
			return fmt.Errorf("image %s is listed twice", r.ImageID)
		}
		seen[r.ImageID] = true
		if !slices.Contains(Parts, r.Part) {
			return fmt.Errorf("image %s: unknown part %q; known are train, val, test", r.ImageID, r.Part)
		}
		if _, err := ham10000.ClassIndex(r.Dx); err != nil {
			return fmt.Errorf("image %s: %w", r.ImageID, err)
		}
		if dx, ok := dxOf[r.LesionID]; ok && dx != r.Dx {
			return fmt.Errorf("image %s: lesion %s is %s here and %s elsewhere", r.ImageID, r.LesionID, r.Dx, dx)
		}
		dxOf[r.LesionID] = r.Dx
	}
	return nil
}

// checkGroups holds for the protocols that keep a lesion's photos together.
func (s *Split) checkGroups() error {
	first := make(map[string]Row)
	for _, r := range s.Rows {
		f, ok := first[r.LesionID]
		if !ok {
			first[r.LesionID] = r
			continue
		}
		if f.Part != r.Part {
			return fmt.Errorf("lesion %s is in part %s (%s) and in part %s (%s); protocol %s keeps a lesion in one part",
				r.LesionID, f.Part, f.ImageID, r.Part, r.ImageID, s.Protocol)
		}
		if s.Protocol == Datta828 && r.Part == Test {
			return fmt.Errorf("lesion %s has several photos in part test (%s, %s); protocol %s tests on lesions with one photo",
				r.LesionID, f.ImageID, r.ImageID, s.Protocol)
		}
	}
	return nil
}
