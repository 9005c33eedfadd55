package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/weights"
)

type weightsCommand struct {
	Fetch  weightsFetchCommand  `cmd:"" help:"Download ImageNet weights from Keras's address."`
	Import weightsImportCommand `cmd:"" help:"Take in a Keras file: ImageNet weights, or a trained network as a run folder."`
	Export weightsExportCommand `cmd:"" help:"Write a run's network as a file that Keras loads, or as a folder of .npy files."`
	Check  weightsCheckCommand  `cmd:"" help:"Say what a Keras file is and whether it fits a network."`
}

type weightsFetchCommand struct {
	Backbones []string `arg:"" name:"backbone" optional:"" help:"Networks (default: all): ${enum}." enum:"${backbones}"`
}

// Run fetches the files of all networks, also after one has failed.
func (c *weightsFetchCommand) Run(s *session) error {
	names := c.Backbones
	if len(names) == 0 {
		for _, b := range backbone.Table {
			if b.Weights.URL != "" {
				names = append(names, b.Name)
			}
		}
	}
	rows := []weights.Fetched{}
	var failures []error
	for _, name := range names {
		progress, end := s.byteProgress(name)
		row, err := weights.Fetch(s.ctx, name, s.log, progress)
		end()
		if err != nil {
			row.Error = err.Error()
			failures = append(failures, err)
		} else if !s.JSON {
			how := "was there already"
			if row.Downloaded {
				how = "fetched"
			}
			fmt.Fprintf(s.stdout, "%s: %s, %s\n  from %s\n  licence %s, checksum: %s\n", name, row.File, how, row.URL, row.Licence, row.Checksum)
		}
		rows = append(rows, row)
		if s.ctx.Err() != nil {
			break
		}
	}
	if s.JSON {
		failures = append(failures, s.answer(rows))
	}
	return errors.Join(failures...)
}

// kerasFileFlags give the facts that a Keras file may lack.
type kerasFileFlags struct {
	Backbone     string  `help:"Network: ${enum}." required:"" enum:"${backbones}" placeholder:"NAME"`
	Cut          string  `help:"Keras layer after which the backbone ends (default: as the file has it)." placeholder:"LAYER"`
	Size         int     `help:"Image width and height in pixels (default: as the file has it)." placeholder:"PX"`
	ChannelOrder *string `help:"What the network was fed: rgb or bgr (default: bgr with metadata, rgb without, as the authors did)." enum:"rgb,bgr" placeholder:"ORDER"`
	Preprocess   *string `help:"How its pixels were scaled: tf, caffe, torch or none (default: as the authors did)." enum:"tf,caffe,torch,none" placeholder:"MODE"`

	AttentionWindow *string `help:"Channels that its Soft-Attention looks at: first (0, 1, 2: JAX, torch, TensorFlow's documentation) or center (the middle three: TensorFlow on a CPU); default: as the file shows, else first." enum:"first,center" placeholder:"WINDOW"`
}

func (f kerasFileFlags) options(s *session, file string) (weights.ImportOptions, error) {
	opts := weights.ImportOptions{
		Keras: file, Backbone: f.Backbone, Cut: f.Cut, Size: f.Size,
		ChannelOrder: imaging.Order(word(f.ChannelOrder)), Preprocess: imaging.Preprocess(word(f.Preprocess)),
		AttentionWindow: word(f.AttentionWindow), Log: s.log,
	}
	if f.Size < 0 {
		return opts, usagef("--size is %d; it must be above 0", f.Size)
	}
	return opts, nil
}

type weightsImportCommand struct {
	Keras string `help:"Keras file (.h5, .hdf5, .weights.h5, .keras), or an npy folder of 'weights export'." required:"" placeholder:"FILE"`
	kerasFileFlags
	Dir string `name:"run" help:"Run folder to make; needed unless the file holds ImageNet weights." placeholder:"DIR"`
}

func (c *weightsImportCommand) Run(s *session) error {
	opts, err := c.options(s, c.Keras)
	if err != nil {
		return err
	}
	opts.Dir = c.Dir
	made, err := weights.Import(opts)
	if errors.Is(err, weights.ErrNoRunFolder) {
		return usagef("%s holds a trained network: --run DIR must say which run folder to make of it", c.Keras)
	}
	if err != nil {
		return err
	}
	if made.Installed != "" && c.Dir != "" {
		s.log(fmt.Sprintf("note: %s has ImageNet weights, not a trained head: %s was not made; 'skinattn train --backbone %s --run %s' starts from them",
			c.Keras, c.Dir, c.Backbone, c.Dir))
	}
	if s.JSON {
		return s.answer(made)
	}
	writeWeightsReport(s, made.Report)
	if made.Installed != "" {
		fmt.Fprintf(s.stdout, "installed as %s\n", made.Installed)
	} else {
		fmt.Fprintf(s.stdout, "run folder %s; now: skinattn predict --run %s IMAGE...\n", made.Run, made.Run)
	}
	return nil
}

type weightsExportCommand struct {
	Dir    string `name:"run" help:"Run folder, whose best weights are taken (default: the released model)." placeholder:"DIR"`
	Out    string `help:"File to write, or folder for --format npy; it must not be there yet." required:"" placeholder:"PATH"`
	Format string `help:"h5: weights for the authors' network in Keras 2; keras3: a whole model for Keras 3 (PATH ends in .keras); npy: a folder of .npy files with an index." enum:"h5,keras3,npy" default:"h5" placeholder:"NAME"`
}

func (c *weightsExportCommand) Run(s *session) error {
	made, err := weights.Export(weights.ExportOptions{Run: c.Dir, Out: c.Out, Format: c.Format, Log: s.log})
	if err != nil {
		return err
	}
	if s.JSON {
		return s.answer(made)
	}
	fmt.Fprintf(s.stdout, "%s: %s, %d layers, %d tensors, %d parameters\n", made.Out, made.Backbone, made.Layers, made.Tensors, made.Parameters)
	if w := made.AttentionWindow; w != nil {
		fmt.Fprintf(s.stdout, "Soft-Attention looks at channels %s (%s) with JAX, torch and TensorFlow: %s\n", w.Channels, w.Window, w.Because)
	}
	return nil
}

type weightsCheckCommand struct {
	File string `arg:"" help:"Keras file (.h5, .hdf5, .weights.h5, .keras), or an npy folder of 'weights export'."`
	kerasFileFlags
}

func (c *weightsCheckCommand) Run(s *session) error {
	opts, err := c.options(s, c.File)
	if err != nil {
		return err
	}
	report, err := weights.Check(opts)
	if s.JSON {
		return errors.Join(s.answer(report), err)
	}
	if report.Form != "" {
		writeWeightsReport(s, report)
	}
	if len(report.Problems) > 1 {
		for _, problem := range report.Problems {
			fmt.Fprintf(s.stdout, "  %s\n", strings.TrimPrefix(problem, c.File+": "))
		}
	}
	return err
}

// formNames describe the forms of Keras files.
var formNames = map[string]string{
	weights.FormApplications: "ImageNet weights of Keras applications",
	weights.FormSaveWeights:  "weights of a trained network (save_weights)",
	weights.FormModel:        "a whole trained network (model)",
}

// writeWeightsReport describes a Keras file for people.
func writeWeightsReport(s *session, r weights.Report) {
	version := ""
	if r.KerasVersion != "" {
		version = ", Keras " + r.KerasVersion
	}
	fmt.Fprintf(s.stdout, "%s: %s, %d tensors, %d parameters%s\n", r.File, formNames[r.Form], r.Tensors, r.Parameters, version)
	if n := r.Network; n != nil {
		with := func(has bool) string {
			if has {
				return "with"
			}
			return "without"
		}
		fmt.Fprintf(s.stdout, "network: %s up to %s, %s Soft-Attention, %s metadata, %d px, channels %s, scaling %s\n",
			n.Backbone, n.Cut, with(n.SoftAttention), with(n.Metadata), n.Size, n.ChannelOrder, n.Preprocess)
	} else if r.Cut != "" {
		fmt.Fprintf(s.stdout, "network: %s up to %s\n", r.Backbone, r.Cut)
	}
	if w := r.AttentionWindow; w != nil {
		fmt.Fprintf(s.stdout, "Soft-Attention looks at channels %s (%s): %s\n", w.Channels, w.Window, w.Because)
		if !w.Known {
			other := weights.FirstWindow
			if w.Window == other {
				other = spec.CenterWindow
			}
			fmt.Fprintf(s.stdout, "  --attention-window %s if it looked at channels %s\n", other, w.Otherwise)
		}
	}
	if r.Fits {
		fmt.Fprintf(s.stdout, "fits: %d variables, each filled by one tensor\n", r.Variables)
	} else {
		fmt.Fprintf(s.stdout, "does not fit: %d of %d variables filled, %d of the tensors not used\n", r.Used, r.Variables, len(r.Unused))
	}
}
