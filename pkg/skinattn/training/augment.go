package training

import (
	"math"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// Affine says where the pixels of a changed photo come from: the pixel at row r
// and column c is the photo at row A[0]*r+A[1]*c+A[2], column
// A[3]*r+A[4]*c+A[5], interpolated bilinearly, and beyond the edge the nearest
// pixel.
type Affine [6]float32

// Transform is one draw of Keras's ImageDataGenerator. Keras 2.15 counts its
// parameters the other way round, which for square photos gives the same ones
// equally often: its theta is -Theta, its tx and zx are TY and ZY.
type Transform struct {
	Theta            float64 // rotation in degrees
	TX, TY           float64 // shift of the rows and of the columns, in pixels
	ZX, ZY           float64 // zoom of the rows and of the columns; above 1 shows more
	FlipH, FlipV     bool
	Brightness       float64 // factors of colourJitter; not Keras's
	Contrast         float64
	Saturation       float64
	dropAge, dropSex bool // metadata to be made unknown
	dropLocalization bool
	Cutout           Box // filled with the photo's mean colour
}

// draw draws the transform of one photo.
func draw(reg *spec.Regime, size int, rng *rand.Rand) Transform {
	a := reg.Augment
	between := func(limit float64) float64 { return (2*rng.Float64() - 1) * limit }
	t := Transform{
		Theta: between(a.Rotation),
		TX:    between(a.Shift) * float64(size), TY: between(a.Shift) * float64(size),
		ZX: 1 + between(a.Zoom), ZY: 1 + between(a.Zoom),
		FlipH: rng.IntN(2) == 1 && a.HorizontalFlip, FlipV: rng.IntN(2) == 1 && a.VerticalFlip,
		Brightness: 1 + between(a.Brightness), Contrast: 1 + between(a.Contrast), Saturation: 1 + between(a.Saturation),
		dropAge:          rng.Float64() < reg.MetadataDropout,
		dropSex:          rng.Float64() < reg.MetadataDropout,
		dropLocalization: rng.Float64() < reg.MetadataDropout,
	}
	// Options added later draw last, so that the earlier draws of a seed stay the same.
	area, ratio := 1-rng.Float64()*(1-a.Crop), math.Exp(between(math.Log(4.0/3)))
	down, right := between(.5), between(.5)
	if a.Crop > 0 {
		height, width := min(1, math.Sqrt(area/ratio)), min(1, math.Sqrt(area*ratio))
		t.ZX, t.ZY = t.ZX*height, t.ZY*width
		t.TX, t.TY = t.TX+down*(1-height)*float64(size), t.TY+right*(1-width)*float64(size)
	}
	if a.Cutout > 0 {
		t.Cutout = square(rng, size, a.Cutout)
	}
	if rng.Float64() < reg.MetadataAbsent {
		t.dropAge, t.dropSex, t.dropLocalization = true, true, true
	}
	return t
}

// transforms draws the transforms of entries of an epoch. Each entry has a random stream
// of its own, so that an interrupted epoch can go on in the middle.
func transforms(reg *spec.Regime, size int, seed uint64, epoch int, entries []entry) []Transform {
	drawn := make([]Transform, len(entries))
	for i, e := range entries {
		// The constant keeps these streams apart from the other uses of the seed.
		drawn[i] = draw(reg, size, rand.New(rand.NewPCG(seed^0x4155474d_454e54, uint64(epoch)<<32|uint64(e.id))))
		if e.asIs {
			drawn[i] = drawn[i].metadataOnly()
		}
	}
	return drawn
}

// metadataOnly returns t with its effects on the metadata only.
func (t Transform) metadataOnly() Transform {
	return Transform{ZX: 1, ZY: 1, Brightness: 1, Contrast: 1, Saturation: 1,
		dropAge: t.dropAge, dropSex: t.dropSex, dropLocalization: t.dropLocalization}
}

// Affine returns the matrix of the transform from photos of source x source pixels to views
// of size x size: rotation, shift and zoom about the centre, composed as in Keras's
// apply_affine_transform, then the flips. [imaging.Rotation] does rotation and horizontal
// flip on the host.
func (t Transform) Affine(source, size int) Affine {
	sin, cos := math.Sincos(t.Theta * math.Pi / 180)
	// rotation * shift * zoom
	a, b := cos*t.ZX, -sin*t.ZY
	c, d := sin*t.ZX, cos*t.ZY
	row, col := cos*t.TX-sin*t.TY, sin*t.TX+cos*t.TY
	centre := float64(size)/2 - .5
	row += centre - a*centre - b*centre
	col += centre - c*centre - d*centre
	last := float64(size - 1)
	if t.FlipV { // r becomes last-r
		row, col, a, c = row+a*last, col+c*last, -a, -c
	}
	if t.FlipH {
		row, col, b, d = row+b*last, col+d*last, -b, -d
	}
	if source != size { // the centre of pixel 0 lies half a pixel inside of either grid
		scale := float64(source) / float64(size)
		a, b, row = a*scale, b*scale, (row+.5)*scale-.5
		c, d, col = c*scale, d*scale, (col+.5)*scale-.5
	}
	return Affine{float32(a), float32(b), float32(row), float32(c), float32(d), float32(col)}
}

// hide returns m with the properties that the transform drops set to unknown.
func (t Transform) hide(m skinattn.Metadata, meanAge float64) skinattn.Metadata {
	if t.dropAge {
		m.Age = meanAge
	}
	if t.dropSex {
		m.Sex = ham10000.Unknown
	}
	if t.dropLocalization {
		m.Localization = ham10000.Unknown
	}
	return m
}

// warp picks the photos at rows [B] of pixels, uint8 [N P P 3], and transforms them by
// affine, float32 [B 6], to views of size S, float32 [B S S 3].
func warp(pixels, rows, affine *graph.Node, size int) *graph.Node {
	g := pixels.Graph()
	batch, source := rows.Shape().Dimensions[0], pixels.Shape().Dimensions[1]
	grid := shapes.Make(dtypes.Float32, batch, size, size)
	r, c := graph.Iota(g, grid, 1), graph.Iota(g, grid, 2)
	coefficient := func(i int) *graph.Node { return column(affine, i, batch, 1, 1) }
	origin := func(first int) *graph.Node {
		at := graph.Add(graph.Add(graph.Mul(r, coefficient(first)), graph.Mul(c, coefficient(first+1))), coefficient(first+2))
		return graph.ClipScalar(at, 0, float64(source-1))
	}
	y, x := origin(0), origin(3)
	top, left := graph.Floor(y), graph.Floor(x)
	down, right := graph.ExpandAxes(graph.Sub(y, top), -1), graph.ExpandAxes(graph.Sub(x, left), -1)

	flat := graph.Reshape(pixels, -1, 3)
	first := graph.MulScalar(graph.Reshape(graph.ConvertDType(rows, dtypes.Int32), batch, 1, 1), float64(source*source))
	tap := func(dy, dx float64) *graph.Node {
		at := func(v *graph.Node, step float64) *graph.Node {
			return graph.ConvertDType(graph.MinScalar(graph.AddScalar(v, step), float64(source-1)), dtypes.Int32)
		}
		index := graph.Add(first, graph.Add(graph.MulScalar(at(top, dy), float64(source)), at(left, dx)))
		return graph.ConvertDType(graph.Gather(flat, graph.ExpandAxes(index, -1)), dtypes.Float32)
	}
	mix := func(a, b, share *graph.Node) *graph.Node { return graph.Add(a, graph.Mul(graph.Sub(b, a), share)) }
	return mix(mix(tap(0, 0), tap(0, 1), right), mix(tap(1, 0), tap(1, 1), right), down)
}

// column returns column i of x [B N] in the given shape.
func column(x *graph.Node, i int, shape ...int) *graph.Node {
	return graph.Reshape(graph.Slice(x, graph.AxisRange(), graph.AxisRange(i, i+1)), shape...)
}

// augmented returns the views of the batch [B S S 3] of size S, made as the step's inputs
// say: uint8 if nothing is to be done, float32 otherwise.
func augmented(in map[input]*graph.Node, size int) *graph.Node {
	if in[inAffine] == nil {
		return graph.Gather(in[inPixels], graph.ExpandAxes(in[inRows], -1))
	}
	photos := warp(in[inPixels], in[inRows], in[inAffine], size)
	if in[inColours] != nil {
		photos = colourJitter(photos, in[inColours])
	}
	if in[inCutout] != nil {
		photos = cutout(photos, in[inCutout])
	}
	return photos
}

// cutout fills a box in each photo with the photo's mean colour; photos are [B S S 3],
// boxes [B 4].
func cutout(photos, boxes *graph.Node) *graph.Node {
	inside := inBox(boxes, photos.Shape().Dimensions[1])
	colour := graph.ReduceAndKeep(photos, graph.ReduceMean, 1, 2)
	return mixed(colour, photos, inside)
}

// colourJitter changes photos x, 0..255 [B S S 3], by factors [B 3]: x times
// the brightness; then the distance of each pixel from the photo's mean grey
// times the contrast; then its distance from its own grey times the saturation.
// Grey has the weights of ITU-R BT.601.
func colourJitter(x, factors *graph.Node) *graph.Node {
	batch := x.Shape().Dimensions[0]
	factor := func(i int) *graph.Node { return column(factors, i, batch, 1, 1, 1) }
	grey := func(x *graph.Node) *graph.Node {
		weights := graph.ExpandLeftToRank(graph.Const(x.Graph(), []float32{.299, .587, .114}), 4)
		return graph.ExpandAxes(graph.ReduceSum(graph.Mul(x, weights), -1), -1)
	}
	from := func(origin, x, factor *graph.Node) *graph.Node {
		return graph.ClipScalar(graph.Add(origin, graph.Mul(graph.Sub(x, origin), factor)), 0, 255)
	}
	x = graph.ClipScalar(graph.Mul(x, factor(0)), 0, 255)
	x = from(graph.Reshape(graph.ReduceMean(grey(x), 1, 2, 3), batch, 1, 1, 1), x, factor(1))
	return from(grey(x), x, factor(2))
}
