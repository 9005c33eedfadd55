package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/skinattn/skinattn/pkg/skinattn/figures"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

type dataCommand struct {
	Fetch   dataFetchCommand   `cmd:"" help:"Fetch HAM10000 from Harvard Dataverse."`
	Check   dataCheckCommand   `cmd:"" help:"Counts; missing, damaged, odd and duplicate files by name."`
	Stats   dataStatsCommand   `cmd:"" help:"Distributions of class, age, sex, localization."`
	Convert dataConvertCommand `cmd:"" help:"Make a folder of the published form from another copy of HAM10000."`
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
			fmt.Fprintf(w, "%s (%d): %s\n", title, len(items), someNames(items))
		}
	}
	files := func(title string, files []ham10000.FileProblem) {
		byFolder := map[string][]string{}
		for _, f := range files {
			folder := filepath.Dir(f.Path)
			byFolder[folder] = append(byFolder[folder], fmt.Sprintf("%s (%s)", f.Path, f.Problem))
		}
		if len(byFolder) == 1 {
			for _, names := range byFolder {
				list(title, names)
			}
			return
		}
		if len(files) > 0 {
			fmt.Fprintf(w, "%s (%d):\n", title, len(files))
		}
		for _, folder := range slices.Sorted(maps.Keys(byFolder)) {
			fmt.Fprintf(w, "  %s (%d): %s\n", folder, len(byFolder[folder]), someNames(byFolder[folder]))
		}
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
	for _, out := range r.LeftOut {
		list("left out of HAM10000, "+out.Why, out.ImageIDs)
	}
	list("missing", r.Missing)
	files("damaged", r.Damaged)
	files("in a format that is not read ('skinattn data convert' makes PNG of BMP, GIF, TIFF and WebP)", r.Unread)
	list("folders that may not be read", r.Denied)
	list("of another size", sizes)
	if len(r.Extra) > 0 {
		fmt.Fprintf(w, "not in the metadata (%d):\n", len(r.Extra))
	}
	for _, group := range r.ExtraByFolder {
		what := group.What
		if what != "" {
			what = ", of " + what
		}
		fmt.Fprintf(w, "  %s (%d%s): %s\n", group.Folder, len(group.ImageIDs), what, someNames(group.ImageIDs))
	}
	list("equal pixels", duplicates)
	list("several files", doubles)
	files("not as taken, by the ISIC Archive", r.Manipulated)
	fmt.Fprintf(w, "masks: %d\n", r.Masks.Files)
	list("masks missing", r.Masks.Missing)
	files("masks damaged", r.Masks.Damaged)
	list("masks of unknown images", r.Masks.Extra)
	switch {
	case r.Complete:
		fmt.Fprintln(w, "This is the complete HAM10000.")
	case len(r.Differences) > 0:
		list("not the complete HAM10000", r.Differences)
	case r.OK:
		fmt.Fprintln(w, "All photos of HAM10000, with other metadata than in the published table:")
	}
	for _, line := range r.MetadataDifferences {
		fmt.Fprintf(w, "  %s\n", line)
	}
}

// Names in a list: runs of image ids with consecutive numbers are shortened in lists that
// are longer than fewNames, and mostNames are printed.
const fewNames, mostNames = 20, 60

// someNames joins names. A long list is shortened, and says so.
func someNames(names []string) string {
	if len(names) <= fewNames {
		return strings.Join(names, ", ")
	}
	var texts []string
	for at := 0; at < len(names); {
		end := at + 1
		for end < len(names) && follows(names[end-1], names[end]) {
			end++
		}
		if n := end - at; n > 2 {
			texts = append(texts, fmt.Sprintf("%s to %s (%d)", names[at], names[end-1], n))
		} else {
			texts = append(texts, names[at:end]...)
		}
		at = end
	}
	if more := len(texts) - mostNames; more > 0 {
		texts = append(texts[:mostNames], fmt.Sprintf("and %d more, which --json lists", more))
	}
	return strings.Join(texts, ", ")
}

// follows reports whether b is the image id after a.
func follows(a, b string) bool {
	prefix := len("ISIC_")
	if len(a) != len(b) || len(a) <= prefix || a[:prefix] != b[:prefix] {
		return false
	}
	m, err := strconv.Atoi(a[prefix:])
	n, err2 := strconv.Atoi(b[prefix:])
	return err == nil && err2 == nil && n == m+1
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
