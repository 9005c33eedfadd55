package sweep

import (
	"math"
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// Parts are numbers of photos.
type Parts struct {
	All, Train, Val, Test int
	classes               []int // of Train
}

// fast are the parts of a run of a few batches, as pipeline.FastParts has them.
func (p Parts) fast(batch int) Parts {
	train := max(1, p.Train)
	p.Train, p.Val, p.Test = pipeline.FastParts(batch, p.Train, p.Val, p.Test)
	p.All = p.Train + p.Val + p.Test
	for class, n := range p.classes {
		p.classes[class] = int(math.Round(float64(n*p.Train) / float64(train)))
	}
	return p
}

// partsKey is what cells have in common whose parts have equally many photos, nearly: the
// seed moves some lesions.
type partsKey struct {
	protocol string
	options  split.Options // without the seed
	testData bool
}

// ham10000Parts are the numbers of photos of HAM10000 by protocol, at seed 1; TestHAM10000Parts compares
// them with the splits.
var ham10000Parts = map[string]Parts{
	split.Paper:    {All: 10015, Train: 8962, Val: 996},
	split.Datta828: {All: 10015, Train: 8236, Val: 951, Test: 828},
	split.Grouped:  {All: 10015, Train: 7035, Val: 991, Test: 1989},
	split.ISIC2018: {All: 10015, Train: 9021, Val: 994},
	split.LeakPair: {All: 10015, Train: 5704, Val: 1005, Test: 1802},
}

// ham10000Classes are the photos of each class, and without an age.
var ham10000Classes = []int{327, 514, 1099, 115, 1113, 6705, 142}

const (
	ham10000Ageless = 57
	officialTest    = 1512 // photos of ISIC 2018's test
)

// partsOf are the numbers of photos of a cell's parts.
func (e *estimator) partsOf(c *Cell, key partsKey, reg *spec.Regime) (p Parts, err error) {
	if known, ok := e.parts[key]; ok {
		p = known
	} else {
		if e.opts.Data != nil {
			p, err = drawn(e.opts.Data, c.begin())
		} else {
			p = typical(key)
		}
		if err != nil {
			return p, err
		}
		e.parts[key] = p
	}
	p.classes = slices.Clone(p.classes)
	if e.opts.Data == nil && reg.MissingAge == spec.DropAge && key.protocol != split.Paper {
		p.Val -= p.Val * ham10000Ageless / p.All
		for class := range p.classes {
			p.classes[class] -= p.classes[class] * ham10000Ageless / p.All
		}
	}
	return p, nil
}

// typical are the parts of HAM10000.
func typical(key partsKey) Parts {
	p, o := ham10000Parts[key.protocol], key.options
	switch {
	case o.TestShare > 0:
		all := p.Train + p.Val
		p.Val = int(math.Round(float64(all) * o.TestShare))
		p.Train = all - p.Val
	case o.AsRun:
		p.Train, p.Val = p.Train+p.Val, 0
	case o.Folds > 0:
		p.Test = p.All / o.Folds
		p.Val = (p.All - p.Test) / 8
		p.Train = p.All - p.Test - p.Val
	}
	if key.testData {
		p.Test = officialTest
	}
	rest := p.Train
	for _, n := range ham10000Classes {
		p.classes = append(p.classes, n*p.Train/p.All)
		rest -= n * p.Train / p.All
	}
	p.classes[slices.Index(ham10000Classes, slices.Max(ham10000Classes))] += rest
	return p
}

// drawn are the parts of a data set, by a split that is drawn.
func drawn(data *ham10000.Dataset, begin pipeline.Begin) (p Parts, err error) {
	s, err := split.New(begin.Protocol, data.Records, begin.Split)
	if err != nil {
		return p, err
	}
	p = Parts{All: len(data.Records), Train: len(s.Part(split.Train)), Val: len(s.Part(split.Val)), Test: len(s.Part(split.Test)), classes: make([]int, ham10000.NumClasses)}
	for _, row := range s.Part(split.Train) {
		class, err := ham10000.ClassIndex(row.Dx)
		if err != nil {
			return p, err
		}
		p.classes[class]++
	}
	return p, nil
}
