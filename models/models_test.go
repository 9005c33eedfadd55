package models

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// At most one model is released, and it is opened without a name.
func TestReleased(t *testing.T) {
	configs, err := fs.Glob(files, "*/"+run.ConfigFile)
	if err != nil || len(configs) > 1 {
		t.Fatalf("%v are run folders, %v; the program takes one", configs, err)
	}
	folder, err := Open("")
	if len(configs) == 0 {
		if !errors.Is(err, ErrNone) {
			t.Errorf("without a model the error is %v", err)
		}
		t.Skip("no model is released")
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := folder.Config(); err != nil {
		t.Error(err)
	}
	if _, err := folder.Calibration(); err != nil {
		t.Error(err)
	}
}

func TestOpenNamed(t *testing.T) {
	if _, err := Open(t.TempDir()); !errors.As(err, new(*run.NotFolderError)) {
		t.Error(err)
	}
}
