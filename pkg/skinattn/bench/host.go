package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/synthetic"
)

// HostResult is what a training takes beside steps and predictions.
type HostResult struct {
	Photos       int     `json:"photos"`        // that were decoded
	Synthetic    bool    `json:"synthetic"`     // they were generated, of 600 x 450 pixels
	PhotoSeconds float64 `json:"photo_seconds"` // decoding, resizing and writing a photo, on all cores
	// OpenSecondsPerGB is the time to compare a gigabyte of resized photos with its checksums,
	// from the system's memory.
	OpenSecondsPerGB float64 `json:"open_seconds_per_gb"`
	SaveSeconds      float64 `json:"save_seconds"` // of a checkpoint next to nothing in size
	SaveSecondsPerGB float64 `json:"save_seconds_per_gb"`
	LoadSecondsPerGB float64 `json:"load_seconds_per_gb"` // of reading a checkpoint
	// MetricsSecondsPer1000 is the time for the metrics of a thousand predictions with their
	// intervals.
	MetricsSecondsPer1000 float64 `json:"metrics_seconds_per_1000"`
}

// hostPhotos is the number of photos that are decoded: some seconds.
const hostPhotos = 200

// MeasureHost measures the mode Host. The photos are those of data, made size x size pixels;
// nil generates some. It writes to a temporary folder, on the file system that the runs are
// on if TMPDIR says so.
func MeasureHost(ctx context.Context, data *ham10000.Dataset, size int) (Result, error) {
	r := Result{Mode: Host, Size: size, Host: &HostResult{}}
	err := measureHost(ctx, data, size, r.Host)
	if err != nil {
		err = fmt.Errorf("measuring what a training does beside its steps: %w", err)
	}
	r.PeakRSSBytes = peakRSS()
	return r, err
}

func measureHost(ctx context.Context, data *ham10000.Dataset, size int, r *HostResult) error {
	dir, err := os.MkdirTemp("", "skinattn-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if r.Synthetic = data == nil; r.Synthetic {
		photos := filepath.Join(dir, "photos")
		if err := synthetic.Generate(ctx, photos, synthetic.Options{Images: 60, Seed: 1, Width: 600, Height: 450}, nil); err != nil {
			return err
		}
		if data, err = ham10000.Open(photos); err != nil {
			return err
		}
	}
	if err := photos(ctx, dir, data, size, r); err != nil {
		return err
	}
	if err := saving(dir, r); err != nil {
		return err
	}
	r.MetricsSecondsPer1000, err = metrics(ctx)
	return err
}

// photos decodes some photos, and opens the result.
func photos(ctx context.Context, dir string, data *ham10000.Dataset, size int, r *HostResult) error {
	var items []imaging.Item
	step := max(1, len(data.Records)/hostPhotos) // evenly over the data set
	for i := 0; i < len(data.Records) && len(items) < hostPhotos; i += step {
		path, ok := data.ImagePath(data.Records[i].ImageID)
		if !ok {
			return fmt.Errorf("the photo of %s is missing", data.Records[i].ImageID)
		}
		items = append(items, imaging.Item{ID: data.Records[i].ImageID, Path: path})
	}
	for _, seconds := range []*float64{&r.PhotoSeconds, &r.OpenSecondsPerGB} {
		start := time.Now()
		cache, err := imaging.OpenCache(ctx, dir, items, size, imaging.CacheOptions{})
		if err != nil {
			return err
		}
		*seconds = time.Since(start).Seconds()
		if err := cache.Close(); err != nil {
			return err
		}
	}
	r.Photos = len(items)
	r.PhotoSeconds /= float64(len(items))
	r.OpenSecondsPerGB /= float64(len(items)*size*size*3) / 1e9
	return nil
}

// savedFloats is the size of the large checkpoint that is saved, about that of a small network's.
const savedFloats = 4 << 20

// saves is how often a checkpoint is saved: the first ones find no memory or disk prepared, and a
// training saves many.
const saves = 7

// saving saves and loads a small and a large checkpoint.
func saving(dir string, r *HostResult) error {
	folder, err := run.Create(filepath.Join(dir, "run"), false)
	if err != nil {
		return err
	}
	defer folder.Close()
	const gb = 4 * savedFloats / 1e9
	for _, n := range []int{1, savedFloats} {
		store := model.NewStore()
		if err := layers.SetVariable(store, layers.Variable{Layer: "saved", Name: "values", Shape: layers.Shape{n}}, make([]float32, n)); err != nil {
			return err
		}
		var times [saves]float64
		for i := range times {
			start := time.Now()
			if err := checkpoint.Save(folder, checkpoint.Last, fmt.Sprint(n, "-", i), store, nil); err != nil {
				return err
			}
			times[i] = time.Since(start).Seconds()
		}
		if n == 1 {
			r.SaveSeconds = median(times[:])
		} else {
			r.SaveSecondsPerGB = max(0, median(times[:])-r.SaveSeconds) / gb
		}
	}
	start := time.Now()
	if err := checkpoint.Load(folder, checkpoint.Last, model.NewStore(), new(struct{}), nil); err != nil {
		return err
	}
	r.LoadSecondsPerGB = time.Since(start).Seconds() / gb
	return nil
}

// metrics evaluates a thousand random predictions.
func metrics(ctx context.Context) (seconds float64, err error) {
	rng := rand.New(rand.NewPCG(1, 0))
	table := eval.Predictions{Classes: ham10000.Classes}
	for i := range 1000 {
		row, sum := make([]float32, ham10000.NumClasses), float32(0)
		for class := range row {
			row[class] = rng.Float32() + .01
			sum += row[class]
		}
		for class := range row {
			row[class] /= sum
		}
		table.Probs = append(table.Probs, row)
		table.ImageIDs = append(table.ImageIDs, fmt.Sprintf("ISIC_%07d", i))
		table.LesionIDs = append(table.LesionIDs, fmt.Sprintf("HAM_%07d", i*3/4)) // as many photos of a lesion as in HAM10000
		table.Truth = append(table.Truth, rng.IntN(ham10000.NumClasses))
	}
	t, err := eval.NewTable(&table)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	_, err = eval.Evaluate(ctx, t, eval.DefaultOptions())
	return time.Since(start).Seconds(), err
}
