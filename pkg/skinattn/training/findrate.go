package training

import (
	"context"
	"fmt"
	"math"
)

// RatePoint is a step of a learning rate range test.
type RatePoint struct {
	Rate   float64 `json:"learning_rate"`
	Loss   float64 `json:"loss"`   // of the step's batch
	Smooth float64 `json:"smooth"` // moving average of the losses, bias removed
}

// Range has the rates of a learning rate range test: Steps rates from Low to High, evenly
// spaced by their logarithms.
type Range struct {
	Low, High float64
	Steps     int
}

// DefaultRange covers Adam's usual rates, at either epsilon.
var DefaultRange = Range{Low: 1e-7, High: 10, Steps: 120}

func (r Range) check() error {
	if r.Low <= 0 || r.High <= r.Low || r.Steps < 10 {
		return fmt.Errorf("the learning rate range is %g to %g in %d steps; it must rise from above 0 in at least 10", r.Low, r.High, r.Steps)
	}
	return nil
}

func (r Range) rate(step int) float64 {
	return r.Low * math.Pow(r.High/r.Low, float64(step)/float64(r.Steps-1))
}

const (
	rangeSmoothing = .9
	rangeDiverged  = 4 // times the lowest smooth loss
)

// FindRate trains with a learning rate that rises from step to step (Smith
// 2017, arXiv 1506.01186), until the loss is four times its lowest value or no number. The
// folder gets no checkpoint. progress, if not nil, is called after each step.
func FindRate(ctx context.Context, r Run, over Range, progress func(done, total int)) ([]RatePoint, error) {
	if err := over.check(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop() // ends the feed
	reg := *r.Config.Regime
	reg.Accumulate, reg.EMA = 0, 0 // each batch shall show its rate
	r.Config.Regime = &reg
	t, err := newTrainer(ctx, r)
	if err != nil {
		return nil, err
	}
	defer t.close()
	var points []RatePoint
	var average float64
	lowest := math.Inf(1)
	for epoch := 1; ; epoch++ {
		for batch := range t.feed(ctx, epoch, 0) {
			if batch.err != nil {
				return points, batch.err
			}
			step := len(points)
			rate := over.rate(step)
			loss, _, err := t.stepper.Step(batch.Batch, Position{Epoch: epoch, Step: step + 1, Update: step + 1, Rate: rate})
			if err != nil {
				return points, err
			}
			average = rangeSmoothing*average + (1-rangeSmoothing)*loss
			smooth := average / (1 - math.Pow(rangeSmoothing, float64(step+1)))
			if !finite(loss) || smooth > rangeDiverged*lowest {
				return points, nil
			}
			lowest = min(lowest, smooth)
			points = append(points, RatePoint{rate, loss, smooth})
			if progress != nil {
				progress(len(points), over.Steps)
			}
			if len(points) == over.Steps {
				return points, nil
			}
		}
		if err := ctx.Err(); err != nil {
			return points, err
		}
	}
}

// SuggestRates evaluates a range test. It returns the rate at which the smooth loss falls
// most steeply over the logarithm of the rate, and the rate of the lowest smooth loss. A
// good first rate lies between the first and a tenth of the second. Both are 0 for fewer
// than three points.
func SuggestRates(points []RatePoint) (steepest, lowest float64) {
	fall, least := math.Inf(1), math.Inf(1)
	for i, p := range points {
		if p.Smooth < least {
			least, lowest = p.Smooth, p.Rate
		}
		if i == 0 || i == len(points)-1 {
			continue
		}
		// Rates are evenly spaced: the difference is the slope but for a factor.
		if slope := points[i+1].Smooth - points[i-1].Smooth; slope < fall {
			fall, steepest = slope, p.Rate
		}
	}
	if len(points) < 3 {
		return 0, 0
	}
	return steepest, lowest
}
