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
// parts, and the metrics of the test part. A test set that is not nil stands for the test
// part. With one held-out part only, as the authors had it, both tables are equal: the same
// images select and report. data are the photos that cache was made of. A run that was
// trained on features is predicted from them. log, which may be nil, gets a line if the
// best weights are damaged.
func Predict(ctx context.Context, eng *engine.Engine, folder *run.Folder, data *ham10000.Dataset, cache *imaging.Cache, testSet *ham10000.TestSet, log func(line string)) error {
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
		if features, err = training.PhotosOf(data, cache).Features(ctx, eng, net, store, log); err != nil {
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
	if testSet != nil {
		whole := network
		if features != nil { // network begins after the cut
			if whole, err = checkpoint.LoadModel(folder, eng, log); err != nil {
				return err
			}
			defer whole.Close()
		}
		if tables[split.Test], err = predictTestSet(ctx, whole, testSet); err != nil {
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

// predictTestSet predicts the photos of a test set, all of which must be readable.
func predictTestSet(ctx context.Context, network *skinattn.Model, set *ham10000.TestSet) (*eval.Table, error) {
	metadata, err := skinattn.CompleteMetadata(set.Records, network.MeanAge())
	if err != nil {
		return nil, err
	}
	var rows [][]float32
	err = PredictPhotos(ctx, network, PhotosOf(set, metadata), func(p FilePrediction) error {
		rows = append(rows, p.Probabilities)
		return p.Err
	})
	if err != nil {
		return nil, err
	}
	return Table(set.Records, rows)
}

// PhotosOf are the photos of a test set with their completed metadata.
func PhotosOf(set *ham10000.TestSet, metadata []skinattn.Metadata) []Photo {
	photos := make([]Photo, len(set.Records))
	for i, r := range set.Records {
		path, _ := set.ImagePath(r.ImageID) // a test set has records of photos only
		photos[i] = Photo{path, metadata[i]}
	}
	return photos
}

// Table is the table of predictions of records; probabilities has a row for each. An empty
// diagnosis is an unknown truth.
func Table(records []ham10000.Record, probabilities [][]float32) (*eval.Table, error) {
	table := eval.Predictions{Classes: ham10000.Classes, Probs: probabilities}
	for _, r := range records {
		class := eval.TruthUnknown
		if r.Dx != "" {
			var err error
			if class, err = ham10000.ClassIndex(r.Dx); err != nil {
				return nil, fmt.Errorf("image %s: %w", r.ImageID, err)
			}
		}
		table.ImageIDs = append(table.ImageIDs, r.ImageID)
		table.LesionIDs = append(table.LesionIDs, r.LesionID)
		table.Truth = append(table.Truth, class)
	}
	return eval.NewTable(&table)
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
	rows := make([][]float32, len(predictions))
	for i, p := range predictions {
		rows[i] = p.Probabilities
	}
	return Table(records, rows)
}

// Photo is an image file and the completed metadata of its patient.
type Photo struct {
	Path     string
	Metadata skinattn.Metadata
}

// FilePrediction is the prediction for a file, or the error of reading it.
type FilePrediction struct {
	Path string
	skinattn.Prediction
	Err error

	photo []float32 // [PhotoSize PhotoSize 3]
}

// Upright is the photo as network takes it, [Size Size 3], without being turned. Only the
// predictions that [PredictPhotos] hands over have it.
func (p FilePrediction) Upright(network *skinattn.Network) []float32 {
	upright := make([]float32, network.Size*network.Size*3)
	network.Upright(skinattn.Held(1, func(int) []float32 { return p.photo })).Floats(0, upright)
	return upright
}

// PredictFiles predicts photos of one patient; see [PredictPhotos].
func PredictFiles(ctx context.Context, network *skinattn.Model, paths []string, metadata skinattn.Metadata) ([]FilePrediction, error) {
	photos := make([]Photo, len(paths))
	for i, path := range paths {
		photos[i] = Photo{path, metadata}
	}
	results := make([]FilePrediction, 0, len(paths))
	err := PredictPhotos(ctx, network, photos, func(p FilePrediction) error {
		p.photo = nil // megabytes
		results = append(results, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// PhotosTogether is the greatest number of photos that [PredictPhotos] has in memory, and a
// good limit for the batch ([skinattn.Model.LimitBatch]): more take memory and hardly less
// time. MobileNetV2 at 224 pixels takes 120 MB more with batches of 32.
const PhotosTogether = 8

// PredictPhotos predicts photos and calls use with each prediction, in order, as soon as
// it is there: the memory does not grow with the number of photos. They are resized as for training,
// but not rounded to bytes: the probabilities are Keras's within 1e-4. A file that can't be
// read has Err set, and the others are predicted.
func PredictPhotos(ctx context.Context, network *skinattn.Model, photos []Photo, use func(FilePrediction) error) error {
	for some := range slices.Chunk(photos, PhotosTogether) {
		results, err := predictTogether(ctx, network, some)
		if err != nil {
			return err
		}
		for _, r := range results {
			if err := use(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// predictTogether predicts photos that are in memory at once, in the network's size.
func predictTogether(ctx context.Context, network *skinattn.Model, photos []Photo) ([]FilePrediction, error) {
	results := make([]FilePrediction, len(photos))
	pixels := make([][]float32, len(photos))
	var readable []int
	var metadata []skinattn.Metadata
	for i, file := range photos { // one by one: a photo of a hundred megapixels is a lot of memory
		results[i].Path = file.Path
		photo, err := imaging.DecodeFile(file.Path)
		if err != nil {
			results[i].Err = err
			continue
		}
		pixels[i] = network.Resize.Resize(photo, network.PhotoSize())
		readable, metadata = append(readable, i), append(metadata, file.Metadata)
	}
	predictions, err := network.PredictViews(ctx, skinattn.Request{
		Images:    skinattn.Held(len(readable), func(k int) []float32 { return pixels[readable[k]] }),
		Metadata:  metadata,
		Attention: true,
	})
	if err != nil {
		return nil, err
	}
	for k, p := range predictions {
		results[readable[k]].Prediction, results[readable[k]].photo = p, pixels[readable[k]]
	}
	return results, nil
}
