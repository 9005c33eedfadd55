package figures

import (
	"slices"

	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// OfData describe a data set: images and lesions by class (the paper's
// Table 2), age, sex and body site by class. What is missing or unknown is shown
// as such.
func OfData(stats *ham10000.Stats) []plots.NamedFigure {
	var classes []string
	images, lesions := plots.CountSeries{Name: "images"}, plots.CountSeries{Name: "lesions"}
	ages := &plots.Histograms{XLabel: "Age (years)", YLabel: "Share of images of known age", Columns: 2}
	for _, d := range slices.Concat([]ham10000.Distribution{stats.All}, stats.ByClass) {
		group := plots.HistogramGroup{Name: d.Dx, Missing: d.Age.Missing}
		for _, bin := range d.Age.Histogram {
			group.Counts = append(group.Counts, bin.Count)
			ages.Width = float64(bin.To - bin.From)
		}
		ages.Groups = append(ages.Groups, group)
	}
	for _, d := range stats.ByClass {
		classes = append(classes, d.Dx)
		images.Counts, lesions.Counts = append(images.Counts, d.Images), append(lesions.Counts, d.Lesions)
	}
	figures := []plots.NamedFigure{
		{Name: "data-classes", Figure: &plots.Distribution{Categories: classes, Series: []plots.CountSeries{images, lesions}, Layout: plots.LayoutBeside, XLabel: "Images and lesions"}},
		{Name: "data-sex", Figure: sexes(stats, classes)},
		{Name: "data-localization", Figure: sites(stats, classes)},
	}
	if stats.All.Age.Known > 0 {
		figures = append(figures, plots.NamedFigure{Name: "data-age", Figure: ages})
	}
	return figures
}

// countOf is how often a value occurs.
func countOf(counts []ham10000.Count, value string) int {
	for _, c := range counts {
		if c.Value == value {
			return c.Count
		}
	}
	return 0
}

// sexes are the shares of the sexes by class.
func sexes(stats *ham10000.Stats, classes []string) plots.Figure {
	f := &plots.Distribution{Categories: classes, Layout: plots.LayoutComposition, XLabel: "Share of images"}
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

// sites are the body sites by class, the most frequent first and the unknown
// last.
func sites(stats *ham10000.Stats, classes []string) plots.Figure {
	f := &plots.Crosstab{Columns: classes, YLabel: "Localization (% of the class's images)"}
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
