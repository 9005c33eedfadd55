package cli

import (
	"cmp"
	"reflect"
	"strconv"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// regimeFlags choose a regime and change fields of it: a pointer the regime's field
// of the same name or, where there is a tag "field", the one at that path.
type regimeFlags struct {
	Regime string `help:"How to train: ${regimes} (default: ${regime})." default:"" enum:",${regimes}" placeholder:"NAME" group:"regime"`

	Epochs       *int    `help:"At most this many epochs." placeholder:"N" group:"regime"`
	Batch        *int    `help:"Images a step." placeholder:"N" group:"regime"`
	Accumulate   *int    `help:"Batches whose gradients make one update." placeholder:"N" group:"regime"`
	StepsDivisor *int    `help:"End an epoch after a step for so many photos of the training part; 0: when all are seen." placeholder:"N" group:"regime"`
	Sampling     *string `help:"Which photos make an epoch: empty (each once) or balanced (as many of every class)." placeholder:"WORD" group:"regime"`

	LearningRate    *float64 `help:"Adam's first learning rate." placeholder:"X" group:"regime"`
	Epsilon         *float64 `help:"Adam's epsilon, in Keras's form." placeholder:"X" group:"regime"`
	Beta1           *float64 `name:"beta1" help:"Adam's decay of the first moment." placeholder:"X" group:"regime"`
	Beta2           *float64 `name:"beta2" help:"Adam's decay of the second moment." placeholder:"X" group:"regime"`
	LayerRates      []string `help:"Factors on the learning rate of layers whose names begin so; 'backbone' is all up to the cut." placeholder:"LAYERS=X,..." group:"regime"`
	Freeze          []string `help:"Leave layers as they are, :N for the first N epochs only." placeholder:"LAYERS[:N],..." group:"regime"`
	PlateauFactor   *float64 `field:"Plateau.Factor" help:"Multiply the rate by this on a plateau of the validation loss; 0: never." placeholder:"X" group:"regime"`
	PlateauPatience *int     `field:"Plateau.Patience" help:"Epochs without progress that make a plateau." placeholder:"N" group:"regime"`
	PlateauMinDelta *float64 `field:"Plateau.MinDelta" help:"Progress that counts." placeholder:"X" group:"regime"`
	MinLearningRate *float64 `field:"Plateau.LearningRate" help:"Where the plateau rule ends." placeholder:"X" group:"regime"`
	Schedule        *string  `help:"How the learning rate goes on: empty (the plateau rule alone) or cosine." placeholder:"WORD" group:"regime"`
	WarmUp          *float64 `help:"Epochs in which the learning rate first rises from 0." placeholder:"X" group:"regime"`
	StopPatience    *int     `field:"EarlyStop.Patience" help:"Stop after this many epochs without progress; 0: never." placeholder:"N" group:"regime"`
	StopMinDelta    *float64 `field:"EarlyStop.MinDelta" help:"Progress that counts for stopping." placeholder:"X" group:"regime"`
	StopMonitor     *string  `field:"EarlyStop.Monitor" help:"What must make progress: empty (the validation loss) or val_accuracy." placeholder:"WORD" group:"regime"`
	Select          *string  `help:"Which weights are kept as best: empty (highest validation accuracy) or last." placeholder:"WORD" group:"regime"`
	EMA             *float64 `name:"ema" help:"Decay of a moving average of the weights, which is then validated and kept." placeholder:"X" group:"regime"`

	ClassWeights    []float64 `help:"Seven weights of the loss, in class order." placeholder:"X,..." group:"regime"`
	ClassWeighting  *string   `field:"-" help:"empty (the weights given) or balanced: N/(C*N_i) of the training part." placeholder:"WORD" group:"regime"`
	Loss            *string   `field:"Loss.Kind" help:"empty (cross-entropy), focal or multi-weighted." placeholder:"WORD" group:"regime"`
	FocalGamma      *float64  `field:"Loss.Gamma" help:"Exponent of the losses focal and multi-weighted." placeholder:"X" group:"regime"`
	OutlierLimit    *float64  `field:"Loss.Limit" help:"Loss multi-weighted: probability below which a photo is an outlier." placeholder:"X" group:"regime"`
	LabelSmoothing  *float64  `help:"Share of the true class's 1 that is spread over all classes." placeholder:"X" group:"regime"`
	MissingAge      *string   `help:"Images without an age: drop (in training and validation) or impute." placeholder:"WORD" group:"regime"`
	MetadataDropout *float64  `help:"Probability of hiding each of age, sex and localization in training." placeholder:"X" group:"regime"`

	Notebook          *string  `field:"Variant" help:"Whose cut, head and pixels: empty (the authors' metadata notebook) or augmented." placeholder:"WORD" group:"regime"`
	Head              *string  `help:"How features become a vector: flatten or gap; empty: as in the notebook." placeholder:"WORD" group:"regime"`
	AttentionWindow   *string  `help:"Channels that Soft-Attention looks at: empty (the first three) or center." placeholder:"WORD" group:"regime"`
	Gamma             *bool    `help:"Scale the attended features by a learned number." negatable:"" group:"regime"`
	ChannelOrder      *string  `help:"rgb or bgr; empty: as the authors fed the network." placeholder:"WORD" group:"regime"`
	Preprocess        *string  `help:"tf, caffe, torch or none; empty: as the authors scaled the pixels." placeholder:"WORD" group:"regime"`
	Resize            *string  `help:"empty (centre crop, bilinear) or stretch (nearest pixel)." placeholder:"WORD" group:"regime"`
	SoftAttention     *bool    `help:"Use the Soft-Attention block." negatable:"" group:"regime"`
	Metadata          *bool    `help:"Use age, sex and localization." negatable:"" group:"regime"`
	Dropout           *float64 `help:"Rate after the Soft-Attention block." placeholder:"X" group:"regime"`
	Views             *int     `help:"Turned views of a photo that the final predictions are the mean of; 0: the photo alone." placeholder:"N" group:"regime"`
	BatchNormMomentum *float64 `help:"Decay of the moving averages, in place of the network's own." placeholder:"X" group:"regime"`

	CopiesPerPhoto *int     `field:"Copies.PerPhoto" help:"Augmented copies beside every photo; the photos themselves are then unchanged." placeholder:"N" group:"augmentation"`
	CopiesPerClass *int     `field:"Copies.PerClass" help:"Copies that fill every class up to about so many, as [14] did on disk." placeholder:"N" group:"augmentation"`
	CopiesBatch    *int     `field:"Copies.Batch" help:"Size of the batches in which those copies come." placeholder:"N" group:"augmentation"`
	Rotation       *float64 `field:"Augment.Rotation" help:"Turn photos by up to this many degrees." placeholder:"X" group:"augmentation"`
	Shift          *float64 `field:"Augment.Shift" help:"Shift photos by up to this share of their size." placeholder:"X" group:"augmentation"`
	Zoom           *float64 `field:"Augment.Zoom" help:"Zoom each axis by 1-X..1+X." placeholder:"X" group:"augmentation"`
	HorizontalFlip *bool    `field:"Augment.HorizontalFlip" help:"Mirror half of the photos." negatable:"" group:"augmentation"`
	VerticalFlip   *bool    `field:"Augment.VerticalFlip" help:"Turn half of the photos upside down." negatable:"" group:"augmentation"`
	Crop           *float64 `field:"Augment.Crop" help:"Enlarge a part of X..1 of the area." placeholder:"X" group:"augmentation"`
	Brightness     *float64 `field:"Augment.Brightness" help:"Brightness by 1-X..1+X." placeholder:"X" group:"augmentation"`
	Contrast       *float64 `field:"Augment.Contrast" help:"Contrast by 1-X..1+X." placeholder:"X" group:"augmentation"`
	Saturation     *float64 `field:"Augment.Saturation" help:"Saturation by 1-X..1+X." placeholder:"X" group:"augmentation"`
	Cutout         *float64 `field:"Augment.Cutout" help:"Paint over a square with sides of this share." placeholder:"X" group:"augmentation"`
	Mixup          *float64 `field:"Mix.Mixup" help:"Blend pairs of photos, by Beta(X, X)." placeholder:"X" group:"augmentation"`
	CutMix         *float64 `field:"Mix.CutMix" name:"cutmix" help:"Put a box of one photo into another, its area by Beta(X, X)." placeholder:"X" group:"augmentation"`
}

// regime is the named one, as it is for the backbone, or base if none is named,
// with the changes.
func (f regimeFlags) regime(base spec.Regime, backbone string) (spec.Regime, error) {
	r := base
	if f.Regime != "" {
		var err error
		if r, err = spec.For(f.Regime, backbone); err != nil {
			return r, usageError{err}
		}
	}
	f.change(&r)
	// Weights given by hand take the place of computed ones, and the reverse.
	if f.ClassWeights != nil {
		r.ClassWeights, r.ClassWeighting = f.ClassWeights, ""
	}
	if f.ClassWeighting != nil {
		if r.ClassWeighting = *f.ClassWeighting; f.ClassWeights == nil && r.ClassWeighting != "" {
			r.ClassWeights = nil
		}
	}
	if f.LayerRates != nil {
		r.LayerRates = nil
		for _, text := range f.LayerRates {
			layers, factor, _ := strings.Cut(text, "=")
			x, err := strconv.ParseFloat(factor, 64)
			if err != nil {
				return r, usagef("--layer-rates %s: want LAYERS=X", text)
			}
			r.LayerRates = append(r.LayerRates, spec.LayerRate{Layers: layers, Factor: x})
		}
	}
	if f.Freeze != nil {
		r.Freeze = nil
		for _, text := range f.Freeze {
			layers, epochs, limited := strings.Cut(text, ":")
			freeze := spec.Freeze{Layers: layers}
			if limited {
				var err error
				if freeze.Epochs, err = strconv.Atoi(epochs); err != nil || freeze.Epochs < 1 {
					return r, usagef("--freeze %s: want LAYERS or LAYERS:N", text)
				}
			}
			r.Freeze = append(r.Freeze, freeze)
		}
	}
	return r, nil
}

// change sets the fields of r whose flags were given. A flag's field has the
// name of the flag's own, or that of its tag.
func (f regimeFlags) change(r *spec.Regime) {
	flags := reflect.ValueOf(f)
	for i := range flags.NumField() {
		flag := flags.Field(i)
		if flag.Kind() != reflect.Pointer || flag.IsNil() || flags.Type().Field(i).Tag.Get("field") == "-" {
			continue
		}
		field := fieldOf(r, flags.Type().Field(i))
		field.Set(flag.Elem().Convert(field.Type()))
	}
}

// fieldOf is the field of r that a flag changes.
func fieldOf(r *spec.Regime, flag reflect.StructField) reflect.Value {
	at := reflect.ValueOf(r).Elem()
	for name := range strings.SplitSeq(cmp.Or(flag.Tag.Get("field"), flag.Name), ".") {
		at = at.FieldByName(name)
	}
	return at
}
