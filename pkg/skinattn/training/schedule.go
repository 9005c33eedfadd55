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

// plateauState is the memory of Keras's ReduceLROnPlateau.
type plateauState struct {
	Seen bool    `json:"seen"` // false until the first epoch is judged
	Best float64 `json:"best"`
	Wait int     `json:"wait"`
}

// next returns the learning rate after an epoch with the given validation loss.
func (s *plateauState) next(p spec.Plateau, loss, learningRate float64) float64 {
	if p.Factor == 0 {
		return learningRate
	}
	if loss < bestSoFar(s.Seen, s.Best)-p.MinDelta {
		s.Seen, s.Best, s.Wait = true, loss, 0
		return learningRate
	}
	s.Wait++
	if s.Wait >= p.Patience && learningRate > p.LearningRate {
		s.Wait = 0
		return max(learningRate*p.Factor, p.LearningRate)
	}
	return learningRate
}

// bestSoFar is infinite before the first epoch, which JSON can't write.
func bestSoFar(seen bool, best float64) float64 {
	if !seen {
		return math.Inf(1)
	}
	return best
}

// stopState is the memory of Keras's EarlyStopping.
type stopState struct {
	Seen bool    `json:"seen"`
	Best float64 `json:"best"`
	Wait int     `json:"wait"`
}

// stop judges an epoch by its validation loss or accuracy and reports whether training ends
// after it.
func (s *stopState) stop(e spec.EarlyStop, loss, accuracy float64) bool {
	if e.Patience == 0 {
		return false
	}
	if e.Monitor == spec.MonitorAccuracy {
		loss = -accuracy
	}
	if loss+e.MinDelta < bestSoFar(s.Seen, s.Best) {
		s.Seen, s.Best, s.Wait = true, loss, 0
		return false
	}
	s.Wait++
	return s.Wait >= e.Patience
}
