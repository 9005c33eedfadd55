package plots

import (
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
)

// niceStep returns the smallest of 1, 2, 5, 10, 20, ... (times a power of ten)
// that divides a span into at most n steps.
func niceStep(span float64, n int) float64 {
	if !(span > 0) {
		return 1
	}
	raw := span / float64(n)
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5, 10} {
		if m*power >= raw*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

func ticksAt(low, high, step float64) []plot.Tick {
	decimals := max(0, int(math.Ceil(-math.Log10(step)-1e-9)))
	var ticks []plot.Tick
	for i := math.Ceil(low/step - 1e-9); i*step <= high+1e-9*step; i++ {
		v := i*step + 0 // no negative zero
		ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'f', decimals, 64)})
	}
	return ticks
}

// unitTicks returns a ticker of multiples of step from 0 to 1.
func unitTicks(step float64) plot.TickerFunc {
	return func(float64, float64) []plot.Tick { return ticksAt(0, 1, step) }
}

// fewTicks returns ticks for short axes: at least two round numbers, and rarely
// more than five.
func fewTicks(low, high float64) []plot.Tick {
	ticks := ticksAt(low, high, niceStep(high-low, 4))
	if len(ticks) < 2 {
		ticks = ticksAt(low, high, niceStep(high-low, 8))
	}
	return ticks
}

// barTicks returns ticks for axes that begin at 0, such as fifths of 1.
func barTicks(low, high float64) []plot.Tick { return ticksAt(low, high, niceStep(high-low, 5)) }

// logarithmic turns a ticker for numbers into a ticker for an axis of their
// logarithms to base 10. Such axes replace gonum's [plot.LogScale], which leaves
// room for the axis' label as if it stood at the arithmetic middle.
func logarithmic(ticker func(low, high float64) []plot.Tick) plot.TickerFunc {
	return func(low, high float64) []plot.Tick {
		ticks := ticker(math.Pow(10, low)*(1-1e-9), math.Pow(10, high)*(1+1e-9))
		for i := range ticks {
			ticks[i].Value = math.Log10(ticks[i].Value)
		}
		return ticks
	}
}

// power writes a power of ten, small ones as 1e-5.
func power(v float64) string {
	if exponent := int(math.Round(math.Log10(v))); exponent < -3 {
		return "1e" + strconv.Itoa(exponent)
	}
	return strconv.FormatFloat(v, 'g', 1, 64)
}

// wholeTicks returns a ticker of whole numbers with at most n steps between them.
func wholeTicks(n int) plot.TickerFunc {
	return func(low, high float64) []plot.Tick { return ticksAt(low, high, max(1, niceStep(high-low, n))) }
}

// decadeTicks returns ticks at 1, 2, ... 9 times each power of ten, with a label for
// the factor and the value, empty for none.
func decadeTicks(low, high float64, label func(m, v float64) string) []plot.Tick {
	var ticks []plot.Tick
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for m := 1.0; m < 10; m++ {
			if v := m * math.Pow(10, e); v >= low && v <= high {
				ticks = append(ticks, plot.Tick{Value: v, Label: label(m, v)})
			}
		}
	}
	return ticks
}

// decades returns powers of ten with unlabelled ticks between them. If an axis has
// no power of ten, all ticks are labelled.
func decades(low, high float64) []plot.Tick {
	ticks := decadeTicks(low, high, func(m, v float64) string {
		if m == 1 {
			return power(v)
		}
		return ""
	})
	if slices.ContainsFunc(ticks, func(t plot.Tick) bool { return t.Label != "" }) {
		return ticks
	}
	return decadeTicks(low, high, func(_, v float64) string { return strconv.FormatFloat(v, 'g', 1, 64) })
}

// unlabelled is a ticker with the labels removed.
type unlabelled struct{ plot.Ticker }

// Ticks implements [plot.Ticker].
func (u unlabelled) Ticks(low, high float64) []plot.Tick {
	ticks := slices.Clone(u.Ticker.Ticks(low, high)) // constant ticks are the ticker's own
	for i := range ticks {
		ticks[i].Label = ""
	}
	return ticks
}
