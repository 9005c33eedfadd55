package reproduce

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/internal/parallel"
	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// Run is a finished run folder.
type Run struct {
	Name string // of the folder
	// Study is the name of the experiment that the run is a part of; see [LoadStudies].
	Study string

	folder      *run.Folder
	config      run.Config
	environment run.Environment // zero if the run has none
	split       *split.Split
	predictions *eval.Table
	metrics     *eval.Metrics   // with the intervals of metrics.json
	leak        eval.LeakRate   // of the reported images
	leaked      map[string]bool // the leaked ones, by id
	epochs      int             // trained
	bestEpoch   int             // epoch of the reported weights, 0 if not known
	seconds     float64         // median of an epoch, NaN if not known
	throughput  float64         // median of training images/s, NaN if not known
}

// ErrRunFolder says that a folder is a run folder and not a folder of run folders.
var ErrRunFolder = errors.New("is a run folder itself")

// Load reads the run folders in dir, in the order of their names. It ignores files
// in dir, and folders without any file of a run. A damaged or incomplete run folder
// is an error that names the file. If dir can't be read, the error wraps an
// *fs.PathError; if dir is itself a run folder, it is an ErrRunFolder.
func Load(dir string) ([]*Run, error) {
	paths, err := resultFolders(dir)
	if err != nil {
		return nil, err
	}
	return readAll(paths)
}

// Unfinished is a run folder whose training has not ended: it has a configuration and no
// metrics.
type Unfinished struct {
	Name    string
	Missing string // the first file that it lacks
}

// LoadFinished is Load, but runs whose training has not ended are no error: they are
// returned apart.
func LoadFinished(dir string) (runs []*Run, unfinished []Unfinished, err error) {
	paths, err := resultFolders(dir)
	if err != nil {
		return nil, nil, err
	}
	var finished []string
	for _, path := range paths {
		if missing := unfinishedFile(&run.Folder{Dir: path}); missing != "" {
			unfinished = append(unfinished, Unfinished{filepath.Base(path), missing})
		} else {
			finished = append(finished, path)
		}
	}
	runs, err = readAll(finished)
	return runs, unfinished, err
}

// unfinishedFile names the first file that a run gets in its training and does not have,
// metrics.json being the last of them. It is empty for a folder without a configuration,
// which no training leaves.
func unfinishedFile(f *run.Folder) string {
	if !f.Has(run.ConfigFile) || f.Has(run.MetricsFile) {
		return ""
	}
	for _, name := range []string{run.HistoryFile, predictionsFile} {
		if !f.Has(name) {
			return name
		}
	}
	return run.MetricsFile
}

// resultFolders lists the run folders of a folder of results.
func resultFolders(dir string) ([]string, error) {
	if _, err := run.Open(dir); err == nil {
		return nil, fmt.Errorf("reading the results: %s %w", dir, ErrRunFolder)
	}
	paths, err := runFolders(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the results: %w", err)
	}
	return paths, nil
}

// LoadStudies reads the run folders in the folders of dir, each of which holds the runs of
// one experiment. Errors are as of Load.
func LoadStudies(dir string) ([]*Run, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the studies: %w", err)
	}
	var runs []*Run
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		study, err := Load(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		for _, run := range study {
			run.Study = e.Name()
		}
		runs = append(runs, study...)
	}
	return runs, nil
}

// runFolders lists the folders in dir that have a file of a run.
func runFolders(dir string) (paths []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if path := filepath.Join(dir, e.Name()); run.Is(path) {
			paths = append(paths, path)
		}
	}
	return paths, err
}

// readAll reads run folders, several at a time.
func readAll(paths []string) ([]*Run, error) {
	runs := make([]*Run, len(paths))
	err := parallel.For(context.Background(), len(paths), func(i int) (err error) {
		runs[i], err = read(paths[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	return runs, nil
}

// read reads one run folder.
func read(dir string) (*Run, error) {
	r := &Run{Name: filepath.Base(dir), folder: &run.Folder{Dir: dir}, seconds: math.NaN(), throughput: math.NaN()}
	for _, step := range []func() error{r.readConfig, r.readSplit, r.readPredictions, r.readMetrics, r.readHistory} {
		err := step()
		var missing *run.MissingError
		if errors.As(err, &missing) {
			err = fmt.Errorf("%s is missing; a finished run has it: add it or take the folder out", r.folder.Path(missing.File))
		}
		if err != nil {
			return nil, fmt.Errorf("reading run %s: %w", r.Name, err)
		}
	}
	return r, nil
}

func (r *Run) readConfig() (err error) {
	if r.config, err = r.folder.Config(); err != nil {
		return err
	}
	if r.config.Network.Backbone == "" || r.config.Network.Size <= 0 {
		return fmt.Errorf("%s: network.backbone or network.size is missing", r.folder.Path(run.ConfigFile))
	}
	// The environment is optional: it says where the run was trained, not how.
	if r.environment, err = r.folder.Environment(); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (r *Run) readSplit() (err error) {
	if r.split, err = r.folder.Split(); err != nil {
		return err
	}
	if p := r.split.Protocol; p != "" && p != r.config.Data.Protocol {
		return fmt.Errorf("%s is of protocol %s, but %s says %q", r.folder.Path(run.SplitFile), p, run.ConfigFile, r.config.Data.Protocol)
	}
	return nil
}

// predictionsFile has the reported predictions.
var predictionsFile = run.PredictionsFile(split.Test)

func (r *Run) readPredictions() (err error) {
	path := r.folder.Path(predictionsFile)
	if r.predictions, err = r.folder.Predictions(split.Test); err != nil {
		return err
	}
	if !slices.Equal(r.predictions.Classes(), ham10000.Classes) {
		return fmt.Errorf("%s: the classes are %s, want %s in this order", path,
			strings.Join(r.predictions.Classes(), ","), strings.Join(ham10000.Classes, ","))
	}
	if r.metrics, err = r.predictions.Score(nil, nil); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if r.metrics.N == 0 {
		return fmt.Errorf("%s: no image of known class", path)
	}
	images, held := r.split.Images(), map[string]bool{}
	for _, im := range images {
		held[im.ImageID] = im.Part != string(split.Train)
	}
	seen := eval.SeenIn(images, string(split.Train))
	r.leaked = map[string]bool{}
	protocol, err := split.Find(r.config.Data.Protocol)
	elsewhere := err == nil && protocol.OfficialTest // the test images are not in the split
	rows := r.predictions.Predictions()
	for i, id := range rows.ImageIDs {
		if !held[id] && !elsewhere {
			return fmt.Errorf("%s: image %s is not held out by %s, so the two are of different runs", path, id, run.SplitFile)
		}
		im := eval.SplitImage{ImageID: id}
		if len(rows.LesionIDs) != 0 {
			im.LesionID = rows.LesionIDs[i]
		}
		r.leaked[id] = seen(im)
		r.leak.Add(r.leaked[id])
	}
	return nil
}

// readMetrics takes the intervals from metrics.json after a check that its values
// are the metrics of the predictions. Metrics that an older file lacks have no
// interval.
func (r *Run) readMetrics() error {
	file, err := r.folder.Metrics()
	if err != nil {
		return err
	}
	different := func(name string, there, here any) error {
		return fmt.Errorf("%s: %s is %v, but %v by %s, so one of the two was changed; take both from one training", r.folder.Path(run.MetricsFile), name, there, here, predictionsFile)
	}
	if file.N != r.metrics.N {
		return different("n", file.N, r.metrics.N)
	}
	for _, name := range r.metrics.Paths() {
		there, _ := file.Value(name)
		// The order of sums may differ between versions, not more.
		if here, _ := r.metrics.Value(name); math.Abs(there-here) > 1e-9 { // false where the file has none, which is NaN
			return different(name, there, here)
		}
	}
	r.metrics.CI = file.CI
	return nil
}

func (r *Run) readHistory() error {
	if r.config.Regime == nil { // imported, not trained here
		return nil
	}
	epochs, err := r.folder.History()
	if err != nil {
		return err
	}
	r.epochs = len(epochs)
	r.bestEpoch = r.config.KeptEpoch(epochs)
	r.seconds = run.Median(epochs, func(e run.Epoch) float64 { return e.Seconds })
	r.throughput = run.Median(epochs, func(e run.Epoch) float64 { return e.TrainImagesPerSecond })
	return nil
}
