package figures

import (
	"slices"

	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// classNames returns the classes of a data set.
func classNames(stats *ham10000.Stats) []string {
	var classes []string
	for _, d := range stats.ByClass {
		classes = append(classes, d.Dx)
	}
	return classes
}

// dataClasses draws images and lesions by class (the paper's Table 2).
func dataClasses(stats *ham10000.Stats) plots.Figure {
	images, lesions := plots.CountSeries{Name: "images"}, plots.CountSeries{Name: "lesions"}
	for _, d := range stats.ByClass {
		images.Counts, lesions.Counts = append(images.Counts, d.Images), append(lesions.Counts, d.Lesions)
	}
	return &plots.Distribution{Categories: classNames(stats), Series: []plots.CountSeries{images, lesions}, Layout: plots.LayoutBeside, XLabel: "Images and lesions"}
}

// dataAges draws histograms of age, of all images and by class; nil if no age is
// known.
func dataAges(stats *ham10000.Stats) plots.Figure {
	if stats.All.Age.Known == 0 {
		return nil
	}
	f := &plots.Histograms{XLabel: "Age (years)", YLabel: "Share of images of known age", Columns: 2}
	for _, d := range slices.Concat([]ham10000.Distribution{stats.All}, stats.ByClass) {
		group := plots.HistogramGroup{Name: d.Dx, Missing: d.Age.Missing}
		for _, bin := range d.Age.Histogram {
			group.Counts = append(group.Counts, bin.Count)
			f.Width = float64(bin.To - bin.From)
		}
		f.Groups = append(f.Groups, group)
	}
	return f
}

// countOf returns how often a value occurs.
func countOf(counts []ham10000.Count, value string) int {
	for _, c := range counts {
		if c.Value == value {
			return c.Count
		}
	}
	return 0
}

// dataSexes draws the shares of the sexes by class.
func dataSexes(stats *ham10000.Stats) plots.Figure {
	f := &plots.Distribution{Categories: classNames(stats), Layout: plots.LayoutComposition, XLabel: "Share of images"}
	for _, sex := range stats.All.Sex {
		series := plots.CountSeries{Name: sex.Value}
		if sex.Value == ham10000.Unknown {
			series.Color = plots.UnknownColor
		}
		for _, d := range stats.ByClass {
			series.Counts = append(series.Counts, countOf(d.Sex, sex.Value))
		}
		f.Series = append(f.Series, series)
	}
	return f
}

// dataSites draws the shares of the body sites by class, the most frequent site
// first and the unknown last.
func dataSites(stats *ham10000.Stats) plots.Figure {
	f := &plots.Crosstab{Columns: classNames(stats), YLabel: "Localization (% of the class's images)"}
	order := slices.Clone(stats.All.Localization)
	rank := func(c ham10000.Count) int {
		if c.Value == ham10000.Unknown {
			return 1
		}
		return -c.Count
	}
	slices.SortStableFunc(order, func(a, b ham10000.Count) int { return rank(a) - rank(b) })
	for _, site := range order {
		f.Rows = append(f.Rows, site.Value)
		row := []int{}
		for _, d := range stats.ByClass {
			row = append(row, countOf(d.Localization, site.Value))
		}
		f.Counts = append(f.Counts, row)
	}
	return f
}
