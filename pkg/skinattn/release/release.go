package release

import (
	"cmp"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// Files of a released model beside those of a run folder.
const (
	CardFile    = "MODEL_CARD.md"
	LicenseFile = "LICENSE"
	SumsFile    = "SHA256SUMS" // of all other files, as sha256sum reads it
)

// Options name the run and the folder to make.
type Options struct {
	Run string // a finished run
	Out string // the folder of the released model; it must not be there yet, or be empty
	// Data has the metadata of the run's validation photos, for the metrics of subgroups.
	Data *ham10000.Dataset
	Log  func(line string) // gets lines for people, if not nil

	resamples int // for tests; 0: as many as metrics.json has
}

// Released describes a released model.
type Released struct {
	Run         string          `json:"run"`
	Out         string          `json:"out"`
	Files       int             `json:"files"`
	Bytes       int64           `json:"bytes"`
	Calibration run.Calibration `json:"calibration"`
}

// OccupiedError says that the folder for a released model holds something.
type OccupiedError struct{ Out string }

func (e *OccupiedError) Error() string { return fmt.Sprintf("%s is not empty", e.Out) }

// NotReleasableError says why no model is made of a run.
type NotReleasableError struct{ Run, Why string }

func (e *NotReleasableError) Error() string {
	return fmt.Sprintf("%s can't be released: %s", e.Run, e.Why)
}

//go:embed LICENSE.txt card.md
var texts embed.FS

// Make makes a released model of a run. A run that is not finished lacks a file, which is a
// *run.MissingError; a run that was not trained here, or for a few batches only, is a
// *NotReleasableError. Files appear together, or none does.
func Make(ctx context.Context, opts Options) (Released, error) {
	made := Released{Run: opts.Run, Out: opts.Out}
	from, err := run.Open(opts.Run)
	if err != nil {
		return made, err
	}
	if err := releasable(from); err != nil {
		return made, err
	}
	if entries, err := os.ReadDir(opts.Out); err == nil && len(entries) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return made, errors.Join(&OccupiedError{opts.Out}, err)
	}
	val, err := from.Predictions(split.Val)
	if err != nil {
		return made, err
	}
	calibration, err := run.Calibrate(val)
	if err != nil {
		return made, fmt.Errorf("calibrating %s: %w", opts.Run, err)
	}
	made.Calibration = *calibration
	evaluations, err := evaluator{cmp.Or(opts.resamples, eval.DefaultOptions().Resamples)}.all(ctx, from, opts.Data)
	if err != nil {
		return made, err
	}
	if err := os.MkdirAll(filepath.Dir(opts.Out), 0o755); err != nil {
		return made, fmt.Errorf("making the folder for the model: %w", err)
	}
	name := filepath.Base(opts.Out)
	err = atomicfile.WriteDir(opts.Out, ".releasing-*", func(dir string) error {
		to := &run.Folder{Dir: dir}
		if err := copyFiles(from, dir); err != nil {
			return err
		}
		if err := copyWeights(from, to, opts.Log); err != nil {
			return err
		}
		if err := errors.Join(to.WriteCalibration(calibration), writeEvaluations(dir, evaluations)); err != nil {
			return err
		}
		license, err := texts.ReadFile("LICENSE.txt")
		if err != nil {
			return err
		}
		if err := atomicfile.WriteBytes(filepath.Join(dir, LicenseFile), license); err != nil {
			return err
		}
		made.Files, made.Bytes, err = seal(to, name)
		return err
	})
	if err != nil {
		return made, fmt.Errorf("releasing %s: %w", opts.Run, err)
	}
	return made, nil
}

// Seal writes the model card and the checksums of a released model anew, after a change of
// its files. Any other folder is left as it is.
func Seal(dir string) error {
	f := &run.Folder{Dir: dir}
	if !f.Has(SumsFile) || !f.Has(CardFile) {
		return nil
	}
	absolute, err := filepath.Abs(dir)
	if err == nil {
		_, _, err = seal(f, filepath.Base(absolute))
	}
	if err != nil {
		return fmt.Errorf("sealing the released model %s: %w", dir, err)
	}
	return nil
}

// seal writes the card and then the checksums; it returns the number and size of all files.
func seal(f *run.Folder, name string) (files int, size int64, err error) {
	card, err := Card(f, name)
	if err != nil {
		return 0, 0, err
	}
	if err := atomicfile.WriteBytes(f.Path(CardFile), card); err != nil {
		return 0, 0, err
	}
	if err := os.Remove(f.Path(SumsFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, 0, err
	}
	return writeSums(f.Dir)
}

// releasable returns an error unless a run is trained to its end on whole data.
func releasable(f *run.Folder) error {
	cfg, err := f.Config()
	switch {
	case err != nil:
		return err
	case cfg.Regime == nil:
		return &NotReleasableError{f.Dir, "it was imported, not trained here, and has no validation predictions"}
	case cfg.FastDevRun:
		return &NotReleasableError{f.Dir, "it was trained on a few batches only, as a test of all steps"}
	case !f.Has(run.MetricsFile):
		return &run.MissingError{Dir: f.Dir, File: run.MetricsFile}
	}
	parts, err := f.Split()
	if err != nil {
		return err
	}
	if sum := parts.Summary().SHA256; cfg.Data.SplitSHA256 != "" && sum != cfg.Data.SplitSHA256 {
		return &NotReleasableError{f.Dir, fmt.Sprintf("its %s has the SHA-256 %s, not the one of its %s", run.SplitFile, sum, run.ConfigFile)}
	}
	val, err := f.Predictions(split.Val)
	if err != nil {
		return err
	}
	held := map[string]bool{}
	for _, row := range parts.Part(split.Val) {
		held[row.ImageID] = true
	}
	for _, id := range val.Predictions().ImageIDs {
		if !held[id] {
			return &NotReleasableError{f.Dir, fmt.Sprintf("image %s of %s is not in part val of %s; a split without val chose its weights on the test", id, run.PredictionsFile(split.Val), run.SplitFile)}
		}
	}
	return nil
}

// copied are the files of a run that a released model has, too, where the run has them;
// predictions come on top.
var copied = []string{run.ConfigFile, run.EnvironmentFile, run.SplitFile, filepath.Base(split.SummaryPath(run.SplitFile)),
	run.HistoryFile, run.RecallFile, run.MetricsFile, run.UnusualFile, run.UnusualTensorsFile}

func copyFiles(from *run.Folder, dir string) error {
	names := slices.Clone(copied)
	entries, err := from.ReadDir(".")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if ok, _ := filepath.Match(run.PredictionsFile("*"), entry.Name()); ok {
			names = append(names, entry.Name())
		}
	}
	for _, name := range names {
		content, err := from.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := atomicfile.WriteBytes(filepath.Join(dir, name), content); err != nil {
			return err
		}
	}
	return nil
}

// copyWeights writes the variables of the run's network, with the best weights, and no
// training state.
func copyWeights(from, to *run.Folder, log func(string)) error {
	net, all, err := checkpoint.LoadWeights(from, log)
	if err != nil {
		return err
	}
	store := model.NewStore()
	for _, v := range net.Graph.Variables() {
		value, err := all.GetVariable(v.Path()).Value()
		if err == nil {
			_, err = store.CreateVariable(v.Path(), value)
		}
		if err != nil {
			return fmt.Errorf("copying %s: %w", v.Path(), err)
		}
	}
	position := strings.TrimPrefix(filepath.Base(checkpoint.Newest(from, checkpoint.Best)), checkpoint.Best+"-")
	if position == "." {
		return &NotReleasableError{from.Dir, "it has no checkpoint of its best weights"}
	}
	return checkpoint.Save(to, checkpoint.Best, position, store, struct{}{})
}

// writeSums writes SumsFile, and returns the number and size of all files.
func writeSums(dir string) (files int, size int64, err error) {
	var text strings.Builder
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		sum := sha256.Sum256(content)
		fmt.Fprintf(&text, "%s  %s\n", hex.EncodeToString(sum[:]), filepath.ToSlash(name))
		files, size = files+1, size+int64(len(content))
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	return files + 1, size + int64(text.Len()), atomicfile.WriteBytes(filepath.Join(dir, SumsFile), []byte(text.String()))
}

// CheckSums returns an error for a file of a released model that does not have its
// checksum, and for a file without one.
func CheckSums(model fs.FS) error {
	text, err := fs.ReadFile(model, SumsFile)
	if err != nil {
		return err
	}
	sums := map[string]string{SumsFile: ""}
	for line := range strings.Lines(string(text)) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok {
			return fmt.Errorf("%s: line %q", SumsFile, line)
		}
		sums[name] = sum
	}
	seen := 0
	err = fs.WalkDir(model, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		want, listed := sums[path]
		content, err := fs.ReadFile(model, path)
		sum := sha256.Sum256(content)
		switch {
		case err != nil:
			return err
		case !listed:
			return fmt.Errorf("%s does not list %s", SumsFile, path)
		case path != SumsFile && hex.EncodeToString(sum[:]) != want:
			return fmt.Errorf("%s does not have the SHA-256 of %s", path, SumsFile)
		}
		seen++
		return nil
	})
	if err == nil && seen != len(sums) {
		err = fmt.Errorf("%s lists %d files, %d are there", SumsFile, len(sums)-1, seen-1)
	}
	return err
}
