package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
)

// Predict writes the predictions of a run's best weights on its validation and test
// parts, and the metrics of the test part. With one held-out part only, as the authors
// had it, both tables are equal: the same images select and report. data are the photos
// that cache was made of. A run that was trained on features is predicted from them. log,
// which may be nil, gets a line if the best weights are damaged.
func Predict(ctx context.Context, eng *engine.Engine, folder *run.Folder, data *ham10000.Dataset, cache *imaging.Cache, log func(line string)) error {
	cfg, err := folder.Config()
	if err != nil {
		return err
	}
	parts, err := folder.Split()
	if err != nil {
		return err
	}
	net, store, err := checkpoint.LoadWeights(folder, log)
	if err != nil {
		return err
	}
	// Features are of photos as they are, not of turned views.
	var features *training.Features
	if cfg.FeatureCache && net.Views == 0 {
		if features, err = photosOf(data, cache).Features(ctx, eng, net, store, log); err != nil {
			return err
		}
		defer features.Close()
		if net, err = net.AfterCut(); err != nil {
			return err
		}
	}
	network, err := skinattn.NewModel(eng.Backend, net, store, 0)
	if err != nil {
		return err
	}
	defer network.Close()

	tables := map[split.Part]*eval.Table{}
	for _, part := range []split.Part{split.Val, split.Test} {
		set, err := examples(data, parts, part, cache, cfg.Regime)
		if err != nil {
			return err
		}
		if len(set.Records) == 0 {
			continue
		}
		images := set.Images
		if features != nil {
			if images, err = features.Of(set.Records); err != nil {
				return err
			}
		}
		if tables[part], err = predictPart(ctx, network, set.Records, images); err != nil {
			return err
		}
	}
	// A split that lacks one part uses the other for both.
	val, test := cmp.Or(tables[split.Val], tables[split.Test]), cmp.Or(tables[split.Test], tables[split.Val])
	if err := errors.Join(
		folder.WritePredictions(split.Val, val),
		folder.WritePredictions(split.Test, test)); err != nil {
		return err
	}
	metrics, err := eval.Evaluate(ctx, test, eval.DefaultOptions())
	if err != nil {
		return err
	}
	return folder.WriteMetrics(metrics)
}

// predictPart predicts records, whose photos are images.
func predictPart(ctx context.Context, network *skinattn.Model, records []ham10000.Record, images skinattn.Images) (*eval.Table, error) {
	metadata, err := skinattn.CompleteMetadata(records, network.MeanAge())
	if err != nil {
		return nil, err
	}
	predictions, err := network.PredictViews(ctx, skinattn.Request{Images: images, Metadata: metadata})
	if err != nil {
		return nil, err
	}
	table := eval.Predictions{Classes: ham10000.Classes}
	for i, r := range records {
		class, err := ham10000.ClassIndex(r.Dx)
		if err != nil {
			return nil, fmt.Errorf("image %s: %w", r.ImageID, err)
		}
		table.ImageIDs = append(table.ImageIDs, r.ImageID)
		table.LesionIDs = append(table.LesionIDs, r.LesionID)
		table.Truth = append(table.Truth, class)
		table.Probs = append(table.Probs, predictions[i].Probabilities)
	}
	return eval.NewTable(&table)
}

// FilePrediction is the prediction for a file, or the error of reading it.
type FilePrediction struct {
	Path string
	skinattn.Prediction
	Err error
}

// PredictFiles predicts photos of one patient. They are resized as for training, but
// not rounded to bytes: the probabilities are Keras's within 1e-4. A file that can't
// be read has Err set, and the others are predicted.
func PredictFiles(ctx context.Context, network *skinattn.Model, paths []string, metadata skinattn.Metadata) ([]FilePrediction, error) {
	results := make([]FilePrediction, len(paths))
	var readable []int
	var photos [][]float32
	for i, path := range paths {
		results[i].Path = path
		photo, err := imaging.DecodeFile(path)
		if err != nil {
			results[i].Err = err
			continue
		}
		readable, photos = append(readable, i), append(photos, network.Resize.Resize(photo, network.PhotoSize()))
	}
	predictions, err := network.PredictViews(ctx, skinattn.Request{
		Images:    skinattn.Floats(len(photos), func(i int, dst []float32) { copy(dst, photos[i]) }),
		Metadata:  slices.Repeat([]skinattn.Metadata{metadata}, len(photos)),
		Attention: true,
	})
	if err != nil {
		return nil, err
	}
	for i, p := range predictions {
		results[readable[i]].Prediction = p
	}
	return results, nil
}
