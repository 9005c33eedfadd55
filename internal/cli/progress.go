package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// terminal says whether progress bars have somewhere to move.
func terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// bar makes a progress bar, nil where there is no terminal to draw it on.
func (s *session) bar(total int, title string) *progressbar.ProgressBar {
	if s.Quiet || !terminal(s.stderr) {
		return nil
	}
	return progressbar.NewOptions(total,
		progressbar.OptionSetWriter(s.stderr), progressbar.OptionSetDescription(title),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("images"),
		progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish(),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(24))
}

// progress follows a piece of work with a bar, or, without a terminal, with
// a line at its beginning.
func (s *session) progress(title string) func(done, total int) {
	var bar *progressbar.ProgressBar
	started := false
	return func(done, total int) {
		if !started {
			started = true
			if bar = s.bar(total, title); bar == nil {
				s.log(fmt.Sprintf("%s (%d)", title, total))
			}
		}
		if bar != nil {
			bar.Set(done)
		}
	}
}

// trainingBar shows a run: a bar for the running epoch, a line for each
// finished one.
type trainingBar struct {
	s      *session
	bar    *progressbar.ProgressBar
	header bool
	epoch  string
}

func newTrainingBar(s *session) *trainingBar { return &trainingBar{s: s} }

// Log implements training.Watcher.
func (b *trainingBar) Log(line string) { b.s.log(line) }

// StartEpoch implements training.Watcher.
func (b *trainingBar) StartEpoch(epoch, epochs, total int) {
	b.epoch = fmt.Sprintf("epoch %d of at most %d", epoch, epochs)
	b.bar = b.s.bar(total, b.epoch)
}

// Step implements training.Watcher.
func (b *trainingBar) Step(done int, loss, accuracy float64) {
	if b.bar != nil {
		b.bar.Describe(fmt.Sprintf("%s  loss %.4f  accuracy %.3f", b.epoch, loss, accuracy))
		b.bar.Set(done)
	}
}

// EndEpoch implements training.Watcher.
func (b *trainingBar) EndEpoch(row run.Epoch, best bool) {
	if b.bar != nil {
		b.bar.Clear()
	}
	if !b.header {
		b.header = true
		b.s.log("epoch  seconds  images/s     rate  train loss    acc  val loss    acc   bacc")
	}
	mark := ""
	if best {
		mark = "  best"
	}
	b.s.log(fmt.Sprintf("%5d %8.1f %9.1f %8.2g %11.4f %6.3f %9.4f %6.3f %6.3f%s", row.Epoch, row.Seconds, row.TrainImagesPerSecond,
		row.LearningRate, row.TrainLoss, row.TrainAccuracy, row.ValLoss, row.ValAccuracy, row.ValBalancedAccuracy, mark))
}
