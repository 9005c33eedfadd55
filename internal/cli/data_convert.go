package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000/convert"
)

type dataConvertCommand struct {
	From         string `arg:"" help:"The copy: a folder, or a Parquet file."`
	Out          string `help:"Folder to make; the copy's own folder leaves the photos where they are." required:"" placeholder:"DIR"`
	Published    string `help:"The published table, HAM10000_metadata.csv, whose rows take the place of the copy's (default: looked for in the copy's folder and beside it)." placeholder:"FILE"`
	WithTest     bool   `help:"Also the official ISIC 2018 validation and test photos of an export of the ISIC Archive, into the folders isic2018_val and isic2018_test beside it."`
	ArchiveSites bool   `help:"Leave of each site what the ISIC Archive has of it, as if the copy were an export: to measure what the coarser sites cost."`
}

// Run converts, and says what was not as in the published data set.
func (c *dataConvertCommand) Run(s *session) error {
	if c.From == "" || c.Out == "" {
		return usagef("the name of a folder is empty")
	}
	result, err := convert.Folder(s.ctx, c.From, c.Out, convert.Options{Published: c.Published, WithTest: c.WithTest, ArchiveSites: c.ArchiveSites, Progress: s.progress("photos")})
	if err != nil {
		return err
	}
	if s.JSON {
		return s.answer(result)
	}
	return c.describe(s.stdout, result)
}

// describe tells people what was made.
func (c *dataConvertCommand) describe(w io.Writer, r *convert.Result) error {
	var text strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&text, format+"\n", args...) }
	line("%s: %s", r.Table, plural(r.Records, "photo"))
	for _, out := range r.LeftOut {
		line("left out: %d of %s", len(out.ImageIDs), out.Why)
	}
	for _, dir := range r.Official {
		line("official photos: %s (--test-data)", dir)
	}
	if n := len(r.Missing); n > 0 {
		line("without a photo: %s", someNames(r.Missing))
	}
	if r.Recoded > 0 {
		line("%s became PNG, with the same pixels", plural(r.Recoded, "photo"))
	}
	if r.Repeated > 0 {
		line("%s of the copy repeat a photo; its own division into parts has photos in several of them and is not used", plural(r.Repeated, "row"))
	}
	if r.Changed > 0 {
		line("%d of them have other bytes than the first: the copy may be augmented", r.Changed)
	}
	if c.ArchiveSites {
		line("sites as the ISIC Archive has them, as asked for: %s", ham10000.DescribeCoarseSites(r.CoarseSites))
	} else if r.Published != "" {
		var filled []string
		for _, column := range r.FilledColumns() {
			filled = append(filled, fmt.Sprintf("%s of %d", column, r.Filled[column]))
		}
		line("from the published table %s: %s", r.Published, strings.Join(filled, ", "))
	} else if coarse := ham10000.DescribeCoarseSites(r.CoarseSites); coarse != "" {
		line("sites as the ISIC Archive has them: %s; with the published table beside the copy ('skinattn data fetch --only-metadata' gets it), they are exact", coarse)
	}
	line("now: skinattn data check --data %s", r.Dir)
	_, err := io.WriteString(w, text.String())
	return err
}
