package training

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// average updates the moving averages of the weights (EMA) in the graph, batch norms'
// moving statistics included: average = d*average + (1-d)*weight with the decay d.
func average(store *model.Store, g *graph.Graph, variables []layers.Variable, decay *graph.Node) {
	for _, v := range variables {
		mean, value := store.GetVariable(averaged+v.Path()), store.GetVariable(v.Path()).NodeValue(g)
		old := mean.NodeValue(g) // in this form, a value that does not change stays exactly the same
		mean.SetNodeValue(graph.Add(old, graph.Mul(graph.Sub(value, old), graph.OneMinus(decay))))
	}
}

// decay returns the decay of the average at a position: min(EMA, (1+t)/(10+t)) after update
// t, as in TensorFlow's ExponentialMovingAverage, so that the first weights lose their
// influence soon. Before the last batch of an update it is 1, which leaves the average
// unchanged.
func (s *Stepper) decay(at Position) float64 {
	if s.reg.Accumulate > 1 && at.Images == 0 {
		return 1
	}
	t := float64(at.Update)
	return min(s.reg.EMA, (1+t)/(10+t))
}

// copyVariables copies the values of variables from one store to another; a prefix stands
// before their paths. Copies that are not there yet are made.
func copyVariables(to *model.Store, toPrefix string, from *model.Store, fromPrefix string, variables []layers.Variable) error {
	for _, v := range variables {
		value, err := from.GetVariable(fromPrefix + v.Path()).Value()
		if err == nil {
			value, err = value.LocalClone()
		}
		if err == nil {
			if existing := to.GetVariable(toPrefix + v.Path()); existing != nil {
				err = existing.SetValue(value)
			} else {
				_, err = to.CreateVariable(toPrefix+v.Path(), value)
			}
		}
		if err != nil {
			return fmt.Errorf("copying %s: %w", fromPrefix+v.Path(), err)
		}
	}
	return nil
}
