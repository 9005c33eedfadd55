package split

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// Protocol is a rule that divides HAM10000. A new protocol is a row of Protocols
// and a function that draws; New and Check, the command line, the columns of reports
// and the tables in docs/ follow from the row.
type Protocol struct {
	// Name in flags, files and documents.
	Name string
	// Summary is a line without a full stop, for --help and docs/training.md.
	Summary string
	// Parts have images in every split of the protocol; no other part has any.
	Parts []Part
	// AsRunParts replace Parts if Options.AsRun is set; nil if the protocol does not
	// take the option.
	AsRunParts []Part
	// Takes lists the options beside the seed. OptionFolds includes OptionFold.
	Takes []Option
	// ByLesion is set if no lesion is in two parts.
	ByLesion bool
	// SinglePhotoTest is set if the lesions of part test have one photo each.
	SinglePhotoTest bool
	// OfficialTest is set if the test images come from another data set, and are
	// not in the split.
	OfficialTest bool
	// Column describes the runs of the protocol in the tables of reports; without a Key
	// they have no column.
	Column Column

	draw func(d *draw, records []ham10000.Record, opts Options) map[string]Part // by image id
}

// Column describes the runs of a protocol in reports.
type Column struct {
	// Key names the column in CSV and JSON, Head in tables.
	Key, Head string
	// Explanation is one or more sentences in Markdown.
	Explanation string
	// Reported names the evaluated images, for docs/reproduce.md.
	Reported string
}

// The names of the protocols.
const (
	Paper    = "paper"
	Datta828 = "datta828"
	Grouped  = "grouped"
	ISIC2018 = "isic2018"
	LeakPair = "leak-pair"
)

// Protocols are all protocols, in the order of help texts and of columns.
var Protocols = []Protocol{
	{
		Name: Paper, Summary: "as the authors split: by image, so that lesions leak; no test part",
		Parts: []Part{Train, Val}, Takes: []Option{OptionTestShare}, draw: (*draw).paper,
		Column: Column{
			Key: "ours_leaky", Head: "ours, leaky",
			Explanation: "protocol `paper`, as the authors split: by image, so that photos of one lesion fall into both parts, and reported on the part that chose the epoch. " +
				"The leak rate, the share of reported images whose lesion was trained on, is measured on each run's split.",
			Reported: "the part that chose the epoch, as the authors did; always with the leak rate, the share of reported images whose lesion was trained on, measured on the run's `split.csv`",
		},
	},
	{
		Name: Datta828, Summary: "of [14]: the test is 828 images of single-image lesions",
		Parts: []Part{Train, Val, Test}, AsRunParts: []Part{Train, Test}, Takes: []Option{OptionAsRun}, ByLesion: true, SinglePhotoTest: true, draw: (*draw).datta828,
		Column: Column{
			Key: "ours_datta828", Head: "ours, datta828",
			Explanation: "protocol `datta828`, the split of [14]: 828 images of lesions with a single photo; a lesion-grouped tenth of the rest chooses the epoch.",
			Reported:    "828 images of lesions with a single photo",
		},
	},
	{
		Name: Grouped, Summary: "70/10/20 by lesion, or folds: no lesion in two parts",
		Parts: []Part{Train, Val, Test}, Takes: []Option{OptionFolds}, ByLesion: true, draw: (*draw).grouped,
		Column: Column{
			Key: "ours_grouped", Head: "ours, grouped",
			Explanation: "protocol `grouped`, by lesion: no lesion is in two parts, and the test chooses nothing. The number to believe.",
			Reported:    "a test part of other lesions that chose nothing: the number to believe",
		},
	},
	{
		Name: ISIC2018, Summary: "train and val by lesion; the official test comes from its own folder",
		Parts: []Part{Train, Val}, ByLesion: true, OfficialTest: true, draw: (*draw).isic2018,
		Column: Column{
			Key: "official_test", Head: "official test",
			Explanation: "protocol `isic2018`: trained on HAM10000, one look at the official ISIC 2018 test (1,512 images).",
			Reported:    "the official ISIC 2018 test",
		},
	},
	{
		Name: LeakPair, Summary: "two arms with one test: train has other photos of its lesions, or as many of other lesions",
		Parts: []Part{Train, Val, Test}, Takes: []Option{OptionArm}, draw: (*draw).leakPair,
	},
}

// Columns returns the protocols whose runs have a column in the tables of reports.
func Columns() []Protocol {
	return slices.DeleteFunc(slices.Clone(Protocols), func(p Protocol) bool { return p.Column.Key == "" })
}

// mixes reports whether photos of one lesion may be in both parts, which differ, of a
// split with the options.
func (p *Protocol) mixes(o Options, a, b Part) bool {
	if p.Name == LeakPair {
		return o.Arm == ArmWith && a != Val && b != Val
	}
	return !p.ByLesion
}

// Names returns the names of all protocols.
func Names() []string { return NamesTaking("") }

// NamesTaking returns the names of the protocols that take an option.
func NamesTaking(o Option) []string {
	var names []string
	for _, p := range Protocols {
		if o == "" || slices.Contains(p.Takes, o) {
			names = append(names, p.Name)
		}
	}
	return names
}

// WithOfficialTest returns the names of the protocols whose test photos come from another
// data set.
func WithOfficialTest() []string {
	var names []string
	for _, p := range Protocols {
		if p.OfficialTest {
			names = append(names, p.Name)
		}
	}
	return names
}

// Find returns the protocol with a name.
func Find(name string) (*Protocol, error) {
	for i := range Protocols {
		if Protocols[i].Name == name {
			return &Protocols[i], nil
		}
	}
	return nil, fmt.Errorf("unknown protocol %q; known are %s", name, strings.Join(Names(), ", "))
}

// parts returns the parts of a split with the options.
func (p *Protocol) parts(opts Options) []Part {
	if opts.AsRun {
		return p.AsRunParts
	}
	return p.Parts
}

// paper draws an image-level split of the records with a known age, as the
// paper's authors did: a stratified tenth of the images, or Options.TestShare, is
// val. Photos of one lesion can be in both parts.
func (d *draw) paper(records []ham10000.Record, opts Options) map[string]Part {
	var known []ham10000.Record
	for _, r := range records {
		if r.HasAge() {
			known = append(known, r)
		}
	}
	rest, val := d.hold(images(known), cmp.Or(opts.TestShare, 0.10), "val")
	return assign(rest, val, nil)
}

// datta828 draws the split of Datta et al. 2021 (arXiv 2105.03358): a stratified
// 15 % of the lesions with one photo is test (828 images of the real data set).
// Val is a tenth of the other lesions, and empty with Options.AsRun.
func (d *draw) datta828(records []ham10000.Record, opts Options) map[string]Part {
	single, several := byPhotos(records)
	rest, test := d.hold(single, 0.15, "test")
	rest = append(rest, several...)
	if opts.AsRun {
		return assign(rest, nil, test)
	}
	rest, val := d.hold(rest, 0.10, "val")
	return assign(rest, val, test)
}

// grouped draws lesions, stratified by diagnosis: a fifth, or fold Options.Fold, is
// test, and an eighth of the rest is val: a tenth of all beside a fifth.
func (d *draw) grouped(records []ham10000.Record, opts Options) map[string]Part {
	all := lesions(records)
	var rest, test []unit
	stage := "val"
	if opts.Folds == 0 {
		rest, test = d.hold(all, 0.20, "test")
	} else {
		rest, test = d.fold(all, opts.Folds, opts.Fold)
		stage = "val of fold" // a stream of its own, independent of the 70/10/20 draw
	}
	rest, val := d.hold(rest, 1.0/8, stage)
	return assign(rest, val, test)
}

// isic2018 draws a stratified tenth of the lesions as val.
func (d *draw) isic2018(records []ham10000.Record, _ Options) map[string]Part {
	rest, val := d.hold(lesions(records), 0.10, "val")
	return assign(rest, val, nil)
}
