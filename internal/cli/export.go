package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/skinattn/skinattn/pkg/skinattn/crate"
)

type exportCommand struct {
	Runs        []string `arg:"" name:"run" help:"Run folders."`
	ROCrate     bool     `name:"ro-crate" help:"As an RO-Crate 1.2, profile Process Run Crate 0.5." required:""`
	Out         string   `help:"New folder, or a new file that ends in .zip." required:"" placeholder:"DIR-or-ZIP"`
	Name        string   `help:"Title (default: the names of the runs)." placeholder:"TEXT"`
	License     string   `help:"Address of the licence (default: CC BY-NC 4.0, that of HAM10000, whose ids and diagnoses a run folder repeats)." placeholder:"URL"`
	Author      string   `help:"Who ran the trainings." placeholder:"NAME"`
	ORCID       string   `name:"orcid" help:"The author's ORCID." placeholder:"0000-..."`
	Published   string   `help:"Day of publication (default: today)." placeholder:"YYYY-MM-DD"`
	Checkpoints bool     `help:"With the checkpoints, which hold the weights."`
}

type exportAnswer struct {
	Out   string `json:"out"`
	Files int    `json:"files"`
}

// Run packs the runs.
func (c *exportCommand) Run(s *session) error {
	opts := crate.Options{Name: c.Name, Published: time.Now(), License: c.License, Author: c.Author, Checkpoints: c.Checkpoints}
	if c.Published != "" {
		day, err := time.Parse(time.DateOnly, c.Published)
		if err != nil {
			return usagef("--published is %q; it must be a day such as 2026-01-31", c.Published)
		}
		opts.Published = day
	}
	if c.License != "" && !strings.HasPrefix(c.License, "https://") && !strings.HasPrefix(c.License, "http://") {
		return usagef("--license is %q; it must be an address, such as https://creativecommons.org/licenses/by/4.0/", c.License)
	}
	if c.ORCID != "" {
		if c.Author == "" {
			return usagef("--orcid needs --author")
		}
		number := strings.TrimPrefix(c.ORCID, "https://orcid.org/")
		if !validORCID(number) {
			return usagef("--orcid is %q, which is no ORCID such as 0000-0002-1825-0097", c.ORCID)
		}
		opts.ORCID = "https://orcid.org/" + number
	}
	files, err := crate.Write(c.Out, c.Runs, opts)
	if err != nil {
		return err
	}
	if s.JSON {
		return s.answer(exportAnswer{c.Out, files})
	}
	_, err = fmt.Fprintf(s.stdout, "%s: %d files, described in %s\n", c.Out, files, crate.MetadataFile)
	return err
}

// validORCID checks the form and the check digit, ISO 7064 MOD 11-2.
func validORCID(text string) bool {
	groups := strings.Split(text, "-")
	digits := strings.Join(groups, "")
	if len(groups) != 4 || len(digits) != 16 {
		return false
	}
	sum := 0
	for i, r := range digits {
		switch {
		case i%4 == 0 && len(groups[i/4]) != 4:
			return false
		case r == 'X' && i == 15:
			return (sum+10)%11 == 1
		case r < '0' || r > '9':
			return false
		case i == 15:
			return (sum+int(r-'0'))%11 == 1
		}
		sum = (sum + int(r-'0')) * 2
	}
	return false
}
