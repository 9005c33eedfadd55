package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/diagram"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// draw draws one network or all, and answers with the files' paths.
func (c backbonesCommand) draw(s *session) error {
	files := map[string]string{c.Draw: c.Out}
	names := []string{c.Draw}
	if c.Draw == "all" {
		names = backbone.Names()
		if c.Out != "" {
			if err := os.MkdirAll(c.Out, 0o755); err != nil {
				return fmt.Errorf("making the folder for the drawings: %w", err)
			}
		}
		for _, name := range names {
			files[name] = filepath.Join(c.Out, name+".svg")
		}
	} else if _, err := backbone.Find(c.Draw); err != nil {
		return usageError{err}
	}
	var paths []string
	for _, name := range names {
		cfg, err := skinattn.AuthorsNetwork(name, spec.Metadata)
		if err != nil {
			return err
		}
		network, err := diagram.New(cfg)
		if err != nil {
			return err
		}
		path := files[name]
		if path == "" {
			path = name + ".svg"
		}
		if err := plots.Save(path, network, plots.PaperWide()); err != nil {
			return err
		}
		paths = append(paths, path)
	}
	if s.JSON {
		return s.answer(paths)
	}
	for _, path := range paths {
		fmt.Fprintln(s.stdout, path)
	}
	return nil
}
