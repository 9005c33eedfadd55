package attention

import (
	"context"
	"fmt"
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/explain"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// FileExplanation is the explanation of a photo, or the error that prevented it.
type FileExplanation struct {
	Path  string
	Photo *imaging.RGB
	// Prediction is the prediction that PredictFiles gives: the mean over the views of a
	// network that has Views. Explanation.Prediction is for the upright photo alone.
	Prediction skinattn.Prediction
	explain.Explanation
	Err error
}

// explainedTogether is the number of photos in memory at once, in their own size.
const explainedTogether = 8

// ExplainFiles explains photos of one patient with the same metadata and calls use with
// each explanation, in order. class is explain.Predicted or an index in class order. A
// file that can't be read gets its Err; the others are explained.
func ExplainFiles(ctx context.Context, network *skinattn.Model, paths []string, metadata skinattn.Metadata, class int, options explain.Options,
	use func(i int, x FileExplanation) error) error {
	explainer, err := explain.New(network, options)
	if err != nil {
		return err
	}
	defer explainer.Close()
	done := 0
	for some := range slices.Chunk(paths, explainedTogether) {
		results := make([]FileExplanation, len(some))
		var readable []int
		var pixels [][]float32
		for i, path := range some {
			results[i].Path = path
			if results[i].Photo, results[i].Err = imaging.DecodeFile(path); results[i].Err == nil {
				readable = append(readable, i)
				pixels = append(pixels, network.Resize.Resize(results[i].Photo, network.PhotoSize()))
			}
		}
		photos := skinattn.Floats(len(pixels), func(i int, dst []float32) { copy(dst, pixels[i]) })
		request := explain.Request{
			Images:   network.Upright(photos),
			Metadata: slices.Repeat([]skinattn.Metadata{metadata}, len(pixels)),
			Classes:  slices.Repeat([]int{class}, len(pixels)),
		}
		var views []skinattn.Prediction
		if network.Views > 0 {
			if views, err = network.PredictViews(ctx, skinattn.Request{Images: photos, Metadata: request.Metadata}); err != nil {
				return err
			}
			for i, p := range views {
				if class == explain.Predicted {
					request.Classes[i] = slices.Index(p.Probabilities, slices.Max(p.Probabilities))
				}
			}
		}
		if err := explainer.Explain(ctx, request, func(i int, x explain.Explanation) error {
			r := &results[readable[i]]
			r.Explanation, r.Prediction = x, x.Prediction
			if views != nil {
				r.Prediction = views[i]
			}
			return nil
		}); err != nil {
			return fmt.Errorf("explaining %s: %w", some[0], err)
		}
		for _, r := range results {
			if err := use(done, r); err != nil {
				return err
			}
			done++
		}
	}
	return nil
}
