package cli

import (
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

type runsCommand struct {
	Migrate runsMigrateCommand `cmd:"" help:"Bring run folders of older versions to the present format."`
}

type runsMigrateCommand struct {
	Runs []string `arg:"" name:"run" help:"Run folders."`
}

func (c *runsMigrateCommand) Run(s *session) error {
	var data *ham10000.Dataset
	if s.Data != "" {
		var err error
		if data, err = s.openData(); err != nil {
			return err
		}
	}
	migrated := []run.Migrated{}
	for _, dir := range c.Runs {
		m, err := run.Migrate(s.ctx, dir, data)
		if err != nil {
			return err
		}
		migrated = append(migrated, m)
		if !s.JSON {
			what := "has the present format"
			if m.Changed {
				what = "migrated"
			}
			if m.SourceSize != "" {
				what += ", photos of " + m.SourceSize
			} else {
				what += ", size of its photos not recorded"
			}
			fmt.Fprintf(s.stdout, "%s: %s\n", dir, what)
		}
	}
	if s.JSON {
		return s.answer(migrated)
	}
	return nil
}
