package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// overconfident are predictions of probability .9 for nv, of which right of n are right,
// and sure ones of .99 that are all right but one.
func overconfident(t *testing.T, n, right int) *eval.Table {
	t.Helper()
	p := eval.Predictions{Classes: ham10000.Classes}
	add := func(truth int, nv float32) {
		row := make([]float32, 7)
		for k := range row {
			row[k] = (1 - nv) / 6
		}
		row[5] = nv
		p.ImageIDs, p.Truth, p.Probs = append(p.ImageIDs, fmt.Sprint("ISIC_", len(p.ImageIDs))), append(p.Truth, truth), append(p.Probs, row)
	}
	for i := range n {
		if i < right {
			add(5, .9)
		} else {
			add(4, .9)
		}
	}
	for i := range n {
		if i > 0 {
			add(5, .99)
		} else {
			add(1, .99)
		}
	}
	table, err := eval.NewTable(&p)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestCalibration(t *testing.T) {
	val := overconfident(t, 40, 18)
	c, err := Calibrate(val)
	if err != nil {
		t.Fatal(err)
	}
	// 18 of 40 are right, fewer than half, so that their confidence is uncertain; of all 80, 57 are.
	if got := c.Confidence; got.Below != 40 || got.BelowRight != 18 || got.N != 80 || got.Right != 57 || got.Level != .5 || c.Scaling.Temperature() <= 1 || c.FittedOn != val.SHA256() {
		t.Errorf("%+v, temperature %g", c, c.Scaling.Temperature())
	}
	rows := val.Predictions().Probs
	if low, high := c.Scaling.Probabilities(rows[0]), c.Scaling.Probabilities(rows[79]); !c.Uncertain(low) || c.Uncertain(high) {
		t.Errorf("confidence %v and %v, threshold %g", low, high, c.Confidence.Threshold)
	}

	folder := &Folder{Dir: t.TempDir()}
	if _, err := folder.Calibration(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a run without calibration: %v", err)
	}
	if err := folder.WriteCalibration(c); err != nil {
		t.Fatal(err)
	}
	again, err := folder.Calibration()
	if diff := cmp.Diff(c, again); err != nil || diff != "" {
		t.Errorf("%v, read again: %s", err, diff)
	}
	good := text(t, folder.Path(CalibrationFile))
	for name, change := range map[string][2]string{
		"threshold": {`"threshold": 0.`, `"threshold": 10.`},
		"class":     {`"akiec"`, `"ak"`},
		"field":     {`"scaling"`, `"scale"`},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if bad == good {
			t.Fatalf("%s: nothing changed in %s", name, good)
		}
		if err := os.WriteFile(folder.Path(CalibrationFile), []byte(bad), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := folder.Calibration(); err == nil || !strings.Contains(err.Error(), CalibrationFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A folder that is not on disk has the same content for all readers.
func TestOpenFS(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "results", "mobilenet_v2-modern-grouped-128px-seed1")
	files := fstest.MapFS{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Type().IsRegular() {
			files[e.Name()] = &fstest.MapFile{Data: []byte(text(t, filepath.Join(dir, e.Name())))}
		}
	}
	there, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	here, err := OpenFS(files, "embedded")
	if err != nil {
		t.Fatal(err)
	}
	same := func(what string, a, b any, errs ...error) {
		if diff := cmp.Diff(a, b); diff != "" || errors.Join(errs...) != nil {
			t.Errorf("%s: %v, %s", what, errors.Join(errs...), diff)
		}
	}
	configA, err1 := there.Config()
	configB, err2 := here.Config()
	same("config", configA, configB, err1, err2)
	envA, err1 := there.Environment()
	envB, err2 := here.Environment()
	same("environment", envA, envB, err1, err2)
	splitA, err1 := there.Split()
	splitB, err2 := here.Split()
	same("split", splitA, splitB, err1, err2)
	predA, err1 := there.Predictions(split.Val)
	predB, err2 := here.Predictions(split.Val)
	same("predictions", predA.SHA256(), predB.SHA256(), err1, err2)
	metricsA, err1 := there.Metrics()
	metricsB, err2 := here.Metrics()
	same("metrics", fmt.Sprint(metricsA.Values()), fmt.Sprint(metricsB.Values()), err1, err2)
	historyA, err1 := there.History()
	historyB, err2 := here.History()
	same("history", fmt.Sprintf("%+v", historyA[0].TrainLoss), fmt.Sprintf("%+v", historyB[0].TrainLoss), err1, err2)
	if len(historyA) != len(historyB) || !here.Has(MetricsFile) || here.Has("none") {
		t.Error("the histories have different lengths, or Has errs")
	}
	var missing *MissingError
	if _, err := here.Calibration(); !errors.As(err, &missing) {
		t.Error(err)
	}
	if _, err := OpenFS(fstest.MapFS{}, "embedded"); !errors.As(err, new(*NotFolderError)) {
		t.Error(err)
	}
}
