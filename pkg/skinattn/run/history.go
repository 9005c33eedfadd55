package run

import (
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"strconv"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// Epoch is a row of history.csv and of history-recall.csv.
type Epoch struct {
	Epoch                int     `json:"epoch"` // from 1
	Seconds              float64 `json:"seconds"`
	LearningRate         float64 `json:"learning_rate"`
	TrainLoss            float64 `json:"train_loss"` // class-weighted, with dropout, as Keras logs it
	TrainAccuracy        float64 `json:"train_accuracy"`
	ValLoss              float64 `json:"val_loss"` // unweighted
	ValAccuracy          float64 `json:"val_accuracy"`
	ValBalancedAccuracy  float64 `json:"val_balanced_accuracy"`
	TrainImagesPerSecond float64 `json:"train_images_per_second"`
	InputWait            float64 `json:"input_wait"` // share of the training time spent waiting for images
	// ValRecall is by class, in class order; nil where the validation part has
	// none of a class.
	ValRecall []*float64 `json:"val_recall,omitempty"`
}

// ValRecallByClass goes through the recalls that are defined.
func (e Epoch) ValRecallByClass() iter.Seq2[string, float64] {
	return func(yield func(class string, recall float64) bool) {
		for i, recall := range e.ValRecall {
			if recall != nil && !yield(ham10000.Classes[i], *recall) {
				return
			}
		}
	}
}

var historyHeader = []string{"epoch", "seconds", "learning_rate", "train_loss", "train_accuracy",
	"val_loss", "val_accuracy", "val_balanced_accuracy", "train_images_per_second", "input_wait"}

// WriteHistory writes history.csv and, beside it, history-recall.csv: the
// validation recall of each class by epoch, empty where it is not known.
func (f *Folder) WriteHistory(rows []Epoch) error {
	history, recalls := [][]string{historyHeader}, [][]string{append([]string{"epoch"}, ham10000.Classes...)}
	for _, r := range rows {
		record := []string{strconv.Itoa(r.Epoch)}
		for _, v := range []float64{r.Seconds, r.LearningRate, r.TrainLoss, r.TrainAccuracy,
			r.ValLoss, r.ValAccuracy, r.ValBalancedAccuracy, r.TrainImagesPerSecond, r.InputWait} {
			record = append(record, number(v))
		}
		history = append(history, record)
		record = make([]string, 1+len(ham10000.Classes))
		record[0] = strconv.Itoa(r.Epoch)
		for i, recall := range r.ValRecall {
			if recall != nil {
				record[1+i] = number(*recall)
			}
		}
		recalls = append(recalls, record)
	}
	return errors.Join(f.writeTable(HistoryFile, history), f.writeTable(RecallFile, recalls))
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 7, 64) }

func (f *Folder) writeTable(name string, rows [][]string) error {
	return atomicfile.WriteFile(f.Path(name), func(w io.Writer) error { return csv.NewWriter(w).WriteAll(rows) })
}
