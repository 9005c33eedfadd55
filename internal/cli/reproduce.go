package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/skinattn/skinattn/pkg/skinattn/reproduce"
)

type reproduceCommand struct {
	Out     string `help:"Folder for the pages and tables." required:"" placeholder:"DIR"`
	Results string `help:"Folder of run folders (default: ${default})." default:"results" placeholder:"DIR"`
	Studies string `help:"Folder of studies, folders with the runs of one experiment each (default: ${default}, if it is there)." default:"studies" placeholder:"DIR"`
}

// defaultStudies is the default of --studies: a folder that need not exist.
const defaultStudies = "studies"

type reproduceAnswer struct {
	Files []string           `json:"files"`
	Cells []reproduce.Record `json:"cells"`
}

func (c *reproduceCommand) Run(s *session) error {
	runs, unfinished, err := reproduce.LoadFinished(c.Results)
	var folder *fs.PathError
	if errors.Is(err, reproduce.ErrRunFolder) || errors.As(err, &folder) && folder.Path == c.Results {
		return fmt.Errorf("%w; --results names the folder of run folders", err)
	}
	if err != nil {
		return err
	}
	studies, err := reproduce.LoadStudies(c.Studies)
	if missing := errors.Is(err, fs.ErrNotExist); err != nil && !(missing && c.Studies == defaultStudies) {
		if missing {
			return fmt.Errorf("%w; --studies names the folder of studies", err)
		}
		return err
	}
	runs = append(runs, studies...)
	for _, u := range unfinished {
		s.warn(fmt.Sprintf("run %s is left out: its training is not finished (it has no %s)", u.Name, u.Missing))
	}
	networks, err := reproduce.BuiltNetworks()
	if err != nil {
		return err
	}
	report, err := reproduce.New(s.ctx, runs, networks)
	if err != nil {
		return err
	}
	paths, err := report.Write(c.Out)
	if err != nil {
		return err
	}
	if s.JSON {
		return s.answer(reproduceAnswer{Files: paths, Cells: report.Records()})
	}
	for _, path := range paths {
		fmt.Fprintln(s.stdout, path)
	}
	s.log(fmt.Sprintf("%d runs from %s", len(runs), c.Results))
	return nil
}
