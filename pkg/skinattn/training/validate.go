package training

import (
	"context"
	"math"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// validate measures the network on the validation part.
func (t *trainer) validate(ctx context.Context) (row run.Epoch, err error) {
	if t.average != nil {
		if err := copyVariables(t.average, "", t.store, averaged, t.trained.Graph.Variables()); err != nil {
			return row, err
		}
	}
	predictions, err := t.model.Predict(ctx, skinattn.Request{Images: t.Val.inputs(t.net), Metadata: t.Val.metadata})
	if err != nil {
		return row, err
	}
	confusion := eval.NewConfusion(ham10000.NumClasses)
	for i, p := range predictions {
		truth := int(t.Val.labels[i])
		row.ValLoss += crossEntropyOf(p.Logits, truth) / float64(len(predictions))
		confusion[truth][argmax(p.Logits)]++
	}
	row.ValAccuracy, row.ValBalancedAccuracy = confusion.Accuracy(), confusion.BalancedAccuracy()
	row.ValRecall = make([]*float64, ham10000.NumClasses)
	for class := range row.ValRecall {
		if confusion.Support(class) > 0 {
			recall := confusion.Recall(class)
			row.ValRecall[class] = &recall
		}
	}
	return row, nil
}

// crossEntropyOf returns -log softmax(logits)[truth].
func crossEntropyOf(logits []float32, truth int) float64 {
	top := float64(logits[argmax(logits)])
	var sum float64
	for _, l := range logits {
		sum += math.Exp(float64(l) - top)
	}
	return math.Log(sum) + top - float64(logits[truth])
}

// argmax returns the index of the largest value, the first on a tie.
func argmax(values []float32) int {
	best := 0
	for i, v := range values {
		if v > values[best] {
			best = i
		}
	}
	return best
}
