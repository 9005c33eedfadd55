package reproduce

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// Files of a run folder that are read; package run, which owns them, needs an engine.
const (
	configFile      = "config.json"
	environmentFile = "environment.json"
	splitFile       = "split.csv"
	historyFile     = "history.csv"
	metricsFile     = "metrics.json"
	predictionsFile = "predictions-test.csv"
)

// config is what is needed of config.json.
type config struct {
	Network struct {
		Backbone      string  `json:"backbone"`
		Cut           string  `json:"cut"`
		Size          int     `json:"size"`
		SoftAttention bool    `json:"soft_attention"`
		Metadata      bool    `json:"metadata"`
		Dropout       float64 `json:"dropout"`
		ChannelOrder  string  `json:"channel_order"`
		Preprocess    string  `json:"preprocess"`
	} `json:"network"`
	// Regime is nil for an imported network.
	Regime *spec.Regime `json:"regime"`
	Data   struct {
		Protocol   string `json:"protocol"`
		SourceSize string `json:"source_size"`
	} `json:"data"`
	Init string `json:"init"`
	Seed uint64 `json:"seed"`
	// FastDevRun marks a run of a few batches that only shows whether all works.
	FastDevRun bool `json:"fast_dev_run"`
}

// Run is a finished run folder.
type Run struct {
	Name string // of the folder
	Dir  string

	config      config
	configText  []byte // config.json, whole
	environment struct {
		Engine string `json:"engine"`
		CPU    string `json:"cpu"`
		Cores  int    `json:"cores"`
		Commit string `json:"commit"`
	}
	split       *split.Split
	predictions *eval.Predictions
	metrics     *eval.Metrics // with the intervals of metrics.json
	leak        split.Rate    // of the images that are reported
	epochs      int           // trained
	bestEpoch   int           // whose weights are reported, 0 if not known
	seconds     float64       // median of an epoch, NaN if not known
	throughput  float64       // median of training images/s, NaN if not known
	specificity *eval.Interval
}

// Load reads the run folders in dir, in the order of their names. Anything
// else in dir is left alone: files, and folders with none of a run's files. A
// run folder that is damaged or incomplete is an error that names the file.
func Load(dir string) ([]*Run, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the results: %w; --results names the folder of run folders", err)
	}
	var runs []*Run
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if !isRun(path) {
			continue
		}
		r, err := read(path)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	return runs, nil
}

// isRun is whether a folder has any file that only a run folder has.
func isRun(dir string) bool {
	for _, name := range []string{configFile, predictionsFile, splitFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// read reads one run folder.
func read(dir string) (*Run, error) {
	r := &Run{Name: filepath.Base(dir), Dir: dir, seconds: math.NaN(), throughput: math.NaN()}
	for _, step := range []func() error{r.readConfig, r.readSplit, r.readPredictions, r.readMetrics, r.readHistory} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("reading run %s: %w", r.Name, err)
		}
	}
	return r, nil
}

// path names a file of the run.
func (r *Run) path(name string) string { return filepath.Join(r.Dir, name) }

// readFile reads a file that a finished run has.
func (r *Run) readFile(name string) ([]byte, error) {
	text, err := os.ReadFile(r.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is missing; a finished run has it: add it or take the folder out", r.path(name))
	}
	return text, err
}

func (r *Run) readConfig() error {
	text, err := r.readFile(configFile)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &r.config); err != nil {
		return fmt.Errorf("%s: %w", r.path(configFile), err)
	}
	r.configText = text
	if r.config.Network.Backbone == "" || r.config.Network.Size <= 0 {
		return fmt.Errorf("%s: network.backbone or network.size is missing", r.path(configFile))
	}
	// Not every run has an environment: it says where, not what.
	text, err = os.ReadFile(r.path(environmentFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r.environment)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", r.path(environmentFile), err)
	}
	return nil
}

func (r *Run) readSplit() error {
	if _, err := r.readFile(splitFile); err != nil {
		return err
	}
	var err error
	if r.split, err = split.ReadFile(r.path(splitFile)); err != nil {
		return err
	}
	if p := r.split.Protocol; p != "" && p != r.config.Data.Protocol {
		return fmt.Errorf("%s is of protocol %s, but %s says %q", r.path(splitFile), p, configFile, r.config.Data.Protocol)
	}
	return nil
}

func (r *Run) readPredictions() error {
	if _, err := r.readFile(predictionsFile); err != nil {
		return err
	}
	path := r.path(predictionsFile)
	var err error
	if r.predictions, err = eval.ReadFile(path); err != nil {
		return err
	}
	if !slices.Equal(r.predictions.Classes, ham10000.Classes) {
		return fmt.Errorf("%s: the classes are %s, want %s in this order", path,
			strings.Join(r.predictions.Classes, ","), strings.Join(ham10000.Classes, ","))
	}
	if r.metrics, err = eval.Evaluate(r.predictions, eval.Options{}); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if r.metrics.N == 0 {
		return fmt.Errorf("%s: no image of known class", path)
	}
	trained, held := map[string]bool{}, map[string]bool{}
	for _, row := range r.split.Rows {
		if row.Part == split.Train {
			trained[row.LesionID] = true
		} else {
			held[row.ImageID] = true
		}
	}
	for i, id := range r.predictions.ImageIDs {
		if !held[id] && r.config.Data.Protocol != split.ISIC2018 { // whose test is not in the split
			return fmt.Errorf("%s: image %s is not held out by %s, so the two are of different runs", path, id, splitFile)
		}
		r.leak.HeldOut++
		if len(r.predictions.LesionIDs) != 0 && trained[r.predictions.LesionIDs[i]] {
			r.leak.Shared++
		}
	}
	return nil
}

// readMetrics takes the intervals from metrics.json once its values are found
// to be those of the predictions. Metrics that it lacks, as it may be older than
// they are, have no interval.
func (r *Run) readMetrics() error {
	text, err := r.readFile(metricsFile)
	if err != nil {
		return err
	}
	path := r.path(metricsFile)
	var file struct {
		N  int                      `json:"n"`
		CI map[string]eval.Interval `json:"ci"`
	}
	var values map[string]json.RawMessage
	if err = json.Unmarshal(text, &file); err == nil {
		err = json.Unmarshal(text, &values)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	different := func(name string, there, here any) error {
		return fmt.Errorf("%s: %s is %v, but %v by %s, so one of the two was changed; take both from one training", path, name, there, here, predictionsFile)
	}
	if file.N != r.metrics.N {
		return different("n", file.N, r.metrics.N)
	}
	for _, name := range r.metrics.Paths() {
		var there *float64
		raw, ok := values[name]
		if !ok || json.Unmarshal(raw, &there) != nil || there == nil {
			continue
		}
		// The order of sums may differ between versions, not more.
		if here, _ := r.metrics.Value(name); math.Abs(*there-here) > 1e-9 {
			return different(name, *there, here)
		}
	}
	r.metrics.CI = file.CI
	return nil
}

func (r *Run) readHistory() error {
	if r.config.Regime == nil { // imported, not trained here
		return nil
	}
	if _, err := r.readFile(historyFile); err != nil {
		return err
	}
	h, err := plots.ReadHistory(r.path(historyFile))
	if err != nil {
		return err
	}
	r.epochs = h.Len()
	if r.config.Regime.Select == spec.SelectLast {
		r.bestEpoch = r.epochs
	} else if best, ok := h.BestEpoch(); ok {
		r.bestEpoch = int(best)
	}
	r.seconds = h.Median(plots.SecondsColumn)
	r.throughput = h.Median("train_images_per_second")
	return nil
}
