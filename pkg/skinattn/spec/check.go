package spec

import (
	"fmt"
	"slices"
	"strings"
)

// Check finds settings that make no sense.
func (r Regime) Check(classes int) error {
	switch {
	case r.Batch < 1:
		return fmt.Errorf("batch is %d; it must be at least 1", r.Batch)
	case r.Epochs < 1:
		return fmt.Errorf("epochs is %d; it must be at least 1", r.Epochs)
	case r.Accumulate < 0:
		return fmt.Errorf("accumulate is %d; it must be at least 0", r.Accumulate)
	case r.Views < 0:
		return fmt.Errorf("views is %d; it must be at least 0", r.Views)
	case r.StepsDivisor < 0:
		return fmt.Errorf("steps divisor is %d; it must be at least 0", r.StepsDivisor)
	case r.LearningRate <= 0:
		return fmt.Errorf("learning rate is %g; it must be above 0", r.LearningRate)
	case r.Epsilon <= 0:
		return fmt.Errorf("epsilon is %g; it must be above 0", r.Epsilon)
	case r.WarmUp < 0 || r.WarmUp > float64(r.Epochs):
		return fmt.Errorf("warm-up is %g epochs of %d", r.WarmUp, r.Epochs)
	case len(r.ClassWeights) != 0 && len(r.ClassWeights) != classes:
		return fmt.Errorf("%d class weights are given; there are %d classes", len(r.ClassWeights), classes)
	case len(r.ClassWeights) != 0 && r.ClassWeighting != "":
		return fmt.Errorf("class weights are given and class weighting is %s; leave one out", r.ClassWeighting)
	case r.Copies != Copies{} && r.Sampling != "":
		return fmt.Errorf("sampling %s draws photos, not copies; leave one out", r.Sampling)
	case r.Plateau.Patience < 0 || r.EarlyStop.Patience < 0:
		return fmt.Errorf("patience is %d and %d epochs; it must be at least 0", r.Plateau.Patience, r.EarlyStop.Patience)
	case r.Plateau.MinDelta < 0 || r.EarlyStop.MinDelta < 0 || r.Plateau.LearningRate < 0:
		return fmt.Errorf("minimal deltas are %g and %g, the smallest learning rate %g; they must not be negative",
			r.Plateau.MinDelta, r.EarlyStop.MinDelta, r.Plateau.LearningRate)
	}
	for _, w := range r.ClassWeights {
		if w < 0 {
			return fmt.Errorf("class weight %g is negative", w)
		}
	}
	for _, err := range []error{
		word("schedule", r.Schedule, "", Cosine),
		word("select", r.Select, "", SelectLast),
		word("sampling", r.Sampling, "", Balanced),
		word("class weighting", r.ClassWeighting, "", BalancedWeights),
		word("monitor of early stopping", r.EarlyStop.Monitor, "", MonitorAccuracy),
		word("notebook", string(r.Variant), "", string(Augmented)),
		word("head", string(r.Head), "", "flatten", "gap"),
		word("attention window", r.AttentionWindow, "", CenterWindow),
		r.Resize.Validate(),
		word("missing age", r.MissingAge, DropAge, ImputeAge),
		share("beta1", r.Beta1), share("beta2", r.Beta2),
		share("dropout", r.Dropout),
		share("batch-norm momentum", r.BatchNormMomentum),
		share("plateau factor", r.Plateau.Factor),
		share("ema", r.EMA),
		share("label smoothing", r.LabelSmoothing),
		share("metadata dropout", r.MetadataDropout),
		r.Copies.check(), r.Augment.check(), r.Mix.check(), r.Loss.check(), r.checkLayers(),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// share finds numbers outside [0, 1).
func share(name string, value float64) error {
	if value < 0 || value >= 1 {
		return fmt.Errorf("%s is %g; it must be in [0, 1)", name, value)
	}
	return nil
}

// word finds words that are not of the list.
func word(name, value string, known ...string) error {
	if slices.Contains(known, value) {
		return nil
	}
	text := strings.Join(known, " or ")
	if known[0] == "" {
		text = strings.Join(known[1:], ", ") + " or empty"
	}
	return fmt.Errorf("%s is %q; it must be %s", name, value, text)
}

func (r Regime) checkLayers() error {
	for _, l := range r.LayerRates {
		if l.Layers == "" || l.Factor < 0 {
			return fmt.Errorf("layer rate %q=%g: it needs layers, and a factor of at least 0", l.Layers, l.Factor)
		}
	}
	for _, f := range r.Freeze {
		if f.Layers == "" || f.Epochs < 0 {
			return fmt.Errorf("freeze %q for %d epochs: it needs layers, and at least 0 epochs", f.Layers, f.Epochs)
		}
	}
	return nil
}

func (c Copies) check() error {
	switch {
	case c.PerPhoto < 0 || c.PerClass < 0:
		return fmt.Errorf("copies are %d a photo and up to %d a class; they must be at least 0", c.PerPhoto, c.PerClass)
	case c.PerClass > 0 && c.Batch < 1:
		return fmt.Errorf("copies up to %d a class come in batches of %d; there must be at least 1 in a batch", c.PerClass, c.Batch)
	}
	return nil
}

func (a Augment) check() error {
	if a.Rotation < 0 {
		return fmt.Errorf("rotation is %g degrees; it must be at least 0", a.Rotation)
	}
	for _, err := range []error{
		share("shift of the augmentation", a.Shift),
		share("zoom of the augmentation", a.Zoom),
		share("crop of the augmentation", a.Crop),
		share("cutout of the augmentation", a.Cutout),
		share("brightness of the augmentation", a.Brightness),
		share("contrast of the augmentation", a.Contrast),
		share("saturation of the augmentation", a.Saturation),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

func (m Mix) check() error {
	if m.Mixup < 0 || m.CutMix < 0 {
		return fmt.Errorf("mixup is %g and cutmix %g; they must be at least 0", m.Mixup, m.CutMix)
	}
	return nil
}

func (l Loss) check() error {
	if err := word("loss", l.Kind, "", Focal, MultiWeighted); err != nil {
		return err
	}
	if l.Gamma < 0 {
		return fmt.Errorf("gamma of the loss is %g; it must be at least 0", l.Gamma)
	}
	return share("limit of the loss", l.Limit)
}
