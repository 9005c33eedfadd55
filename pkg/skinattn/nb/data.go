package nb

import (
	"context"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/synthetic"
)

// SyntheticImages and SyntheticSeed define the synthetic data set of all notebooks,
// which 'skinattn demo' draws, too.
const (
	SyntheticImages = 600
	SyntheticSeed   = 1
)

// Data opens the HAM10000 folder, whole. Without a real one, synthetic photos
// with masks are drawn first, once for all notebooks.
func (n *Notebook) Data(ctx context.Context) *ham10000.Dataset {
	return Must(n.data(ctx, synthetic.Options{Images: SyntheticImages, Seed: SyntheticSeed, Masks: true}))
}

func (n *Notebook) data(ctx context.Context, opts synthetic.Options) (*ham10000.Dataset, error) {
	if n.Synthetic && !synthetic.Complete(n.DataDir, opts) {
		err := exclusive(ctx, n.DataDir, func() error {
			if synthetic.Complete(n.DataDir, opts) { // another notebook has drawn them meanwhile
				return nil
			}
			return synthetic.Generate(ctx, n.DataDir, opts, Progress("drawing synthetic lesions"))
		})
		if err != nil {
			return nil, err
		}
	}
	return ham10000.Open(n.DataDir)
}

// Sample is the part of Data that the notebooks train on. At full scale it is all
// of Data; at demo scale it has about SyntheticImages photos, drawn by lesion and
// stratified by diagnosis.
func (n *Notebook) Sample(ctx context.Context) *ham10000.Dataset { return Must(n.sample(n.Data(ctx))) }

func (n *Notebook) sample(data *ham10000.Dataset) (*ham10000.Dataset, error) {
	folds := (len(data.Records) + SyntheticImages/2) / SyntheticImages
	if n.Scale == Full || folds < 2 {
		return data, nil
	}
	// A single grouped fold has the wanted size and is stratified by diagnosis.
	parts, err := split.New(split.Grouped, data.Records, split.Options{Seed: SyntheticSeed, Folds: folds})
	if err != nil {
		return nil, err
	}
	small := *data
	small.Records, err = parts.Select(data.Records, split.Test)
	return &small, err
}
