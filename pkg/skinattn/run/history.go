package run

import (
	"encoding/csv"
	"io"
	"strconv"

	"github.com/skinattn/skinattn/internal/atomicfile"
)

// Epoch is a row of history.csv.
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
}

var historyHeader = []string{"epoch", "seconds", "learning_rate", "train_loss", "train_accuracy",
	"val_loss", "val_accuracy", "val_balanced_accuracy", "train_images_per_second", "input_wait"}

// WriteHistory writes history.csv.
func (f *Folder) WriteHistory(rows []Epoch) error {
	return atomicfile.WriteFile(f.Path(HistoryFile), func(w io.Writer) error {
		table := csv.NewWriter(w)
		table.Write(historyHeader)
		for _, r := range rows {
			record := []string{strconv.Itoa(r.Epoch)}
			for _, v := range []float64{r.Seconds, r.LearningRate, r.TrainLoss, r.TrainAccuracy,
				r.ValLoss, r.ValAccuracy, r.ValBalancedAccuracy, r.TrainImagesPerSecond, r.InputWait} {
				record = append(record, strconv.FormatFloat(v, 'g', 7, 64))
			}
			table.Write(record)
		}
		table.Flush()
		return table.Error()
	})
}
