package eval

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Defined reports whether the interval has ends.
func (ci Interval) Defined() bool { return !math.IsNaN(ci.Low) && !math.IsNaN(ci.High) }

// FormatCI writes an interval as "[0.830, 0.867]", with a verb such as "%.3f" for its
// ends, and an undefined interval as empty text.
func FormatCI(ci Interval, verb string) string {
	if !ci.Defined() {
		return ""
	}
	return fmt.Sprintf("["+verb+", "+verb+"]", ci.Low, ci.High)
}

// FormatThousands writes 1234567 as 1,234,567.
func FormatThousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// text writes the interval for a text table, as a dash if it is undefined.
func (ci Interval) text() string {
	if !ci.Defined() {
		return "-"
	}
	return FormatCI(ci, "%.3f")
}

// FormatP writes a p-value with two significant digits, or as "<0.0001"; a dash if it is
// NaN. One at the floor of its resamples is an upper bound (see [Replicates.AtFloor]),
// rounded up: "<=0.001".
func FormatP(p float64, atFloor bool) string {
	switch {
	case math.IsNaN(p):
		return "-"
	case p < 0.0001:
		return "<0.0001"
	case atFloor:
		unit := math.Pow(10, math.Floor(math.Log10(p))-1)
		return fmt.Sprintf("<=%.2g", math.Ceil(p/unit-1e-9)*unit)
	default:
		return fmt.Sprintf("%.2g", p)
	}
}

// prefixed puts a prefix before each text.
func prefixed(prefix string, texts []string) (out []string) {
	for _, text := range texts {
		out = append(out, prefix+text)
	}
	return out
}

// notes writes caveats for a text table, a line each.
func notes(texts []string) string {
	return strings.Join(prefixed("note: ", texts), "\n") + strings.Repeat("\n", min(1, len(texts)))
}

// decimal writes a value for a text table, as a dash if it is undefined.
func decimal(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf("%.3f", v)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
