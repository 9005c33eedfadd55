package split

import (
	"errors"
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// Shares of Crossover.
const (
	crossoverHalf = 1.0 / 2 // of the lesions with several photos
	crossoverVal  = 1.0 / 8 // of the lone photos
)

// Crossover draws two splits that measure the effect of a leak. In both, the first
// photo, in the order of the records, of every lesion with several photos is test.
// These lesions are divided into halves, stratified by diagnosis: the first split
// trains on the other photos of one half, the second on the other photos of the other
// half, and both on the same lone photos, except for an eighth that is val. So one
// network has seen the lesion of a test photo in training, and the other has not. As
// the networks change roles from half to half, all other differences between them
// cancel (a crossover design: Senn, Cross-over Trials in Clinical Research, 2002).
//
// The splits have no protocol. It is an error if there are too few lesions with
// several photos, or with one photo.
func Crossover(records []ham10000.Record, seed uint64) (splits [2]*Split, err error) {
	if err := checkRows(rowsOf(records, nil)); err != nil { // before the draw, which relies on it
		return splits, fmt.Errorf("drawing a crossover: %w", err)
	}
	lone, several := byPhotos(records)
	d := &draw{seed: seed, protocol: "crossover"}
	train, val := d.hold(lone, crossoverVal, "val")
	var halves [2][]unit
	halves[0], halves[1] = d.hold(several, crossoverHalf, "half")
	if len(train) == 0 || len(val) == 0 || len(halves[0]) == 0 || len(halves[1]) == 0 {
		return splits, errors.New("drawing a crossover: there are too few lesions with one photo, or too few with several")
	}
	for half := range splits {
		parts := assign(train, val, nil)
		for _, lesion := range several {
			parts[lesion.images[0]] = Test
		}
		for _, lesion := range halves[half] {
			for _, id := range lesion.images[1:] {
				parts[id] = Train
			}
		}
		splits[half] = &Split{Options: Options{Seed: seed}, Rows: rowsOf(records, parts)}
	}
	return splits, nil
}
