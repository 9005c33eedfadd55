package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/skinattn/skinattn/pkg/skinattn/figures"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

type dataCommand struct {
	Fetch dataFetchCommand `cmd:"" help:"Fetch HAM10000 from Harvard Dataverse."`
	Check dataCheckCommand `cmd:"" help:"Counts; missing, damaged, odd and duplicate files by name."`
	Stats dataStatsCommand `cmd:"" help:"Distributions of class, age, sex, localization."`
}

type dataCheckCommand struct{}

// errBadData makes the exit code 1; the report says why.
var errBadData = errors.New("the data folder has missing or damaged files, listed above; fetch them again with scripts/download.sh")

// Run decodes everything and reports.
func (dataCheckCommand) Run(s *session) error {
	data, err := s.openData()
	if err != nil {
		return err
	}
	report, err := data.Check(s.ctx, s.progress("checking files"))
	if err != nil {
		return err
	}
	if s.JSON {
		err = s.answer(report)
	} else {
		writeReport(s.stdout, report)
	}
	if err == nil && !report.OK {
		err = errBadData
	}
	return err
}

// writeReport prints a report for people.
func writeReport(w io.Writer, r *ham10000.Report) {
	fmt.Fprintf(w, "%s: %d images of %d lesions, %d with a file, most %dx%d\n", r.Dir, r.Records, r.Lesions, r.Images, r.Width, r.Height)
	for _, class := range ham10000.Classes {
		fmt.Fprintf(w, "  %-5s %5d\n", class, r.ByClass[class])
	}
	list := func(title string, items []string) {
		if len(items) > 0 {
			fmt.Fprintf(w, "%s (%d): %s\n", title, len(items), strings.Join(items, ", "))
		}
	}
	problems := func(files []ham10000.FileProblem) (lines []string) {
		for _, f := range files {
			lines = append(lines, fmt.Sprintf("%s (%s)", f.Path, f.Problem))
		}
		return lines
	}
	var sizes, duplicates, doubles []string
	for _, i := range r.WrongSize {
		sizes = append(sizes, fmt.Sprintf("%s %dx%d", i.ImageID, i.Width, i.Height))
	}
	for _, group := range r.Duplicates {
		duplicates = append(duplicates, strings.Join(group, " = "))
	}
	for _, d := range r.DoubleFiles {
		doubles = append(doubles, strings.Join(d.Paths, " and "))
	}
	list("missing", r.Missing)
	list("damaged", problems(r.Damaged))
	list("of another size", sizes)
	list("not in the metadata", r.Extra)
	list("equal pixels", duplicates)
	list("several files", doubles)
	fmt.Fprintf(w, "masks: %d\n", r.Masks.Files)
	list("masks missing", r.Masks.Missing)
	list("masks damaged", problems(r.Masks.Damaged))
	list("masks of unknown images", r.Masks.Extra)
	if r.Complete {
		fmt.Fprintln(w, "This is the complete HAM10000.")
	} else {
		list("not the complete HAM10000", r.Differences)
	}
}

type dataStatsCommand struct {
	Figures string `help:"Also draw them, into this folder: images and lesions, age, sex and localization by class." placeholder:"DIR"`
	figureStyle
}

// Run prints the distributions and, with --figures, draws them.
func (c *dataStatsCommand) Run(s *session) error {
	style, err := c.style()
	if err != nil {
		return err
	}
	data, err := s.openData()
	if err != nil {
		return err
	}
	stats := data.Stats()
	if c.Figures != "" {
		described, err := figures.OfData(stats)
		if err != nil {
			return err
		}
		paths, err := figures.Save(described, c.Figures, style, c.Format)
		if err != nil {
			return err
		}
		s.log(fmt.Sprintf("%d figures in %s", len(paths), c.Figures))
	}
	if s.JSON {
		return s.answer(stats)
	}
	return writeStats(s.stdout, stats)
}

// writeStats prints distributions: a column for all images and a column for each class.
func writeStats(w io.Writer, stats *ham10000.Stats) error {
	columns := append([]ham10000.Distribution{stats.All}, stats.ByClass...)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(title string, value func(d ham10000.Distribution) string) {
		fmt.Fprintf(table, "%s\t", title)
		for _, d := range columns {
			fmt.Fprintf(table, "%s\t", value(d))
		}
		fmt.Fprintln(table)
	}
	number := func(n int) string { return fmt.Sprint(n) }
	age := func(pick func(*ham10000.AgeSummary) float64) func(ham10000.Distribution) string {
		return func(d ham10000.Distribution) string {
			if d.Age.Summary == nil {
				return "-"
			}
			return fmt.Sprintf("%.1f", pick(d.Age.Summary))
		}
	}
	row("", func(d ham10000.Distribution) string { return d.Dx })
	row("images", func(d ham10000.Distribution) string { return number(d.Images) })
	row("lesions", func(d ham10000.Distribution) string { return number(d.Lesions) })
	row("age mean", age(func(a *ham10000.AgeSummary) float64 { return a.Mean }))
	row("age sd", age(func(a *ham10000.AgeSummary) float64 { return a.Std }))
	row("age missing", func(d ham10000.Distribution) string { return number(d.Age.Missing) })
	for _, group := range []struct {
		title string
		pick  func(ham10000.Distribution) []ham10000.Count
	}{
		{"sex", func(d ham10000.Distribution) []ham10000.Count { return d.Sex }},
		{"localization", func(d ham10000.Distribution) []ham10000.Count { return d.Localization }},
		{"dx_type", func(d ham10000.Distribution) []ham10000.Count { return d.DxType }},
		{"images a lesion", func(d ham10000.Distribution) []ham10000.Count { return d.ImagesPerLesion }},
	} {
		for _, value := range group.pick(stats.All) {
			row(group.title+" "+value.Value, func(d ham10000.Distribution) string {
				for _, c := range group.pick(d) {
					if c.Value == value.Value {
						return number(c.Count)
					}
				}
				return "0"
			})
		}
	}
	return table.Flush()
}
