package cli

import (
	"fmt"
	"regexp"
	"time"

	"github.com/skinattn/skinattn/pkg/skinattn/sweep"
)

type sweepKubernetesCommand struct {
	sweepFile
	Name      string        `help:"Name of the Job (default: ${default})." default:"skinattn-sweep" placeholder:"NAME" group:"kubernetes"`
	Namespace string        `help:"Namespace (default: kubectl's)." placeholder:"NAME" group:"kubernetes"`
	Image     string        `help:"Container image whose entry point is skinattn, as the Dockerfile's target cli makes it." required:"" placeholder:"IMAGE" group:"kubernetes"`
	DataClaim string        `help:"Persistent volume claim with the photos." required:"" placeholder:"NAME" group:"kubernetes"`
	RunsClaim string        `help:"Persistent volume claim for the run folders, which several pods may write (ReadWriteMany)." required:"" placeholder:"NAME" group:"kubernetes"`
	AtOnce    int           `help:"At most so many cells at a time (default: ${default})." default:"10" placeholder:"N" group:"kubernetes"`
	GPUs      int           `name:"gpus" help:"NVIDIA GPUs of a cell." placeholder:"N" group:"kubernetes"`
	CPUs      string        `name:"cpus" help:"Cores of a cell." placeholder:"N" group:"kubernetes"`
	Memory    string        `name:"mem" help:"Memory of a cell: 16Gi." placeholder:"SIZE" group:"kubernetes"`
	Node      []string      `name:"node-label" help:"Run on nodes with this label." placeholder:"KEY=VALUE" group:"kubernetes"`
	Retries   int           `help:"New pods for a cell whose pod was lost, beside evictions, which do not count (default: ${default})." default:"3" placeholder:"N" group:"kubernetes"`
	Warning   time.Duration `help:"Time that a pod has to save (default: ${default})." default:"2m" placeholder:"TIME" group:"kubernetes"`
}

// What Kubernetes takes: as the name of a Job with an index behind it, of a namespace, of a claim,
// as numbers of cores and of bytes, and what an image is at least.
var (
	jobName       = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?$`)
	namespaceName = regexp.MustCompile(`^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$`)
	claimName     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	cores         = regexp.MustCompile(`^([0-9]+(\.[0-9]*)?|\.[0-9]+|[0-9]+m)?$`)
	memory        = regexp.MustCompile(`^(([0-9]+(\.[0-9]*)?|\.[0-9]+)(k|[MGTPE]|[KMGTPE]i)?)?$`)
	imageName     = regexp.MustCompile(`^[^\s]+$`)
)

// check returns a usage error for what Kubernetes would not take.
func (c *sweepKubernetesCommand) check() error {
	for _, f := range []struct {
		flag, value string
		form        *regexp.Regexp
		must        string
	}{
		{"name", c.Name, jobName, "have small letters, digits and hyphens, at most 52"},
		{"namespace", c.Namespace, namespaceName, "have small letters, digits and hyphens, at most 63"},
		{"image", c.Image, imageName, "name an image"},
		{"data-claim", c.DataClaim, claimName, "have small letters, digits, hyphens and points"},
		{"runs-claim", c.RunsClaim, claimName, "have small letters, digits, hyphens and points"},
		{"cpus", c.CPUs, cores, "be a number such as 4, .5 or 500m"},
		{"mem", c.Memory, memory, "be a number of bytes such as 16Gi or 16G"},
	} {
		if !f.form.MatchString(f.value) {
			return usagef("--%s is %q; it must %s", f.flag, f.value, f.must)
		}
	}
	switch {
	case c.AtOnce < 1 || c.GPUs < 0 || c.Retries < 0:
		return usagef("--at-once must be above 0; --gpus and --retries must not be negative")
	case c.Warning < time.Second:
		return usagef("--warning is %s; it must be at least 1s", c.Warning)
	}
	return nil
}

// Run prints the manifest.
func (c *sweepKubernetesCommand) Run(s *session) error {
	file, cells, err := c.expand(s)
	if err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	selector, err := sweep.ParseSelector(c.Node)
	if err != nil {
		return usagef("--node-label: %w", err)
	}
	manifest, err := sweep.Kubernetes(file, cells, sweep.KubernetesOptions{
		Name: c.Name, Namespace: c.Namespace, Image: c.Image, DataClaim: c.DataClaim, RunsClaim: c.RunsClaim, AtOnce: c.AtOnce,
		GPUs: c.GPUs, CPUs: c.CPUs, Memory: c.Memory, Engine: s.Engine, NodeSelector: selector, Retries: c.Retries, GraceSeconds: int(c.Warning.Seconds()),
	})
	if err != nil {
		return err
	}
	if s.JSON {
		return s.answer(map[string]any{"cells": len(cells), "manifest": string(manifest)})
	}
	_, err = fmt.Fprintf(s.stdout, "%s", manifest)
	return err
}
