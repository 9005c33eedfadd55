// Package models holds the released model, a run folder without training state, in the
// program: predictions need no other file. README.md beside it says what lies here.
package models

import (
	"embed"
	"errors"
	"io/fs"
	"path"

	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// files are this folder: the released model is the folder in it that is a run folder.
//
//go:embed *
var files embed.FS

// ErrNone says that no model is released.
var ErrNone = errors.New("this version has no released model")

// Name is the name of the released model, empty if there is none.
func Name() string {
	configs, _ := fs.Glob(files, "*/"+run.ConfigFile) // the pattern is right
	if len(configs) == 0 {
		return ""
	}
	return path.Dir(configs[0])
}

// Released opens the released model for reading. Its name is models/NAME, wherever the
// program runs.
func Released() (*run.Folder, error) {
	name := Name()
	if name == "" {
		return nil, ErrNone
	}
	model, err := fs.Sub(files, name)
	if err != nil {
		return nil, err
	}
	return run.OpenFS(model, "models/"+name)
}

// Open opens the run folder dir or, if dir is empty, the released model.
func Open(dir string) (*run.Folder, error) {
	if dir == "" {
		return Released()
	}
	return run.Open(dir)
}
