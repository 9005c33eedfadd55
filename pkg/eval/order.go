package eval

import (
	"cmp"
	"math"
	"slices"
)

// The digits by which byRising sorts, and the number of values below which comparing them
// is faster.
const (
	digitBits = 11
	digits    = (64 + digitBits - 1) / digitBits
	fewValues = 1000
)

// byRising returns the indices of values by rising value, those of equal values by rising
// index. It takes a time and memory in proportion to their number: a radix sort from the
// least digit to the greatest.
func byRising(values []float64) []uint32 {
	order := make([]uint32, len(values))
	for i := range order {
		order[i] = uint32(i)
	}
	if len(values) < fewValues {
		slices.SortFunc(order, func(a, b uint32) int {
			return cmp.Or(cmp.Compare(values[a], values[b]), cmp.Compare(a, b))
		})
		return order
	}
	var counts [digits][1 << digitBits]uint32
	keys := make([]uint64, len(values))
	for i, v := range values {
		keys[i] = risingKey(v)
		for d := range counts {
			counts[d][digit(keys[i], d)]++
		}
	}
	sortedKeys, sortedOrder := make([]uint64, len(values)), make([]uint32, len(values))
	for d := range counts {
		at := &counts[d]
		if int(at[digit(keys[0], d)]) == len(values) {
			continue // as in the last digits of all values that were float32
		}
		sum := uint32(0)
		for k, n := range at {
			at[k] = sum
			sum += n
		}
		for i, key := range keys {
			place := &at[digit(key, d)]
			sortedKeys[*place], sortedOrder[*place] = key, order[i]
			*place++
		}
		keys, sortedKeys = sortedKeys, keys
		order, sortedOrder = sortedOrder, order
	}
	return order
}

// digit returns a digit of a key, the least for 0.
func digit(key uint64, d int) uint64 { return key >> (d * digitBits) & (1<<digitBits - 1) }

// risingKey returns a whole number that rises with v and is equal for equal values.
func risingKey(v float64) uint64 {
	bits := math.Float64bits(v + 0) // no negative zero
	if bits>>63 != 0 {
		return ^bits
	}
	return bits | 1<<63
}
