package plots

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Widths in letters from which a name is divided into lines: of a row or column, and of a
// panel. All names of the seven diagnoses and of metrics are shorter; spelt-out diagnoses
// such as benign_keratosis-like_lesions are not.
const (
	nameWidth      = 16
	panelNameWidth = 20
)

// wrapName divides a name of more than width letters into lines of at most so many, at
// spaces, underscores (which go) and hyphens (which stay). A word that is longer itself is
// divided anywhere.
func wrapName(name string, width int) string {
	if utf8.RuneCountInString(name) <= width {
		return name
	}
	words := strings.FieldsFunc(strings.ReplaceAll(name, "-", "-\x00"), func(r rune) bool { return r == ' ' || r == '_' || r == 0 })
	var lines []string
	for i := 0; i < len(words); i++ {
		word := words[i]
		if letters := []rune(word); len(letters) > width {
			word = string(letters[:width])
			words = slices.Insert(words, i+1, string(letters[width:]))
		}
		last := len(lines) - 1
		glue := " "
		if last >= 0 && strings.HasSuffix(lines[last], "-") {
			glue = ""
		}
		if last >= 0 && utf8.RuneCountInString(lines[last]+glue+word) <= width {
			lines[last] += glue + word
		} else {
			lines = append(lines, word)
		}
	}
	return strings.Join(lines, "\n")
}

// wrapNames divides all names.
func wrapNames(names []string, width int) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = wrapName(name, width)
	}
	return out
}

// nominalColumns puts names below columns at 0, 1, 2, ... Names that are wider than their
// columns, of a figure as wide as the style, are written upwards, in lines.
func (s Style) nominalColumns(p *plot.Plot, names []string) {
	room := 0.75 * s.Width / vg.Length(max(1, len(names)))
	style := s.text(1)
	style.Font = p.X.Tick.Label.Font
	for _, name := range names {
		if style.Width(name) > room {
			s.nominalAxis(&p.X, wrapNames(names, nameWidth))
			p.X.Tick.Label.Rotation = math.Pi / 2
			p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = draw.XRight, draw.YCenter
			return
		}
	}
	s.nominalAxis(&p.X, names)
}
