package split

import (
	"errors"
	"fmt"
	"slices"

	"github.com/skinattn/skinattn/internal/csvtable"
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

// Row gives one image its part.
type Row struct {
	ImageID, LesionID string
	// Dx is the diagnosis, one of ham10000.Classes.
	Dx   string
	Part Part
}

// Split assigns images to parts.
type Split struct {
	// Protocol is the name of one of Protocols, or empty for a split made elsewhere.
	Protocol string
	Options
	// Rows has the order of the metadata. Images that the protocol drops have no row.
	Rows []Row
}

// New draws a split of records by the named protocol. It is an error if the
// options do not fit the protocol (see Options.Check), or if a part gets no image
// because there are too few records; a class may be absent from a part of a small
// data set.
func New(protocol string, records []ham10000.Record, opts Options) (*Split, error) {
	p, err := opts.check(protocol)
	if err != nil {
		return nil, err
	}
	if err := checkRows(rowsOf(records, nil)); err != nil { // before the draw, which relies on it
		return nil, fmt.Errorf("splitting the metadata: %w", err)
	}
	parts := p.draw(&draw{seed: opts.Seed, protocol: protocol}, records, opts)
	s := &Split{Protocol: protocol, Options: opts, Rows: rowsOf(records, parts)}
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("splitting %d images: %w", len(records), err)
	}
	return s, nil
}

// rowsOf returns the rows of the records that have a part. With nil parts, every
// record is in Train.
func rowsOf(records []ham10000.Record, parts map[string]Part) []Row {
	rows := make([]Row, 0, len(records))
	for _, r := range records {
		part := Train
		if parts != nil {
			part = parts[r.ImageID]
		}
		if part != "" {
			rows = append(rows, Row{ImageID: r.ImageID, LesionID: r.LesionID, Dx: r.Dx, Part: part})
		}
	}
	return rows
}

// Photos returns data with the records of the split's images alone.
func (s *Split) Photos(data *ham10000.Dataset) *ham10000.Dataset {
	wanted := map[string]bool{}
	for _, row := range s.Rows {
		wanted[row.ImageID] = true
	}
	return data.Only(wanted)
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

// Select returns the metadata records of part p, in the order of the split. It is an
// error if an image of the split is not among the records, or has another lesion or
// diagnosis in its record: the split then belongs to other data.
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

// Check returns an error if the split breaks a promise of its protocol: no image
// twice, one diagnosis for a lesion, no empty part, and no lesion in two parts that the
// protocol keeps apart. A split without a protocol needs only images to train on.
func (s *Split) Check() error {
	if err := checkRows(s.Rows); err != nil {
		return err
	}
	if s.Protocol == "" {
		if len(s.Part(Train)) == 0 {
			return errors.New("no image is left for part train; the split trains nothing")
		}
		return nil
	}
	protocol, err := Find(s.Protocol)
	if err != nil {
		return err
	}
	for _, p := range Parts {
		wanted := slices.Contains(protocol.parts(s.Options), p)
		switch n := len(s.Part(p)); {
		case n == 0 && wanted:
			return fmt.Errorf("no image is left for part %s; the data set is too small for protocol %s", p, s.Protocol)
		case n > 0 && !wanted:
			return fmt.Errorf("protocol %s has no part %s, yet %d images are in it", s.Protocol, p, n)
		}
	}
	return s.checkLesions(protocol)
}

// checkRows checks the promises of every split, independent of its protocol.
func checkRows(rows []Row) error {
	known := rowCheck{map[string]int{}, map[string]string{}}
	for i, r := range rows {
		if err := known.check(r, i+2); err != nil { // the line in the file of the split
			return fmt.Errorf("image %s: %w", r.ImageID, err)
		}
	}
	return nil
}

// rowCheck checks rows one after the other against the rows before.
type rowCheck struct {
	line map[string]int    // by image
	dx   map[string]string // by lesion
}

// check returns an [eval.RowError] with the column of the mistake.
func (c rowCheck) check(r Row, line int) error {
	if first, twice := c.line[r.ImageID]; twice {
		return csvtable.Errorf("image_id", "%s is listed already in line %d", r.ImageID, first)
	}
	c.line[r.ImageID] = line
	if !slices.Contains(Parts, r.Part) {
		return csvtable.Errorf("part", "unknown part %q; known are train, val, test", r.Part)
	}
	if _, err := ham10000.ClassIndex(r.Dx); err != nil {
		return csvtable.Errorf("dx", "%w", err)
	}
	if dx, ok := c.dx[r.LesionID]; ok && dx != r.Dx {
		return csvtable.Errorf("dx", "lesion %s is %s here and %s elsewhere", r.LesionID, r.Dx, dx)
	}
	c.dx[r.LesionID] = r.Dx
	return nil
}

// checkLesions checks the promises of a protocol about lesions.
func (s *Split) checkLesions(protocol *Protocol) error {
	first := make(map[string]Row)
	for _, r := range s.Rows {
		f, ok := first[r.LesionID]
		if !ok {
			first[r.LesionID] = r
			continue
		}
		if f.Part != r.Part && !protocol.mixes(s.Options, f.Part, r.Part) {
			return fmt.Errorf("lesion %s is in part %s (%s) and in part %s (%s); protocol %s keeps a lesion in one part",
				r.LesionID, f.Part, f.ImageID, r.Part, r.ImageID, s.Protocol)
		}
		if protocol.SinglePhotoTest && r.Part == Test {
			return fmt.Errorf("lesion %s has several photos in part test (%s, %s); protocol %s tests on lesions with one photo",
				r.LesionID, f.ImageID, r.ImageID, s.Protocol)
		}
	}
	return nil
}
