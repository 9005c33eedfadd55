package saliency

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// By hand: the centres of two cells lie at 1/4 and 3/4 of the line, the centres of
// four pixels at 1/8, 3/8, 5/8 and 7/8; so the outer pixels have the cells'
// values, and the inner ones lie a quarter of the way between.
func TestUpsampleByHand(t *testing.T) {
	for _, c := range []struct {
		name            string
		cells           []float32
		rows, cols      int
		outRows, outCol int
		want            []float32
	}{
		{"a line", []float32{0, 4}, 1, 2, 1, 4, []float32{0, 1, 3, 4}},
		{"a column", []float32{0, 4}, 2, 1, 4, 1, []float32{0, 1, 3, 4}},
		{"2 x 2", []float32{0, 8, 16, 24}, 2, 2, 4, 4, []float32{
			0, 2, 6, 8,
			4, 6, 10, 12,
			12, 14, 18, 20,
			16, 18, 22, 24}},
		{"one cell", []float32{5}, 1, 1, 2, 3, []float32{5, 5, 5, 5, 5, 5}},
		{"the same size", []float32{1, 2, 3, 4}, 2, 2, 2, 2, []float32{1, 2, 3, 4}},
		{"odd factor: the middle pixel is the cell's", []float32{0, 3}, 1, 2, 1, 6, []float32{0, 0, 1, 2, 3, 3}},
	} {
		if got := Upsample(c.cells, c.rows, c.cols, c.outRows, c.outCol); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// By hand, on a picture of 3 x 3 whose left column is the lesion.
func TestScoreByHand(t *testing.T) {
	left := []bool{true, false, false, true, false, false, true, false, false}
	mask, err := NewMask(left, 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	third := 1. / 3
	for _, c := range []struct {
		name                            string
		values                          []float32
		mass, pointing, near, iou, auc_ float64
	}{
		{"the mask", []float32{1, 0, 0, 1, 0, 0, 1, 0, 0}, 1, 1, 1, 1, 1},
		{"all but the mask", []float32{0, 1, 1, 0, 1, 1, 0, 1, 1}, 0, 0, .5, 0, 0},
		// Of 3 places, the mask's 3 pixels get 1 on average: 1/(3+3-1).
		{"even", []float32{2, 2, 2, 2, 2, 2, 2, 2, 2}, third, third, 2 * third, .2, .5},
		{"nothing", make([]float32, 9), third, third, 2 * third, .2, .5},
		// 4 inside, 5 beside: the maximum misses by one pixel. Of the three
		// brightest (5, 4, one of seven zeros, two of them inside) 1 + 2/7 are
		// inside: (9/7)/(6 - 9/7). Pairs won: 4 beats 5 zeros; each inner zero
		// ties with 5: (5 + 2.5 + 2.5)/18.
		{"beside", []float32{4, 5, 0, 0, 0, 0, 0, 0, 0}, 4. / 9, 0, 1, 9. / 33, 10. / 18},
		{"far", []float32{0, 0, 1, 0, 0, 0, 0, 0, 0}, 0, 0, 0, (2 * 3. / 8) / (6 - 2*3./8), 7.5 / 18},
	} {
		got, err := mask.Score(c.values)
		if err != nil {
			t.Fatal(err)
		}
		want := []float64{c.mass, c.pointing, c.near, c.iou, c.auc_}
		for m, v := range want {
			if math.Abs(got[m]-v) > 1e-12 {
				t.Errorf("%s: %s is %v, want %v", c.name, Metric(m), got[m], v)
			}
		}
	}
}

// A mask that fills the picture has no outside: the rest is trivially perfect.
func TestScoreOfFullMask(t *testing.T) {
	mask, err := NewMask([]bool{true, true, true, true}, 2, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := mask.Score([]float32{0, 1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	if got[MassInside] != 1 || got[Pointing] != 1 || got[IoU] != 1 || !math.IsNaN(got[AUC]) {
		t.Errorf("scores %v", got)
	}
}

func TestMaskErrors(t *testing.T) {
	if _, err := NewMask(make([]bool, 4), 2, 0); !errors.Is(err, ErrEmptyMask) {
		t.Errorf("empty mask: %v", err)
	}
	for _, width := range []int{0, -1, 3} {
		if _, err := NewMask([]bool{true, true}, width, 0); err == nil {
			t.Errorf("width %d was taken", width)
		}
	}
	if _, err := NewMask([]bool{true}, 1, math.NaN()); err == nil {
		t.Error("a tolerance of NaN was taken")
	}
	mask, err := NewMask([]bool{true, false}, 2, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, values := range [][]float32{{1}, {-1, 0}, {float32(math.NaN()), 0}, {float32(math.Inf(1)), 0}} {
		if _, err := mask.Score(values); err == nil {
			t.Errorf("map %v was taken", values)
		}
	}
}

// Properties of every map and mask: monotone transforms change nothing but the
// mass, turning map and mask together changes nothing, an even map scores the
// mask's share, and a map and its negative share the AUC.
func TestScoreProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const width, height = 9, 6
	for range 200 {
		inside, values := make([]bool, width*height), make([]float32, width*height)
		for i := range inside {
			inside[i] = rng.IntN(3) == 0
			values[i] = float32(rng.IntN(1 + rng.IntN(50)))
		}
		inside[rng.IntN(len(inside))] = true
		mask, err := NewMask(inside, width, rng.Float64()*4)
		if err != nil {
			t.Fatal(err)
		}
		score := func(m *Mask, values []float32) Scores {
			s, err := m.Score(values)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		got := score(mask, values)
		squared, flipped, negated := slices.Clone(values), slices.Clone(values), slices.Clone(values)
		for i, v := range values {
			squared[i], negated[i] = v*v+1, 100-v
		}
		slices.Reverse(flipped)
		turnedInside := slices.Clone(inside)
		slices.Reverse(turnedInside)
		turned, err := NewMask(turnedInside, width, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []Metric{Pointing, PointingNear, IoU, AUC} {
			if other := score(mask, squared)[m]; math.Abs(other-got[m]) > 1e-12 {
				t.Fatalf("%s: %v, of squared values %v", m, got[m], other)
			}
		}
		for _, m := range []Metric{MassInside, Pointing, IoU, AUC} {
			if other := score(turned, flipped)[m]; math.Abs(other-got[m]) > 1e-12 {
				t.Fatalf("%s: %v, turned %v", m, got[m], other)
			}
			if got[m] < 0 || got[m] > 1 {
				t.Fatalf("%s is %v", m, got[m])
			}
		}
		if got[PointingNear] < got[Pointing] {
			t.Fatalf("pointing %v, with tolerance %v", got[Pointing], got[PointingNear])
		}
		if sum := got[AUC] + score(mask, negated)[AUC]; math.Abs(sum-1) > 1e-12 {
			t.Fatalf("AUC and that of the negative add up to %v", sum)
		}
		if even := score(mask, Uniform(width*height)); math.Abs(even[MassInside]-mask.Share()) > 1e-12 || even[AUC] != .5 {
			t.Fatalf("an even map scores %v, the mask's share is %v", even, mask.Share())
		}
	}
}

// Order is a permutation from bright to dark, and shuffles equal pixels evenly.
func TestOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	first := make([]int, 5)
	for range 2000 {
		order := Order([]float32{1, 9, 1, 1, 5}, rng)
		if order[0] != 1 || order[1] != 4 {
			t.Fatalf("order %v", order)
		}
		sorted := slices.Clone(order)
		slices.Sort(sorted)
		if !slices.Equal(sorted, []int{0, 1, 2, 3, 4}) {
			t.Fatalf("order %v is no permutation", order)
		}
		first[order[2]]++
	}
	for _, i := range []int{0, 2, 3} { // 667 each, standard deviation 21
		if first[i] < 560 || first[i] > 770 {
			t.Errorf("of three equal pixels, %d comes first %d times of 2000", i, first[i])
		}
	}
}

func TestReplaceAndStops(t *testing.T) {
	photo, fill, dst := []float32{1, 2, 3, 4, 5, 6, 7, 8, 9}, []float32{-1, -2, -3, -4, -5, -6, -7, -8, -9}, make([]float32, 9)
	Replace(dst, photo, fill, []int{2, 0})
	if want := []float32{-1, -2, -3, 4, 5, 6, -7, -8, -9}; !slices.Equal(dst, want) {
		t.Errorf("replaced: %v, want %v", dst, want)
	}
	if got, want := Stops(10, 4), []int{0, 3, 5, 8, 10}; !slices.Equal(got, want) {
		t.Errorf("stops %v, want %v", got, want)
	}
	if got, want := MeanColor([]float32{0, 10, 20, 4, 20, 0}), []float32{2, 15, 10, 2, 15, 10}; !slices.Equal(got, want) {
		t.Errorf("mean colour %v, want %v", got, want)
	}
}

// By hand: one standard deviation from the centre, exp(-1/2).
func TestGaussian(t *testing.T) {
	got := Gaussian(5, 2)
	if got[12] != 1 || math.Abs(float64(got[14])-math.Exp(-.5)) > 1e-7 || got[0] != got[24] || got[14] != got[22] {
		t.Errorf("Gaussian %v", got)
	}
}

// testTable has two methods and a baseline on five images of three lesions.
func testTable() *Table {
	nan := math.NaN()
	row := func(mass, deletion float64) Scores { return Scores{mass, 1, 1, mass / 2, .75, deletion, deletion} }
	return &Table{
		Classes: []string{"mel", "nv", "vasc"},
		Methods: []string{"attention", "other", "baseline:even"},
		Images: []Image{
			{"a", "x", 0, 0, .25, []Scores{row(.5, nan), row(.25, nan), row(.125, nan)}},
			{"b", "x", 0, 1, .5, []Scores{row(.75, nan), row(.5, nan), row(.5, nan)}},
			{"c", "y", 1, 1, .125, []Scores{row(1, .5), row(.25, .25), row(.75, .125)}},
			{"d", "z", 1, 1, 1, []Scores{row(.5, .25), row(.125, 1), row(1, .5)}},
			{"e", "", 1, 0, .0625, []Scores{row(0, .75), row(.5, .5), row(.25, 0)}},
		},
	}
}

func TestCSVRoundTrip(t *testing.T) {
	want := testTable()
	var text strings.Builder
	if err := want.WriteCSV(&text); err != nil {
		t.Fatal(err)
	}
	if first, _, _ := strings.Cut(text.String()[strings.IndexByte(text.String(), '\n')+1:], "\n"); first != "a,x,mel,mel,0.25,0.5,1,1,0.25,0.75,,,0.25,1,1,0.125,0.75,,,0.125,1,1,0.0625,0.75,," {
		t.Errorf("first row: %s", first)
	}
	got, err := ParseTable(strings.NewReader(text.String()), want.Classes)
	if err != nil {
		t.Fatal(err)
	}
	var again strings.Builder
	if err := got.WriteCSV(&again); err != nil {
		t.Fatal(err)
	}
	if again.String() != text.String() {
		t.Errorf("written, read and written:\n%s\nfirst:\n%s", again.String(), text.String())
	}
}

// A rounded table and the table read from its file have the same numbers.
func TestRoundIsWhatIsWritten(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	table := testTable()
	for i := range table.Images {
		table.Images[i].MaskShare = rng.Float64() * 1e-3
		for k := range table.Images[i].Scores {
			for m := range Deletion {
				table.Images[i].Scores[k][m] = rng.Float64()
			}
		}
	}
	table.Images[0].MaskShare = 1e-9
	table.Round()
	var text strings.Builder
	if err := table.WriteCSV(&text); err != nil {
		t.Fatal(err)
	}
	read, err := ParseTable(strings.NewReader(text.String()), table.Classes)
	if err != nil {
		t.Fatal(err)
	}
	for i, image := range table.Images {
		if read.Images[i].MaskShare != image.MaskShare {
			t.Errorf("mask share %v, read %v", image.MaskShare, read.Images[i].MaskShare)
		}
		for k, scores := range image.Scores {
			for m := range Deletion {
				if scores[m] != read.Images[i].Scores[k][m] {
					t.Errorf("%v, read %v", scores[m], read.Images[i].Scores[k][m])
				}
			}
		}
	}
}

func TestParseTableErrors(t *testing.T) {
	const header = "image_id,lesion_id,dx,predicted,mask_share,m.mass_inside,m.pointing,m.pointing_near,m.iou,m.auc,m.deletion,m.insertion," +
		"n.mass_inside,n.pointing,n.pointing_near,n.iou,n.auc,n.deletion,n.insertion\n"
	const row = "a,x,mel,nv,0.25,0.5,1,1,0.25,0.75,,,0.5,1,1,0.25,0.875,,\n"
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "header"},
		{"header", "image_id,lesion_id\n", "line 1: the header must start"},
		{"metric missing", strings.Replace(header, ",m.iou", "", 1), "line 1: the header must start"},
		{"metrics mixed up", strings.Replace(header, "m.iou,m.auc", "m.auc,m.iou", 1), `line 1: column 9 is "m.auc" where m.iou must be`},
		{"methods mixed up", strings.Replace(header, "m.iou", "n.iou", 1), `line 1: column 9 is "n.iou" where m.iou must be`},
		{"no metric", strings.Replace(header, "m.mass_inside", "m", 1), `line 1: column 6 is "m" where m.mass_inside must be`},
		{"method twice", strings.ReplaceAll(header, "n.", "m.") + row, "repeated"},
		{"no rows", header, "at least 1"},
		{"class", header + strings.Replace(row, "mel", "wart", 1), `line 2: column dx: unknown class "wart"`},
		{"share", header + strings.Replace(row, "0.25", "much", 1), "line 2: column mask_share"},
		{"share of 0", header + strings.Replace(row, "0.25", "0", 1), "mask_share"},
		{"number", header + strings.Replace(row, "0.875", "x", 1), "line 2: column n.auc"},
		{"NaN in words", header + strings.Replace(row, "0.75", "NaN", 1), "line 2: column m.auc"},
		{"range", header + strings.Replace(row, "0.75", "1.5", 1), "auc of m is 1.5"},
		{"short", header + "a,x\n", "line 2: "},
		{"image twice", header + row + row, "twice"},
		{"defined for one", header + strings.Replace(row, "0.875", "", 1), "alone"},
	} {
		_, err := ParseTable(strings.NewReader(c.text), []string{"mel", "nv"})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want something of %q", c.name, err, c.want)
		}
	}
}

// Every table that can be read can be written, and reads the same again.
func FuzzParseTable(f *testing.F) {
	var text strings.Builder
	if err := testTable().WriteCSV(&text); err != nil {
		f.Fatal(err)
	}
	f.Add(text.String())
	f.Add("image_id\n")
	classes := testTable().Classes
	f.Fuzz(func(t *testing.T, text string) {
		table, err := ParseTable(strings.NewReader(text), classes)
		if err != nil {
			return
		}
		var first, second strings.Builder
		if err := table.WriteCSV(&first); err != nil {
			t.Fatalf("read but not written: %v", err)
		}
		again, err := ParseTable(strings.NewReader(first.String()), classes)
		if err != nil {
			t.Fatalf("written but not read: %v", err)
		}
		if err := again.WriteCSV(&second); err != nil || first.String() != second.String() {
			t.Fatalf("%v: wrote\n%s\nthen\n%s", err, first.String(), second.String())
		}
	})
}

// By hand: of 4 x 3 pixels, each cell of 2 x 2 has two columns; the middle row's
// pixels count to the lower cells, in which their centres' edge falls.
func TestCoarse(t *testing.T) {
	mask, err := NewMask([]bool{
		true, false, false, false,
		true, true, false, false,
		true, false, false, true,
	}, 4, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := mask.Coarse(2, 2), []float32{.5, 0, .75, .25}; !slices.Equal(got, want) {
		t.Errorf("2 x 2: %v, want %v", got, want)
	}
	if got, want := mask.Coarse(3, 4), []float32{1, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0, 1}; !slices.Equal(got, want) {
		t.Errorf("the mask's own grid: %v, want %v", got, want)
	}
	if got, want := mask.Coarse(1, 2), []float32{4. / 6, 1. / 6}; !slices.Equal(got, want) {
		t.Errorf("1 x 2: %v, want %v", got, want)
	}
}
