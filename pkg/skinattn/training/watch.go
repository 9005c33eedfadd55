package training

import (
	"fmt"
	"time"

	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/tensorboard"
)

// Watchers passes every call on to each of several watchers.
type Watchers []Watcher

// Log implements Watcher.
func (w Watchers) Log(line string) {
	for _, each := range w {
		each.Log(line)
	}
}

// StartEpoch implements Watcher.
func (w Watchers) StartEpoch(epoch, epochs, total int) {
	for _, each := range w {
		each.StartEpoch(epoch, epochs, total)
	}
}

// Step implements Watcher.
func (w Watchers) Step(done int, loss, accuracy float64) {
	for _, each := range w {
		each.Step(done, loss, accuracy)
	}
}

// EndEpoch implements Watcher.
func (w Watchers) EndEpoch(row run.Epoch, best bool) {
	for _, each := range w {
		each.EndEpoch(row, best)
	}
}

// Board passes every finished epoch on to TensorBoard.
type Board struct {
	Watchers // none: the other calls do nothing
	writer   *tensorboard.Writer
	warn     func(line string)
}

// NewBoard writes TensorBoard's event files to dir. If an epoch can't be written, warn is
// called once and the training goes on.
func NewBoard(dir string, warn func(line string)) (*Board, error) {
	writer, err := tensorboard.Create(dir, time.Now())
	return &Board{writer: writer, warn: warn}, err
}

// EndEpoch implements Watcher.
func (b *Board) EndEpoch(row run.Epoch, _ bool) {
	scalars := []tensorboard.Scalar{
		{Tag: "loss/train", Value: row.TrainLoss}, {Tag: "loss/val", Value: row.ValLoss},
		{Tag: "accuracy/train", Value: row.TrainAccuracy}, {Tag: "accuracy/val", Value: row.ValAccuracy},
		{Tag: "balanced_accuracy/val", Value: row.ValBalancedAccuracy},
		{Tag: "learning_rate", Value: row.LearningRate},
		{Tag: "images_per_second", Value: row.TrainImagesPerSecond},
	}
	for class, recall := range row.ValRecallByClass() {
		scalars = append(scalars, tensorboard.Scalar{Tag: "recall/" + class, Value: recall})
	}
	if err := b.writer.Write(int64(row.Epoch), time.Now(), scalars...); err != nil && b.warn != nil {
		b.warn(fmt.Sprintf("warning: %v", err))
		b.warn = nil
	}
}

// Close closes the file.
func (b *Board) Close() error { return b.writer.Close() }
