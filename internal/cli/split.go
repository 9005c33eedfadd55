package cli

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

type splitCommand struct {
	Protocol string  `help:"How to split: ${enum}." required:"" enum:"${protocols}" placeholder:"NAME"`
	Out      string  `help:"CSV file to write; its summary goes beside it as .json." required:"" placeholder:"FILE"`
	Folds    int     `help:"Protocol ${folds}: number of folds." placeholder:"K"`
	Fold     int     `help:"Protocol ${folds} with --folds: which fold is the test part, from 0." placeholder:"I"`
	AsRun    bool    `help:"Protocol ${as_run}: no validation part, the test selects, as the authors of [14] did."`
	Arm      string  `help:"Protocol ${arm}: which of the two arms, ${arms}: with other photos of the test lesions in train, or with as many of other lesions." placeholder:"NAME"`
	Share    float64 `name:"test-share" help:"Protocol ${test_share}: share of the images to hold out, .15 or .2 as in the authors' other notebooks (default: .1)." placeholder:"X"`
}

// protocolTable lists the protocols for the long help.
func protocolTable() string {
	var table strings.Builder
	for _, p := range split.Protocols {
		fmt.Fprintf(&table, "  %-10s %s\n", p.Name, p.Summary)
	}
	return strings.TrimSuffix(table.String(), "\n")
}

// Run draws and writes a split.
func (c *splitCommand) Run(s *session) error {
	opts := split.Options{Seed: s.seed(), Folds: c.Folds, Fold: c.Fold, AsRun: c.AsRun, TestShare: c.Share, Arm: c.Arm}
	if err := opts.Check(c.Protocol); err != nil {
		return splitUsage(err)
	}
	data, err := s.openData()
	if err != nil {
		return err
	}
	parts, err := split.New(c.Protocol, data.Records, opts)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(c.Out), 0o755); err != nil {
		return fmt.Errorf("making the folder for the split: %w", err)
	}
	if err := parts.WriteFile(c.Out); err != nil {
		return err
	}
	if atomicfile.Replaces(c.Out) {
		s.log(fmt.Sprintf("wrote %s and %s; next: skinattn train --split %s --backbone mobilenet_v2 --run runs/NAME", c.Out, split.SummaryPath(c.Out), c.Out))
	} else {
		s.log(fmt.Sprintf("wrote into %s, and no summary: it is no file that something can lie beside", c.Out))
	}
	if s.JSON {
		return s.answer(parts.Summary())
	}
	return writeSplit(s.stdout, parts)
}

// splitUsage returns the usageError of a split's options, named as flags.
func splitUsage(err error) error {
	var wrong *split.OptionError
	if errors.As(err, &wrong) {
		err = errors.New(wrong.Text(func(o split.Option) string { return "--" + string(o) }))
	}
	return usageError{err}
}

// writeSplit shows the counts and the leak.
func writeSplit(w io.Writer, parts *split.Split) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "part\timages\tlesions\t")
	for _, class := range ham10000.Classes {
		fmt.Fprintf(table, "%s\t", class)
	}
	fmt.Fprintln(table)
	summary := parts.Summary()
	for _, part := range split.Parts {
		if summary.Images[part] == 0 {
			continue
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t", part, summary.Images[part], summary.Lesions[part])
		for _, class := range ham10000.Classes {
			fmt.Fprintf(table, "%d\t", summary.Counts[part][class])
		}
		fmt.Fprintln(table)
	}
	leak := parts.LeakRate()
	fmt.Fprintf(table, "leak\t%s\t\t", percent(leak.Overall.Share()))
	for _, rate := range leak.ByClass {
		fmt.Fprintf(table, "%s\t", percent(rate.Share()))
	}
	fmt.Fprintln(table)
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "leak: held-out images of a lesion that is also in train")
	return err
}

func percent(share float64) string {
	if math.IsNaN(share) {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*share)
}
