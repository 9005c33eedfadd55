package training

import (
	"math"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// Box is a rectangle in a photo: top, left, bottom and right in pixels, bottom and right
// excluded. The zero value is empty.
type Box [4]float32

// Blend mixes each photo of a batch with another photo of the batch, its partner, by mixup
// or CutMix.
type Blend struct {
	Partner []int32   // the other photo's place in the batch
	Share   []float32 // mixup: of the own photo; CutMix: 1
	Boxes   []Box     // CutMix: where the other photo shows; mixup: empty
}

// drawBlend draws the blend of the batch that begins with a given entry of an epoch. A
// batch gets either mixup or CutMix, with equal probability if the regime has both.
func drawBlend(mix spec.Mix, size, n int, seed uint64, epoch int, first entry) *Blend {
	// The constant keeps this stream apart from the other uses of the seed.
	source := rand.NewPCG(seed^0x424c454e44, uint64(epoch)<<32|uint64(first.id))
	rng := rand.New(source)
	cut := rng.IntN(2) == 1 && mix.CutMix > 0 || mix.Mixup == 0
	alpha := mix.Mixup
	if cut {
		alpha = mix.CutMix
	}
	lambda := distuv.Beta{Alpha: alpha, Beta: alpha, Src: source}
	b := &Blend{}
	for _, partner := range rng.Perm(n) {
		share, box := float32(betaOf(lambda.Rand(), rng)), Box{}
		if cut {
			box = square(rng, size, math.Sqrt(1-float64(share)))
			share = 1
		}
		b.Partner = append(b.Partner, int32(partner))
		b.Share = append(b.Share, share)
		b.Boxes = append(b.Boxes, box)
	}
	return b
}

// betaOf returns x, drawn from Beta(alpha, alpha). For alphas below some hundredths, both
// of the numbers whose ratio x is may be too small for a float64; the distribution then is
// a coin's, up to what floats can tell.
func betaOf(x float64, rng *rand.Rand) float64 {
	if math.IsNaN(x) {
		return float64(rng.IntN(2))
	}
	return x
}

// square draws a box around a point anywhere in the photo, with sides that are a share of
// the photo's side, and clips it at the photo's edges.
func square(rng *rand.Rand, size int, side float64) Box {
	row, col, half := rng.IntN(size), rng.IntN(size), int(math.Round(side*float64(size)))
	edge := func(centre, shift int) float32 { return float32(min(max(centre+shift, 0), size)) }
	return Box{edge(row, -half/2), edge(col, -half/2), edge(row, half-half/2), edge(col, half-half/2)}
}

// tensor returns float32 [B 6]: for each photo the share of its own pixels outside the box,
// the share of its own label, and the box.
func (b *Blend) tensor(size int) *tensors.Tensor {
	flat := make([]float32, 0, 6*len(b.Partner))
	for i, box := range b.Boxes {
		area := (box[2] - box[0]) * (box[3] - box[1]) / float32(size*size)
		flat = append(flat, b.Share[i], b.Share[i]*(1-area), box[0], box[1], box[2], box[3])
	}
	return tensors.FromFlatDataAndDimensions(flat, len(b.Partner), 6)
}

// blended mixes photos [B S S 3] and encoded metadata [B M] with the partners' photos and
// metadata, which partners returns for those of the batch. Metadata are mixed by the label's
// share.
func blended(photos, metadata, blend *graph.Node, partners func(*graph.Node) *graph.Node) (photosOut, metadataOut *graph.Node) {
	batch, size := photos.Shape().Dimensions[0], photos.Shape().Dimensions[1]
	photos = graph.ConvertDType(photos, dtypes.Float32)
	share := column(blend, 0, batch, 1, 1, 1)
	own := graph.Mul(share, graph.OneMinus(inBox(graph.Slice(blend, graph.AxisRange(), graph.AxisRange(2, 6)), size)))
	return mixed(photos, partners(photos), own),
		mixed(metadata, partners(metadata), graph.ExpandAxes(labelShare(blend), -1))
}

// labelShare returns the share of each photo's own label, [B].
func labelShare(blend *graph.Node) *graph.Node {
	return column(blend, 1, blend.Shape().Dimensions[0])
}

// partnersOf returns the rows of x in the order of the partners.
func partnersOf(x, partner *graph.Node) *graph.Node {
	return graph.Gather(x, graph.ExpandAxes(partner, -1))
}

// mixed returns own*share + other*(1-share).
func mixed(own, other, share *graph.Node) *graph.Node {
	return graph.Add(graph.Mul(own, share), graph.Mul(other, graph.OneMinus(share)))
}

// inBox returns a mask, float32 [B S S 1]: 1 inside of boxes [B 4], 0 outside.
func inBox(boxes *graph.Node, size int) *graph.Node {
	g, batch := boxes.Graph(), boxes.Shape().Dimensions[0]
	edge := func(i int) *graph.Node {
		return graph.BroadcastToDims(column(boxes, i, batch, 1, 1, 1), batch, size, size, 1)
	}
	within := func(axis, from, to int) *graph.Node {
		at := graph.Iota(g, shapes.Make(dtypes.Float32, batch, size, size, 1), axis)
		return graph.LogicalAnd(graph.GreaterOrEqual(at, edge(from)), graph.LessThan(at, edge(to)))
	}
	return graph.ConvertDType(graph.LogicalAnd(within(1, 0, 2), within(2, 1, 3)), dtypes.Float32)
}
