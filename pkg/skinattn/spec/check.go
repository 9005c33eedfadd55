package spec

import "fmt"

// maxLayerFactor is above any use, and keeps products with it finite.
const maxLayerFactor = 1e6

// Check finds settings that make no sense, of the regime and of the network options
// that it sets.
func (r Regime) Check(classes int) error {
	if err := checkOptions(RegimeOptions(), &r, false); err != nil {
		return err
	}
	if err := checkOptions(NetworkOptions(), &r.Network, true); err != nil {
		return err
	}
	switch {
	case r.WarmUp > float64(r.Epochs):
		return fmt.Errorf("warm-up is %g epochs of %d", r.WarmUp, r.Epochs)
	case len(r.ClassWeights) != 0 && len(r.ClassWeights) != classes:
		return fmt.Errorf("%d class weights are given; there are %d classes", len(r.ClassWeights), classes)
	case len(r.ClassWeights) != 0 && r.ClassWeighting != "":
		return fmt.Errorf("class weights are given and class weighting is %s; leave one out", r.ClassWeighting)
	case r.Copies != Copies{} && r.Sampling != "":
		return fmt.Errorf("sampling %s draws photos, not copies; leave one out", r.Sampling)
	case r.Copies.PerClass > 0 && r.Copies.Batch < 1:
		return fmt.Errorf("copies up to %d a class come in batches of %d; there must be at least 1 in a batch", r.Copies.PerClass, r.Copies.Batch)
	}
	for _, l := range r.LayerRates {
		if l.Layers == "" || !(l.Factor >= 0 && l.Factor <= maxLayerFactor) { // NaN is neither
			return fmt.Errorf("layer rate %q=%g: it needs layers, and a factor of 0 to %g", l.Layers, l.Factor, float64(maxLayerFactor))
		}
	}
	for _, f := range r.Freeze {
		if f.Layers == "" || f.Epochs < 0 {
			return fmt.Errorf("freeze %q for %d epochs: it needs layers, and at least 0 epochs", f.Layers, f.Epochs)
		}
	}
	return nil
}
