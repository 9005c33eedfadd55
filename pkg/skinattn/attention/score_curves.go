package attention

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"slices"

	"github.com/skinattn/skinattn/pkg/eval/saliency"
	"github.com/skinattn/skinattn/pkg/skinattn"
)

// blurShare is the standard deviation, as a share of the side, of the blurred photo that
// insertion begins with. Petsiuk et al. blur photos of 224 pixels with 5 pixels, which
// would hardly change a lesion that fills a third of the photo.
const blurShare = 0.1

// curveStream is the random stream that chooses images.
const curveStream = 1

// curves measures deletion and insertion for a sample of the images: the probability of
// the class that was predicted for the whole photo, with the patient's metadata unchanged.
func (s *scorer) curves(ctx context.Context, methods []scoredMethod, result *Scored) error {
	sample := rand.New(rand.NewPCG(s.Seed, curveStream)).Perm(len(s.records))
	sample = sample[:min(s.CurveImages, len(sample))]
	slices.Sort(sample)
	result.Curves = saliency.NewCurves(result.Methods, s.CurveSteps)
	follow := s.follow("deletion and insertion curves")
	for done, i := range sample {
		deletion, insertion, err := s.curvesOf(ctx, i, methods)
		if err != nil {
			return err
		}
		for k := range methods {
			result.Images[i].Scores[k][saliency.Deletion] = saliency.Area(deletion[k])
			result.Images[i].Scores[k][saliency.Insertion] = saliency.Area(insertion[k])
		}
		result.Curves.Add(deletion, insertion)
		follow(done+1, len(sample))
	}
	return nil
}

// curvesOf measures the curves of image i, [method][step].
func (s *scorer) curvesOf(ctx context.Context, i int, methods []scoredMethod) (deletion, insertion [][]float64, err error) {
	size := s.net.Size
	photo := make([]float32, 3*size*size)
	if err := s.images.Read(i, photo); err != nil {
		return nil, nil, err
	}
	mean, blurred := saliency.MeanColor(photo), saliency.Blur(photo, size, blurShare*float64(size))
	stops := saliency.Stops(size*size, s.CurveSteps)
	inner := stops[1:s.CurveSteps] // at the ends all methods have the same picture
	orders := make([][]int, len(methods))
	for k, m := range methods {
		orders[k] = saliency.Order(m.of(i).upsampled(size), s.ties(s.records[i].ImageID, m.name))
	}
	perMethod := 2 * len(inner)
	ends := [][]float32{photo, mean, blurred}
	pictures := len(ends) + len(methods)*perMethod
	picture := skinattn.Floats(pictures, func(n int, dst []float32) {
		if n < len(ends) {
			copy(dst, ends[n])
			return
		}
		order, at := orders[(n-len(ends))/perMethod], (n-len(ends))%perMethod
		if at < len(inner) {
			saliency.Replace(dst, photo, mean, order[:inner[at]])
		} else {
			saliency.Replace(dst, blurred, photo, order[:inner[at-len(inner)]])
		}
	})
	predictions, err := s.net.Predict(ctx, skinattn.Request{Images: picture, Metadata: slices.Repeat(s.metadata[i:i+1], pictures)})
	if err != nil {
		return nil, nil, err
	}
	class := s.classes[i]
	of := func(n int) float64 { return atMostOne(predictions[n].Probabilities[class]) }
	for k := range methods {
		down, up := []float64{of(0)}, []float64{of(2)}
		for at := range inner {
			first := len(ends) + k*perMethod
			down = append(down, of(first+at))
			up = append(up, of(first+len(inner)+at))
		}
		deletion, insertion = append(deletion, append(down, of(1))), append(insertion, append(up, of(0)))
	}
	return deletion, insertion, nil
}

// ties gives the random numbers that order pixels of equal value in one map.
func (s *scorer) ties(image, method string) *rand.Rand {
	hash := fnv.New64a()
	hash.Write([]byte(image + " " + method))
	return rand.New(rand.NewPCG(s.Seed, hash.Sum64()))
}
