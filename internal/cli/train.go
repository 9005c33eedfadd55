package cli

import (
	"fmt"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/regime"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

type trainCommand struct {
	Backbone string `help:"Network: ${enum}." required:"" enum:"${backbones}" placeholder:"NAME"`
	Protocol string `help:"How to split the data: ${enum}." default:"grouped" enum:"${protocols}" placeholder:"NAME"`
	Split    string `help:"Take this split instead of drawing one." placeholder:"FILE"`
	Dir      string `name:"run" help:"Run folder to make." required:"" placeholder:"DIR"`
	Resume   bool   `help:"Go on with the run in the folder."`
	Size     int    `help:"Image width and height in pixels (default: the network's own)." placeholder:"PX"`
	Weights  string `help:"Keras applications file to start from, 'imagenet' (as fetched) or 'random'." default:"imagenet" placeholder:"FILE"`
	regimeFlags
}

// Help is the command's long help.
func (trainCommand) Help() string {
	return `Examples:
  skinattn train --backbone mobilenet_v2 --protocol grouped --size 128 --run runs/mnv2
  skinattn train --backbone mobilenet_v2 --protocol grouped --size 128 --run runs/mnv2 --resume
  skinattn train --backbone mobilenet_v2 --run runs/noatt --no-soft-attention --weights random

Ctrl-C saves the state and exits with 130; --resume goes on to the same weights as an uninterrupted run.`
}

// regimeFlags choose a regime and change fields of it.
type regimeFlags struct {
	Regime          string    `help:"How to train: ${enum}." default:"${regime}" enum:"${regimes}" placeholder:"NAME" group:"regime"`
	Epochs          *int      `help:"At most this many epochs." placeholder:"N" group:"regime"`
	Batch           *int      `help:"Images a step." placeholder:"N" group:"regime"`
	LearningRate    *float64  `help:"Adam's first learning rate." placeholder:"X" group:"regime"`
	Epsilon         *float64  `help:"Adam's epsilon, in Keras's form." placeholder:"X" group:"regime"`
	Beta1           *float64  `name:"beta1" help:"Adam's decay of the first moment." placeholder:"X" group:"regime"`
	Beta2           *float64  `name:"beta2" help:"Adam's decay of the second moment." placeholder:"X" group:"regime"`
	PlateauFactor   *float64  `help:"Multiply the rate by this on a plateau of the validation loss; 0: never." placeholder:"X" group:"regime"`
	PlateauPatience *int      `help:"Epochs without progress that make a plateau." placeholder:"N" group:"regime"`
	PlateauMinDelta *float64  `help:"Progress that counts." placeholder:"X" group:"regime"`
	MinLearningRate *float64  `help:"Where the plateau rule ends." placeholder:"X" group:"regime"`
	StopPatience    *int      `help:"Stop after this many epochs without progress of the validation loss; 0: never." placeholder:"N" group:"regime"`
	StopMinDelta    *float64  `help:"Progress that counts for stopping." placeholder:"X" group:"regime"`
	ClassWeights    []float64 `help:"Seven weights of the loss, in class order." placeholder:"X,..." group:"regime"`
	MissingAge      *string   `help:"Images without an age: drop (in training and validation) or impute." placeholder:"WORD" group:"regime"`
	Dropout         *float64  `help:"Rate after the Soft-Attention block." placeholder:"X" group:"regime"`
	SoftAttention   *bool     `help:"Use the Soft-Attention block." negatable:"" group:"regime"`
	Metadata        *bool     `help:"Use age, sex and localization." negatable:"" group:"regime"`
}

// regime is the named one with the changes.
func (f regimeFlags) regime() (regime.Regime, error) {
	r, err := regime.Find(f.Regime)
	if err != nil {
		return r, usageError{err}
	}
	set(&r.Epochs, f.Epochs)
	set(&r.Batch, f.Batch)
	set(&r.LearningRate, f.LearningRate)
	set(&r.Epsilon, f.Epsilon)
	set(&r.Beta1, f.Beta1)
	set(&r.Beta2, f.Beta2)
	set(&r.Plateau.Factor, f.PlateauFactor)
	set(&r.Plateau.Patience, f.PlateauPatience)
	set(&r.Plateau.MinDelta, f.PlateauMinDelta)
	set(&r.Plateau.LearningRate, f.MinLearningRate)
	set(&r.EarlyStop.Patience, f.StopPatience)
	set(&r.EarlyStop.MinDelta, f.StopMinDelta)
	set(&r.MissingAge, f.MissingAge)
	set(&r.Dropout, f.Dropout)
	set(&r.SoftAttention, f.SoftAttention)
	set(&r.Metadata, f.Metadata)
	if f.ClassWeights != nil {
		r.ClassWeights = f.ClassWeights
	}
	return r, nil
}

// set changes field if a flag was given.
func set[T any](field *T, flag *T) {
	if flag != nil {
		*field = *flag
	}
}

// Run trains.
func (c *trainCommand) Run(s *session) error {
	reg, err := c.regime()
	if err != nil {
		return err
	}
	data, err := s.openData()
	if err != nil {
		return err
	}
	eng, err := s.openEngine()
	if err != nil {
		return err
	}
	s.log(fmt.Sprintf("engine: %s", eng))
	weights := c.Weights
	if weights == "imagenet" {
		if weights, err = pipeline.WeightsPath(c.Backbone); err != nil {
			return err
		}
	}
	opts := pipeline.TrainOptions{
		Data: data, Backbone: c.Backbone, Size: c.Size, Regime: reg,
		Protocol: c.Protocol, Seed: s.Seed, Weights: weights,
		Dir: c.Dir, Resume: c.Resume,
		Watch: newTrainingBar(s), Progress: s.progress("decoding images"),
	}
	if c.Split != "" {
		if opts.Split, err = split.ReadFile(c.Split); err != nil {
			return err
		}
	}
	return pipeline.Train(s.ctx, eng, opts)
}

// grammarVars are the words that the grammar above refers to.
func grammarVars() map[string]string {
	return map[string]string{
		"backbones": strings.Join(backbone.Names(), ","),
		"protocols": strings.Join(split.Protocols, ","),
		"regimes":   strings.Join(regime.Names(), ","),
		"regime":    regime.Default,
	}
}
