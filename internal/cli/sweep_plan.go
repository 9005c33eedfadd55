package cli

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/skinattn/skinattn/pkg/skinattn/sweep"
)

type sweepPlanCommand struct {
	sweepFile
	Bench  []string `help:"File with what 'skinattn bench --json' answered on the device; several times for several files." sep:"none" placeholder:"FILE"`
	Device string   `help:"Device of the table, instead of or beside measurements: ${devices}." placeholder:"NAME"`
	Price  float64  `help:"Price of an hour of the device, in any currency." placeholder:"X"`
	AtOnce int      `help:"Devices that train at the same time (default: ${default})." default:"1" placeholder:"N"`
	All    bool     `help:"List every cell, not only what cells have in common."`
	Needs  bool     `name:"commands" help:"Print the commands whose answers are all measurements that --bench needs, for a shell on the device, and plan nothing."`
}

// Run estimates hours, memory and cost.
func (c *sweepPlanCommand) Run(s *session) error {
	switch {
	case c.Needs && (len(c.Bench) > 0 || c.Device != ""):
		return usagef("--commands plans nothing; leave --bench and --device out")
	case len(c.Bench) == 0 && c.Device == "" && !c.Needs:
		return usagef("--bench and --device are empty; give the file of a measurement ('skinattn bench --json > bench.json' on the device), or a device of the table: %s", strings.Join(sweep.DeviceNames(), ", "))
	case !(c.Price >= 0) || math.IsInf(c.Price, 0): // or no number
		return usagef("--price must not be negative, and a number")
	case c.AtOnce < 1:
		return usagef("--at-once must be above 0")
	}
	opts := sweep.PlanOptions{Price: c.Price, AtOnce: c.AtOnce}
	var err error
	if c.Device != "" {
		if opts.Device, err = sweep.FindDevice(c.Device); err != nil {
			return usagef("--device: %w", err)
		}
	}
	if len(c.Bench) > 0 {
		measured, err := sweep.ReadBench(c.Bench...)
		if err != nil {
			if _, ok := errors.AsType[*sweep.BenchError](err); ok {
				return usagef("--bench: %w", err)
			}
			return err
		}
		title := "measured in " + strings.Join(c.Bench, ", ")
		if opts.Device.Title != "" {
			title += ", else " + opts.Device.Title
		}
		opts.Device.Title, opts.Device.Results = title, append(measured, opts.Device.Results...)
	}
	if s.Data != "" {
		if opts.Data, err = s.openData(); err != nil {
			return err
		}
	}
	_, cells, err := c.expand(s)
	if err != nil {
		return err
	}
	plan, err := sweep.Estimate(cells, opts)
	if err != nil {
		return err
	}
	if c.Needs {
		return c.commands(s, plan)
	}
	if s.JSON {
		return s.answer(plan)
	}
	return writePlan(s.stdout, plan, c.All)
}

// commands prints the calls of bench that measure all of a plan.
func (c *sweepPlanCommand) commands(s *session, plan *sweep.Plan) error {
	if s.JSON {
		return s.answer(plan.Missing)
	}
	fmt.Fprintln(s.stdout, "# on the device: sh commands.sh > bench.json")
	for _, m := range plan.Missing {
		if len(m.Command) > 0 {
			fmt.Fprintln(s.stdout, measuring(m.Command))
		}
	}
	return nil
}

// measuring is the command of a measurement.
func measuring(args []string) string {
	return shellCommand(append(append([]string{programName, "bench"}, args...), "--json"))
}

// missingLines is the number of things not measured that a plan lists in text.
const missingLines = 12

// writePlan is the answer for people.
func writePlan(w io.Writer, plan *sweep.Plan, all bool) error {
	fmt.Fprintf(w, "device: %s\n\n", plan.Device)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "cells\twhat\tepochs\thours a cell\tstep\tsteps an epoch\tmemory\trests on")
	for _, g := range plan.Groups(all) {
		memory := "unknown"
		if g.MemoryBytes > 0 {
			memory = fmt.Sprintf("%.1f GB", float64(g.MemoryBytes)/1e9)
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%.3g s\t%s\t%s\t%s\n", g.Cells, g.What, between(float64(g.Epochs[0]), float64(g.Epochs[1])),
			between(g.Hours[0], g.Hours[1]), g.StepSeconds, between(float64(g.Steps[0]), float64(g.Steps[1])), memory, g.Basis)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\ntotal: %d cells, %s hours", len(plan.Cells), between(plan.Hours[0], plan.Hours[1]))
	if plan.Cost != nil {
		fmt.Fprintf(w, ", cost %s", between(plan.Cost[0], plan.Cost[1]))
	}
	fmt.Fprintf(w, "; %d at a time: at most %s\n", plan.AtOnce, span(plan.WallHours[1]))
	fmt.Fprintf(w, "longest cell: %s\n", plan.Longest)
	ask := "--time " + plan.SlurmTime
	if plan.SlurmMemory != "" {
		ask += " --mem " + plan.SlurmMemory
	}
	fmt.Fprintf(w, "Slurm: %s lets the longest cell end in one job; with less it is requeued and goes on\n", ask)
	if len(plan.Missing) > 0 {
		fmt.Fprintf(w, "\nnot measured:\n")
	}
	for i, m := range plan.Missing {
		if i == missingLines && !all && len(plan.Missing) > missingLines+1 {
			fmt.Fprintf(w, "  and %d more; --all lists them, --commands has the commands\n", len(plan.Missing)-i)
			break
		}
		fmt.Fprintf(w, "  %s (%d cells): %s\n", m.What, m.Cells, m.Basis)
		if len(m.Command) > 0 {
			fmt.Fprintf(w, "    %s\n", measuring(m.Command))
		}
	}
	return nil
}

// between writes a range of numbers with two digits, or one number.
func between(low, high float64) string {
	if a, b := short(low), short(high); a != b {
		return a + " to " + b
	}
	return short(high)
}

// short writes a number with at least two digits.
func short(x float64) string {
	switch {
	case x >= 10 || x == math.Trunc(x):
		return fmt.Sprintf("%.0f", x)
	case x >= 1:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2g", x)
}

// span writes hours for people.
func span(hours float64) string {
	if hours >= 48 {
		return fmt.Sprintf("%.1f days", hours/24)
	}
	return time.Duration(hours * float64(time.Hour)).Round(time.Minute).String()
}
