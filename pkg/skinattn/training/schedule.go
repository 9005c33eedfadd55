package training

import (
	"math"

	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// scheduled returns the learning rate of an update, counted from 0. rate is the plateau
// rule's, perEpoch the number of updates of an epoch.
func scheduled(reg *spec.Regime, rate float64, update, perEpoch int) float64 {
	total, warm := float64(perEpoch*reg.Epochs), float64(perEpoch)*reg.WarmUp
	switch at := float64(update); {
	case at < warm:
		return rate * (at + 1) / warm
	case reg.Schedule == spec.Cosine:
		return rate * (1 + math.Cos(math.Pi*(at-warm)/(total-warm))) / 2
	}
	return rate
}

// patience counts the epochs since the best validation loss: the memory of Keras's
// ReduceLROnPlateau and EarlyStopping.
type patience struct {
	Seen bool    `json:"seen"` // false until the first epoch is judged
	Best float64 `json:"best"`
	Wait int     `json:"wait"` // epochs
}

// best is infinite before the first epoch, which JSON can't write.
func (p *patience) best() float64 {
	if !p.Seen {
		return math.Inf(1)
	}
	return p.Best
}

// judge starts the count again if the loss is better, otherwise it adds an epoch.
func (p *patience) judge(loss float64, better bool) {
	if better {
		p.Seen, p.Best, p.Wait = true, loss, 0
	} else {
		p.Wait++
	}
}

// next returns the learning rate after an epoch with the given validation loss.
func (p *patience) next(rule spec.Plateau, loss, learningRate float64) float64 {
	if rule.Factor == 0 {
		return learningRate
	}
	p.judge(loss, loss < p.best()-rule.MinDelta)
	if p.Wait > 0 && p.Wait >= rule.Patience && learningRate > rule.LearningRate {
		p.Wait = 0
		return max(learningRate*rule.Factor, rule.LearningRate)
	}
	return learningRate
}

// stop judges an epoch by its validation loss or accuracy and reports whether training ends
// after it.
func (p *patience) stop(rule spec.EarlyStop, loss, accuracy float64) bool {
	if rule.Patience == 0 {
		return false
	}
	if rule.Monitor == spec.MonitorAccuracy {
		loss = -accuracy
	}
	p.judge(loss, loss+rule.MinDelta < p.best())
	return p.Wait >= rule.Patience
}
