package paper

import (
	"fmt"
	"math"
	"math/big"
	"strings"
)

// Number is the text of a value in its source, with its decimals, such as "0.90",
// "25.6M", "-" or "Unknown".
type Number string

// rational returns the exact value, nil if the text is no number, and the number of
// decimals: -5 for "25.6M", whose last digit counts hundreds of thousands.
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
		value.Mul(value, powerOfTen(6))
		decimals -= 6
	}
	return value, decimals
}

// Value returns the value, NaN if the text is no number.
func (n Number) Value() float64 {
	value, _ := n.rational()
	if value == nil {
		return math.NaN()
	}
	f, _ := value.Float64()
	return f
}

// Agreement says how a printed value relates to the exact value.
type Agreement int

// The relations between a printed and an exact value.
const (
	Incomparable Agreement = iota // at least one of the two is no number
	Rounded                       // equal at the printed precision, rounded half up
	Truncated                     // equal if the further digits of the exact value are cut off
	Differs
)

// String returns the agreement in a word.
func (a Agreement) String() string {
	words := [...]string{"incomparable", "rounded", "truncated", "differs"}
	if a < 0 || int(a) >= len(words) {
		return fmt.Sprintf("Agreement(%d)", int(a))
	}
	return words[a]
}

// Compare says how printed relates to exact. The printed text gives the precision,
// but at least decimals: a table of two decimals prints 0.90 as "0.9".
func Compare(printed, exact Number, decimals int) Agreement {
	p, printedDecimals := printed.rational()
	e, _ := exact.rational()
	if p == nil || e == nil {
		return Incomparable
	}
	places := printedDecimals
	if places >= 0 { // not a number of millions
		places = max(places, decimals)
	}
	unit := powerOfTen(places)
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

// powerOfTen returns 10^n.
func powerOfTen(n int) *big.Rat {
	power := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(n, -n))), nil))
	if n < 0 {
		power.Inv(power)
	}
	return power
}

// floor returns the greatest whole number not above r; r must not be negative.
func floor(r *big.Rat) *big.Rat {
	return new(big.Rat).SetInt(new(big.Int).Quo(r.Num(), r.Denom()))
}
