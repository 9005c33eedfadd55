package paper

import (
	"fmt"
	"math"
	"math/big"
	"strings"
)

// Number is a value as its source has it: text with its decimals, such as
// "0.90", "25.6M", "-" or "Unknown".
type Number string

// rational returns the exact value, nil if there is none, and the number of
// decimals; "25.6M" is 25.6 millions to one decimal of a million, so -5.
func (n Number) rational() (value *big.Rat, decimals int) {
	digits, millions := strings.CutSuffix(string(n), "M")
	value, ok := new(big.Rat).SetString(digits)
	if !ok || strings.ContainsAny(digits, "eE/_") {
		return nil, 0
	}
	if _, fraction, found := strings.Cut(digits, "."); found {
		decimals = len(fraction)
	}
	if millions {
		value.Mul(value, new(big.Rat).SetInt64(1_000_000))
		decimals -= 6
	}
	return value, decimals
}

// Value returns the number, NaN if the text is none.
func (n Number) Value() float64 {
	value, _ := n.rational()
	if value == nil {
		return math.NaN()
	}
	f, _ := value.Float64()
	return f
}

// Agreement says how a printed value comes from an exact one.
type Agreement int

// The ways in which a printed value relates to the one that it stands for.
const (
	Incomparable Agreement = iota // one of the two is no number
	Rounded                       // equal at the printed precision, rounded half up
	Truncated                     // equal once the further digits are cut off
	Differs
)

// String returns the agreement in a word.
func (a Agreement) String() string {
	switch a {
	case Incomparable:
		return "incomparable"
	case Rounded:
		return "rounded"
	case Truncated:
		return "truncated"
	case Differs:
		return "differs"
	}
	return fmt.Sprintf("Agreement(%d)", int(a))
}

// Compare says how printed comes from exact. The precision is that of the
// printed text, but at least decimals: a table of two decimals prints 0.90 as
// "0.9".
func Compare(printed, exact Number, decimals int) Agreement {
	p, printedDecimals := printed.rational()
	e, _ := exact.rational()
	if p == nil || e == nil {
		return Incomparable
	}
	unit := new(big.Rat).SetInt64(1)
	ten := big.NewRat(10, 1)
	places := printedDecimals
	if places >= 0 { // not a number of millions
		places = max(places, decimals)
	}
	for places != 0 {
		if places > 0 {
			unit.Mul(unit, ten)
			places--
		} else {
			unit.Quo(unit, ten)
			places++
		}
	}
	p.Mul(p, unit)
	e.Mul(e, unit)
	half := big.NewRat(1, 2)
	switch {
	case p.Cmp(floor(new(big.Rat).Add(e, half))) == 0:
		return Rounded
	case p.Cmp(floor(e)) == 0:
		return Truncated
	default:
		return Differs
	}
}

// floor returns the greatest whole number not above r, which is not negative
// anywhere here.
func floor(r *big.Rat) *big.Rat {
	return new(big.Rat).SetInt(new(big.Int).Quo(r.Num(), r.Denom()))
}
